"""What the player says stands: tempo, key and chords, from words, from files, and in the plan."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from ensemble.errors import ConfigError
from ensemble.listen.chords_file import read_chords
from ensemble.listen.listener import Listener
from ensemble.listen.overrides import ChordAt, Overrides, with_overrides
from ensemble.types.music import Heard
from tests.listen.leader_sounds import TWINKLE, TWINKLE_BEATS, chords, clip_of, tune


@pytest.fixture(scope="module")
def twinkle() -> Heard:
    return Listener().listen(clip_of(tune(TWINKLE, TWINKLE_BEATS, 100)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# my song\n0.0 C   # home\n\n4.8 F\n7.2 G7\n", [(0.0, "s", "C"), (4.8, "s", "F"), (7.2, "s", "G7")]),
        ("1 C\n9 F#m\n", [(1.0, "beat", "C"), (9.0, "beat", "F#m")]),
        ("0 2.5 C:maj\n2.5 5 N\n", [(0.0, "s", "C:maj"), (2.5, "s", "N")]),
        ("0 2 C\n2.02 4 F\n5 6 G\n", [(0.0, "s", "C"), (2.02, "s", "F"), (4.0, "s", "-"), (5.0, "s", "G")]),
    ],
)
def test_chords_files(tmp_path, text, expected):
    path = tmp_path / "chords.txt"
    path.write_text(text, encoding="utf-8")
    assert [(one.at, one.unit, one.chord) for one in read_chords(path)] == expected


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [("0.0 C\n1.0 Q\n", 2, "'Q' is no chord"), ("zero C\n", 1, "'zero' is no time"),
     ("1.0 C\n1.0 G\n", 2, "come after"),
     ("1.0 C\n3 G\n", 2, "mixes"), ("0 C\n", 1, "before the first"), ("\n\nC\n", 3, "not a time and a chord"),
     ("0.0 1.0 2.0 C\n", 1, "not a time and a chord"), ("nan C\n", 1, "is no time"), ("-1.0 C\n", 1, "is no time"),
     ("0.0 x C\n", 1, "'x' is no time"), ("0 1 C\n2.0 2.0 F\n", 2, "ends before it begins")],
)  # fmt: skip
def test_a_wrong_line_is_refused_with_its_number(tmp_path, text, line, problem):
    path = tmp_path / "chords.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=problem) as refused:
        read_chords(path)
    assert refused.value.what == f"{path}:{line}"


def test_a_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty").write_text("# nothing\n", encoding="utf-8")
    for name, problem in (("absent", "cannot be read"), ("binary", "not a text file"), ("empty", "no chords")):
        with pytest.raises(ConfigError, match=problem):
            read_chords(Path(tmp_path / name))


@pytest.mark.parametrize(
    "wrong",
    [{"tempo_bpm": 5}, {"tempo_bpm": float("nan")}, {"key": "H"}, {"beats_per_bar": 1},
     {"chords": [{"at": 1.0, "chord": "Q"}]},
     {"chords": [{"at": 2.0, "chord": "C"}, {"at": 1.0, "chord": "C"}]}, {"temp": 100}],
)  # fmt: skip
def test_wrong_overrides_are_refused(wrong):
    with pytest.raises((ValidationError, ConfigError)):
        Overrides.model_validate(wrong)


def test_overrides_travel_as_json_and_none_changes_nothing(twinkle):
    wanted = Overrides(tempo_bpm=90, key="Am", chords=(ChordAt(at=1, unit="beat", chord="F#m"),))
    assert Overrides.model_validate_json(wanted.model_dump_json()) == wanted
    assert wanted.key == "A minor"
    assert with_overrides(twinkle, Overrides()) is twinkle


@pytest.mark.parametrize("tempo_bpm", [50.0, 200.0])
def test_half_or_double_tempo_keeps_the_beats_that_are_there(twinkle, tempo_bpm):
    heard = with_overrides(twinkle, Overrides(tempo_bpm=tempo_bpm))
    assert heard.tempo_bpm == tempo_bpm
    np.testing.assert_allclose(np.diff(heard.beats_s), 60 / tempo_bpm, atol=0.03)
    onsets = np.arange(1, 47) * 0.6
    away = np.abs(heard.beats_s[:, None] - onsets[None, :])
    assert (away.min(axis=0 if tempo_bpm > 100 else 1)[1:-1] < 0.03).all()
    assert len(heard.chords) == len(heard.beats_s)


@pytest.mark.parametrize("tempo_bpm", [20.0, 300.0, 400.0])
def test_any_tempo_that_may_be_asked_for_gives_a_grid(twinkle, tempo_bpm):
    heard = with_overrides(twinkle, Overrides(tempo_bpm=tempo_bpm))
    assert np.median(np.diff(heard.beats_s)) == pytest.approx(60 / tempo_bpm, rel=0.08)
    assert heard.beats_s[-1] > 0.8 * heard.frames.num_frames / 100


@pytest.mark.parametrize("beats_per_bar", [2, 3, 5, 7])
def test_a_metre_is_believed_and_the_beats_stay(twinkle, beats_per_bar):
    heard = with_overrides(twinkle, Overrides(beats_per_bar=beats_per_bar))
    assert heard.beats_per_bar == beats_per_bar
    assert 0 <= heard.first_downbeat < beats_per_bar
    np.testing.assert_array_equal(heard.beats_s, twinkle.beats_s)


def test_a_key_leaves_the_bars_and_the_same_metre_the_downbeat(twinkle):
    waltz = dataclasses.replace(twinkle, beats_per_bar=3, first_downbeat=2, second_bars=(3, 0))
    for wanted in (Overrides(key="G major"), Overrides(beats_per_bar=3), Overrides(beats_per_bar=3, key="F major")):
        heard = with_overrides(waltz, wanted)
        assert (heard.beats_per_bar, heard.first_downbeat) == (3, 2)


def test_a_metre_that_is_confirmed_is_in_doubt_no_more(twinkle):
    """What may be wrong then is where bars begin."""
    in_doubt = dataclasses.replace(twinkle, second_bars=(7 - twinkle.beats_per_bar, 0))
    heard = with_overrides(in_doubt, Overrides(beats_per_bar=twinkle.beats_per_bar))
    assert (heard.beats_per_bar, heard.first_downbeat) == (twinkle.beats_per_bar, twinkle.first_downbeat)
    assert heard.second_bars is not None
    assert heard.second_bars[0] == twinkle.beats_per_bar
    assert heard.bar_confidence.mean() >= twinkle.bar_confidence.mean()


def test_a_key_is_believed_and_its_chords_are_preferred():
    leader = chords([(60, 64, 67), (65, 69, 72), (67, 71, 74), (60, 64, 67)] * 3, 1.0)
    heard = Listener().listen(clip_of(leader))
    changed = with_overrides(heard, Overrides(key="A minor"))
    assert (str(heard.key), str(changed.key), changed.key_sections) == ("C major", "A minor", ())
    assert [str(chord) for chord in changed.chords].count("C") >= 6  # what sounds is not talked away
    np.testing.assert_array_equal(changed.beats_s, heard.beats_s)


def test_given_chords_stand_from_the_nearest_beat_on(twinkle):
    beats = Overrides(chords=(ChordAt(at=3, unit="beat", chord="Am"), ChordAt(at=5, unit="beat", chord="N")))
    seconds = Overrides(chords=(ChordAt(at=1.25, chord="Am"), ChordAt(at=2.5, chord="N")))  # beats 2 and 4 of 0.6 s
    for wanted in (beats, seconds):
        changed = with_overrides(twinkle, wanted)
        assert changed.chord_doubts[:2] == twinkle.chord_doubts[:2]
        assert {(doubt.confidence, doubt.other) for doubt in changed.chord_doubts[2:]} == {(1.0, None)}
        assert [str(chord) for chord in changed.chords[:6]] == [
            *(str(chord) for chord in twinkle.chords[:2]), "Am", "Am", "-", "-"
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([(1, "Cm11"), (9, "Am"), (13, "Cm11"), (14, "Cm11"), (21, "D7b5/F#"), (25, "C")],
         [("chord_simplified", "Cm11 in bars 1 and 4 is played as Cm9, the nearest chord."),
          ("chord_simplified", "D7b5/F# in bar 6 is played as D7/F#, the nearest chord.")]),
        ([(3, "Em7b5/Bb"), (5, "Cadd9"), (7, "C5")], []),
        ([(3, "F"), (3.2, "G"), (1000, "Am"), (1001, "N")],
         [("chord_left_out", "F on beat 3 is not played: the next one begins on the same beat."),
          ("chord_left_out", "Am on beat 1000 is not played: it lies after the last beat.")]),
    ],
)  # fmt: skip
def test_what_is_lost_of_given_chords_is_said(twinkle, given, said):
    in_four = dataclasses.replace(twinkle, beats_per_bar=4, first_downbeat=0)
    wanted = Overrides(chords=tuple(ChordAt(at=at, unit="beat", chord=chord) for at, chord in given))
    heard = with_overrides(in_four, wanted)
    told = heard.diagnostics[len(twinkle.diagnostics) :]
    assert [(found.code, found.text) for found in told] == said


def test_a_chord_after_the_recording_is_left_out(twinkle):
    late = with_overrides(twinkle, Overrides(chords=(ChordAt(at=9999.0, chord="Am"),)))
    assert late.chords == twinkle.chords
    assert [found.code for found in late.diagnostics[len(twinkle.diagnostics) :]] == ["chord_left_out"]


def test_half_and_double_time_move_the_beats_and_find_the_bars_again(twinkle):
    half, double = (with_overrides(twinkle, Overrides(beat_level=level)) for level in ("half", "double"))
    assert half.tempo_bpm == pytest.approx(twinkle.tempo_bpm / 2)
    assert double.tempo_bpm == pytest.approx(2 * twinkle.tempo_bpm)
    np.testing.assert_allclose(np.diff(half.beats_s)[2:-2], 1.2, atol=0.05)
    np.testing.assert_allclose(np.diff(double.beats_s)[2:-2], 0.3, atol=0.05)
    assert half.tempo_confidence == double.tempo_confidence == 1.0
    assert len(half.chords) == len(half.beats_s)


def test_bar_one_begins_where_it_is_said_to(twinkle):
    moved = with_overrides(twinkle, Overrides(first_downbeat_s=0.65))
    assert (moved.first_downbeat, moved.beats_per_bar) == (1, twinkle.beats_per_bar)
    assert moved.bar_confidence.size == 0
    assert moved.second_bars is None
    assert moved.chords != twinkle.chords
    in_three = with_overrides(twinkle, Overrides(first_downbeat_s=0.6, beats_per_bar=3))
    assert (in_three.first_downbeat, in_three.beats_per_bar) == (1, 3)


def test_a_tempo_and_its_half_contradict_each_other():
    with pytest.raises(ValueError, match="contradict"):
        Overrides(tempo_bpm=100, beat_level="half")

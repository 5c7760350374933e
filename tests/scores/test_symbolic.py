"""What a score says is what the band hears of it: times, pitches, key, beats; and how it sounds."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from ensemble.conduct.grid import grid_of
from ensemble.conduct.midi import beat_map, write_midi
from ensemble.conduct.parts import write_parts
from ensemble.config import FollowerSettings
from ensemble.listen.listener import Listener
from ensemble.scores.kern.reader import parse_kern, read_kern
from ensemble.scores.melody import Melody
from ensemble.scores.midi_reader import read_midi
from ensemble.scores.midi_time import labels_of
from ensemble.scores.pulse import pulse_of
from ensemble.scores.score import read_score
from ensemble.scores.symbolic import hear_melody, leader_instrument, melody_frames, play_melody
from ensemble.types.instruments import CATALOGUE
from ensemble.types.music import SILENCE_DB, Key

FIXTURES = Path(__file__).parent / "kern"


def tune(*tokens: str) -> Melody:
    return parse_kern("\n".join(("**kern", *tokens, "*-")), "tune")


@pytest.fixture(scope="module")
def lantern() -> Melody:
    return read_kern(FIXTURES / "lantern.krn")


def test_every_frame_has_the_pitch_that_is_written_there_and_no_other(lantern: Melody) -> None:
    frames = melody_frames(lantern)
    assert frames.num_frames == 750
    expected = np.zeros(750)
    for note in lantern.notes:
        expected[round(100 * note.onset_s) : round(100 * note.stop_s)] = 440 * 2 ** ((note.pitch_midi - 69) / 12)
    np.testing.assert_allclose(frames.f0_hz, expected, rtol=1e-6)
    np.testing.assert_array_equal(frames.confidence, expected > 0)
    np.testing.assert_array_equal(frames.loudness_db <= SILENCE_DB, expected == 0)
    np.testing.assert_array_equal(frames.chroma.sum(axis=0), expected > 0)
    starts = [round(100 * note.onset_s) for note in lantern.notes]
    assert np.flatnonzero(frames.onset).tolist() == starts
    assert [int(frames.chroma[:, start].argmax()) for start in starts] == [n.pitch_midi % 12 for n in lantern.notes]


def test_loudness_follows_velocity_accents_and_the_phrase() -> None:
    flat = melody_frames(tune("*M4/4", "*MM60", "=1", *["{4c", "4d", "4e", "4f", "=2", "4c", "4d", "4e", "4f}"]))
    peaks = flat.loudness_db.reshape(8, 100).max(axis=1)
    assert peaks[4] == peaks.max()  # the downbeat in the middle of the phrase
    assert peaks[0] - peaks[7] == pytest.approx(1.0, abs=0.01)  # both ends of the arch, a downbeat against a beat
    assert 2.0 < peaks[4] - peaks[0] < 6.0
    dips = flat.loudness_db.reshape(8, 100)[:, -1] - peaks
    assert (dips[:-1] < -4).all()
    assert dips[-1] < -25  # the last is released


def test_a_note_that_comes_again_is_heard_to_begin_again() -> None:
    loudness = melody_frames(tune("*MM60", "4c", "4c", "4d")).loudness_db
    assert loudness[50] - loudness[99] > 20.0
    assert loudness[150] - loudness[199] < 10.0


def test_key_tempo_metre_and_beats_are_the_scores(lantern: Melody) -> None:
    heard = hear_melody(lantern)
    assert heard.key == Key(tonic=7, mode="major")
    assert (heard.tempo_bpm, heard.beats_per_bar, heard.first_downbeat) == (96.0, 3, 1)
    np.testing.assert_allclose(heard.beats_s, 0.625 * np.arange(12))
    assert heard.tuning_cents == 0.0
    assert heard.diagnostics == ()
    chords = [str(chord) for chord in heard.chords]
    assert chords[1] == "G"
    assert chords[-1] == "G"
    assert len(set(chords)) > 1


@pytest.mark.parametrize(
    ("said", "tempo_bpm", "beats_per_bar", "beat_division"),
    [
        (("*M6/8", "*MM120"), 80.0, 2, 3),
        (("*M9/8", "*MM90"), 60.0, 3, 3),
        (("*M12/8", "*MM180"), 120.0, 4, 3),
        (("*M6/16", "*MM60"), 80.0, 2, 3),
        (("*M6/8", "*MM36"), 72.0, 6, 2),  # dotted quarters at 24 are too slow
        (("*M6/4", "*MM120"), 120.0, 6, 2),
        (("*M6/4", "*MM300"), 100.0, 2, 3),  # quarters at 300 cannot be counted
        (("*M3/8", "*MM100"), 200.0, 3, 2),
        (("*M2/2", "*MM120"), 60.0, 2, 2),
        (("*M2/2", "*MM60"), 60.0, 4, 2),  # halves at 30 are too slow
        (("*M4/16", "*MM100"), 200.0, 2, 2),
        (("*M3/4", "*MM44"), 44.0, 3, 2),  # six eighths would be counted as two threes
        (("*M2/4", "*MM44"), 88.0, 4, 2),
        (("*M5/4", "*MM100"), 100.0, 5, 2),
        (("*MX", "*MM100"), 100.0, 4, 2),
        (("*M5/16", "*MM120"), 480.0, 5, 2),
        (("*M5/32", "*MM120"), 120.0, 4, 2),  # nobody counts to 960
    ],
)
def test_a_band_counts_what_it_can_count(
    said: tuple[str, str], tempo_bpm: float, beats_per_bar: int, beat_division: int
) -> None:
    pulse = pulse_of(tune(*said, "=1", "1c", "1d", "1e"))
    assert (pulse.tempo_bpm, pulse.beats_per_bar, pulse.first_downbeat) == (tempo_bpm, beats_per_bar, 0)
    assert pulse.beat_division == beat_division
    assert np.diff(pulse.times_s) == pytest.approx(60 / tempo_bpm)


@pytest.mark.parametrize(("upbeat", "first", "downbeat"), [("8c", 0.5, 0), ("4.c", 0.5, 1), ("2.c", 0.0, 3)])
def test_an_upbeat_moves_the_bars(upbeat: str, first: float, downbeat: int) -> None:
    heard = hear_melody(tune("*M4/4", "*MM60", upbeat, "=1", "1d", "=2", "1e"))
    assert heard.beats_s[0] == first
    assert heard.first_downbeat == downbeat
    assert float(np.round(heard.beats_s[downbeat], 9)) == {"8c": 0.5, "4.c": 1.5, "2.c": 3.0}[upbeat]


def test_bars_are_counted_from_where_a_score_begins_to_sound() -> None:
    heard = hear_melody(tune("*M4/4", "*MM60", "=1", "1r", "=2", "2r", "4r", "4c", "=3", "1d", "=4", "1e"))
    assert heard.first_downbeat == 8


def test_beats_follow_a_tempo_that_changes() -> None:
    heard = hear_melody(tune("*M4/4", "*MM60", "=1", "1c", "*MM120", "=2", "1d"))
    assert heard.beats_s.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 4.5, 5.0, 5.5]
    assert heard.tempo_bpm == pytest.approx(80.0)


CHANGING = tune(
    "*M4/4", "*MM120", "8g", "=1", *["4c", "4d", "4e", "4f"], "=2", *["4c", "4d", "4e", "4f"],
    "*M3/4", "=3", *["4e", "4d", "4e"], "=4", "2.c", "*M4/4", "=5", "1d", "=6", "1e", "*M6/8", "=7", "4.c", "4.d", "=8",
    "2.c", "*M4/4", "=9", "1c", "=10", "1c",
)  # fmt: skip


def test_bars_are_as_written_where_the_metre_changes() -> None:
    heard = hear_melody(CHANGING)
    assert (heard.beats_per_bar, heard.beat_division, heard.written_metre) == (4, 2, (4, 4))
    bars_s = [0.25 + at / 2 for at in (0, 4, 8, 11, 14, 18, 22, 25, 28, 32)]
    np.testing.assert_allclose(heard.beats_s[heard.downbeats], bars_s)
    assert np.diff(heard.downbeats).tolist() == [4, 4, 3, 3, 4, 4, 2, 2, 4]
    grid = grid_of(heard)
    opened = grid.edges_s[:-1][(grid.positions == 0) & (grid.bars >= 0)]
    np.testing.assert_allclose(opened, bars_s)
    assert sorted(set(grid.bars.tolist())) == list(range(10))
    for beat, bar in zip(heard.downbeats, bars_s, strict=True):
        assert melody_frames(CHANGING).loudness_db[round(100 * bar) + 6] > -60.0
        assert heard.beats_s[beat] == pytest.approx(bar)


def test_the_metres_of_a_score_are_exported_where_they_change(tmp_path: Path) -> None:
    heard = hear_melody(CHANGING)
    bass = FollowerSettings(name="bass", instrument="electric_bass", role="bass")
    (part,) = write_parts(heard, (bass,), heard.frames.num_frames, 0)
    write_midi(tmp_path / "bass.mid", part, bass, beat_map(heard))
    labels = labels_of(read_midi((tmp_path / "bass.mid").read_bytes(), "bass.mid"))
    assert [(float(mark.at), mark.beats, mark.unit) for mark in labels.metres] == [
        (0, 4, 4), (9, 3, 4), (15, 4, 4), (23, 6, 8), (29, 4, 4),  # after a beat for the upbeat
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("metre", "bar"),
    [
        ((6, 8), ["4.c", "4.d"]), ((9, 8), ["4.c", "4.d", "4.e"]), ((12, 8), ["2.c", "2.d"]),
        ((7, 8), ["4c", "4d", "4.e"]), ((2, 2), ["2c", "2d"]), ((3, 8), ["4.c"]),
    ],
)  # fmt: skip
def test_a_section_in_another_metre_is_exported_with_its_signature_at_the_one_tempo(
    metre: tuple[int, int], bar: list[str], tmp_path: Path
) -> None:
    four = [*["4c"] * 4, "=", *["4d"] * 4, "=", *["4e"] * 4]
    heard = hear_melody(tune("*M4/4", "*MM120", "=1", *four, f"*M{metre[0]}/{metre[1]}", "=4", *bar, "=5", *bar,
                             "*M4/4", "=6", *four))  # fmt: skip
    bass = FollowerSettings(name="bass", instrument="electric_bass", role="bass")
    (part,) = write_parts(heard, (bass,), heard.frames.num_frames, 0)
    write_midi(tmp_path / "bass.mid", part, bass, beat_map(heard))
    labels = labels_of(read_midi((tmp_path / "bass.mid").read_bytes(), "bass.mid"))
    back = 12 + 2 * 4 * metre[0] / metre[1]
    found = [(float(mark.at), mark.beats, mark.unit) for mark in labels.metres]
    assert found == [(0, 4, 4), (12, *metre), (back, 4, 4)]
    assert [float(mark.quarter_bpm) for mark in labels.tempos] == [120]
    again = hear_melody(read_score(tmp_path / "bass.mid").melody)
    assert again.beats_s.tolist()[:20] == heard.beats_s.tolist()[:20]
    assert again.downbeats[:8] == heard.downbeats[:8]


def test_a_bar_that_its_metre_does_not_fill_before_another_one_keeps_the_bars_after_it() -> None:
    heard = hear_melody(tune("*M3/4", "*MM60", "=1", "2.c", "=2", "8.c", "*M2/4", "=3", "2d", "=4", "2e"))
    assert heard.beats_s[heard.downbeats].tolist() == [0.0, 3.0, 3.75, 5.75]


def test_what_is_assumed_is_said() -> None:
    heard = hear_melody(tune("4g", "4a", "4b", "4cc", "4dd", "4f#", "2g"))
    assert heard.key == Key(tonic=7, mode="major")  # found
    said = " ".join(found.text for found in heard.diagnostics)
    assert [found.code for found in heard.diagnostics] == ["metre_simplified", "tempo_assumed", "key_assumed"]
    for what in (
        "no tempo that can be read: 100 quarters a minute",
        "no key: G major is found",
        "bars of four quarters are assumed",
    ):
        assert what in said
    mixed = hear_melody(tune("*M4/4", "1c", "1d", "*M3/4", "2.c"))
    assert any("the band thinks in 4/4" in found.text for found in mixed.diagnostics)


@pytest.mark.parametrize(
    ("pitch", "instrument"), [("ccc", "flute"), ("c", "tenor_sax"), ("C", "cello"), ("CC", "double_bass")]
)
def test_who_plays_is_who_can(pitch: str, instrument: str) -> None:
    melody = tune(f"1{pitch}")
    assert leader_instrument(melody) == instrument
    low, high = CATALOGUE[instrument].range_midi
    assert low <= melody.notes[0].pitch_midi <= high


@pytest.mark.parametrize("name", ["lantern", "mill", "rounds"])
def test_the_sound_of_a_score_is_heard_as_the_score(name: str) -> None:
    melody = read_kern(FIXTURES / f"{name}.krn")
    known, clip = hear_melody(melody), play_melody(melody, 16_000)
    heard = Listener().listen(clip)
    assert heard.frames.num_frames == known.frames.num_frames
    for note in melody.notes:
        middle = slice(round(100 * note.onset_s) + 3, round(100 * note.stop_s) - 3)
        written_hz = 440 * 2 ** ((note.pitch_midi - 69) / 12)
        assert abs(1200 * np.log2(np.median(heard.frames.f0_hz[middle]) / written_hz)) < 20.0
        assert np.median(heard.frames.loudness_db[middle]) == pytest.approx(
            np.median(known.frames.loudness_db[middle]), abs=1.0
        )


def test_the_same_score_sounds_the_same_at_every_rate_and_never_too_loud() -> None:
    melody = tune("*MM120", "[4CC", "4CC]", "4c", "8r", "8ccc", "4gggg")
    for rate in (16_000, 48_000):
        clip = play_melody(melody, rate)
        assert clip.num_samples == rate * Fraction(5, 2)
        assert 0.02 < np.abs(clip.samples).max() < 0.89
        np.testing.assert_array_equal(clip.samples, play_melody(melody, rate).samples)


def test_notes_shorter_than_a_frame_break_nothing() -> None:
    frames = melody_frames(tune("*MM2000", *["256c", "256d", "256e"] * 200, "0g"))
    assert np.isfinite(frames.loudness_db).all()
    assert (frames.f0_hz[:400] > 0).mean() > 0.5

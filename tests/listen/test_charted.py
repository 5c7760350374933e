"""A chart of what was heard changes nothing; what a musician changes in it is played."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from ensemble import wire
from ensemble.chart.text import write_chart
from ensemble.errors import ConfigError
from ensemble.listen.charted import chart_of
from ensemble.listen.overrides import Overrides, chart_as_played, with_overrides
from ensemble.scores.midi_melody import parse_midi
from ensemble.scores.symbolic import hear_melody
from ensemble.types.doubts import ChordDoubt, KeySection
from ensemble.types.harmony import NO_CHORD, Chord, Key
from ensemble.types.music import Heard
from tests.conduct.handmade_leader import heard_of
from tests.scores.midi_bytes import SCALE, metre, notes, smf, tempo, track

AM = Chord(root=9, quality="min")


def charted(heard: Heard, old: str = "", new: str = "", **others: object) -> Heard:
    """Write a chart, replace a text in it, and play by it."""
    text = write_chart(chart_of(heard, "a song"))
    assert old in text, text
    return with_overrides(heard, Overrides.model_validate({"chart": text.replace(old, new, 1), **others}))


def codes(heard: Heard) -> list[str]:
    return [found.code for found in heard.diagnostics]


@pytest.mark.parametrize("beats_per_bar", [3, 4])
@pytest.mark.parametrize("first_downbeat", [0, 1, 2])
@pytest.mark.parametrize("division", [2, 3])
def test_a_chart_as_it_was_heard_changes_no_byte(beats_per_bar: int, first_downbeat: int, division: int) -> None:
    heard = replace(
        heard_of(beats_per_bar=beats_per_bar, bars=9, bpm=97.3), first_downbeat=first_downbeat, beat_division=division
    )
    dice = np.random.default_rng(first_downbeat)
    chords = [Chord(root=int(root), quality="min9", bass=int(root + 3) % 12) for root in dice.integers(12, size=9)]
    chords = [chords[number] for number in dice.integers(9, size=len(heard.beats_s))]
    heard = replace(heard, chords=(NO_CHORD, *chords[1:]))
    again = charted(heard)
    assert {doubt.confidence for doubt in again.chord_doubts} == {1.0}, "a chart is certain"
    assert wire.pack(replace(again, chord_doubts=())) == wire.pack(heard)


def clicking(beats_s: np.ndarray) -> Heard:
    """A leader whose every beat is one onset, heard at 120 throughout."""
    duration_s = float(beats_s[-1]) + 1.0
    heard = heard_of(bars=-(-round(2 * duration_s) // 4), bpm=120.0)
    onset = np.zeros(heard.frames.num_frames, np.float32)
    onset[np.rint(100 * beats_s).astype(int)] = 1.0
    return replace(heard, frames=replace(heard.frames, onset=onset))


def test_beats_follow_the_tempos_of_a_chart() -> None:
    slow, fast = 0.5 + 60 / 84 * np.arange(17), 60 / 126 * np.arange(1, 25)
    played = np.concatenate([slow, slow[-1] + fast])
    chart = "tempo: 84\nfirst downbeat: 0.5\n| C | F | G | C |\ntempo: 126\n| Am | F | Dm | G | C | C |\n"
    heard = with_overrides(clicking(played), Overrides(chart=chart))
    near = np.abs(np.subtract.outer(played, heard.beats_s)).min(axis=1)
    assert near.max() < 0.03
    assert abs(len(heard.beats_s) - len(played)) <= 3
    assert 84 < heard.tempo_bpm < 126
    lengths = np.diff(heard.beats_s)
    assert lengths[2:12] == pytest.approx(60 / 84, abs=0.03)
    assert lengths[20:32] == pytest.approx(60 / 126, abs=0.03)
    given = with_overrides(clicking(played), Overrides(chart=chart, tempo_bpm=84.0))
    assert given.tempo_bpm == pytest.approx(84.0)


def test_what_was_played_by_a_chart_is_that_chart() -> None:
    heard = heard_of(bars=8)
    text = "[A]\n| C | Am |\n[B]\n| F | G7 |\n"
    chart = chart_as_played(Overrides(chart=text), heard, "My song")
    assert write_chart(chart) == f"title: My song\n{text}"
    assert write_chart(chart_as_played(Overrides(), heard, "x")) == write_chart(chart_of(heard, "x"))
    beside = Overrides(chart=text, key="D")
    assert write_chart(chart_as_played(beside, heard, "x")) == write_chart(chart_of(heard, "x"))


def test_a_corrected_chord_is_played_in_its_bar_alone() -> None:
    heard = heard_of(bars=8)
    corrected = charted(heard, "| C | Am | F | G7 |", "| C | Am | F . . Am | G7 |")
    changed = [beat for beat, chord in enumerate(corrected.chords) if chord != heard.chords[beat]]
    assert changed == [11]
    assert corrected.chords[11] == AM


def test_a_short_chart_begins_again_and_a_long_one_is_cut() -> None:
    heard = heard_of(bars=8)
    again = with_overrides(heard, Overrides(chart="| Am | C |"))
    assert [str(chord) for chord in again.chords[::4]] == ["Am", "C"] * 4
    assert codes(again) == ["chart_repeats"]
    long = with_overrides(heard, Overrides(chart="| Am |\n" * 10))
    assert codes(long) == ["chart_not_finished"]
    with pytest.raises(ConfigError, match="another song"):
        with_overrides(heard, Overrides(chart="| Am |\n" * 40))


def test_metre_key_and_first_downbeat_are_taken_from_the_chart() -> None:
    heard = heard_of(bars=12)
    waltz = charted(heard, "metre: 4/4", "metre: 3/4")
    assert waltz.beats_per_bar == 3
    assert str(charted(heard, "key: C major", "key: G major").key) == "G major"
    later = charted(heard, "first downbeat: 0", "first downbeat: 1.04")
    assert later.first_downbeat == 2
    assert later.chords[2:6] == (heard.chords[0],) * 4
    compound = charted(replace(heard, beats_per_bar=2), "metre: 2/4", "metre: 6/8")
    assert (compound.beat_division, compound.time_signature) == (3, (6, 8))
    with pytest.raises(ConfigError, match="another recording"):
        charted(heard, "first downbeat: 0", "first downbeat: 900")


def test_doubts_are_comments_and_change_nothing() -> None:
    heard = heard_of(bars=8)
    sure, torn = ChordDoubt(confidence=0.9, other=AM), ChordDoubt(confidence=0.41, other=AM)
    heard = replace(heard, chord_doubts=(*[sure] * 8, torn, *[sure] * 23))
    text = write_chart(chart_of(heard, "a song"))
    assert "| C | Am | F | G7 |  # bar 3: F 41 %, or Am\n" in text
    again = with_overrides(heard, Overrides(chart=text))
    assert again.chords == heard.chords


def test_keys_of_sections_are_written_and_taken_back() -> None:
    heard = heard_of(bars=12)
    sections = (KeySection(start_beat=0, key=heard.key), KeySection(start_beat=18, key=Key(tonic=2, mode="major")))
    modulating = replace(heard, key_sections=sections)
    assert "key: C major\n" in write_chart(chart_of(modulating, ""))
    assert "\nkey: D major\n" in write_chart(chart_of(modulating, ""))
    assert charted(modulating).key_sections == sections
    moved = charted(modulating, "key: D major", "key: A major")
    assert [(section.start_beat, str(section.key)) for section in moved.key_sections] == [
        (0, "C major"),
        (20, "A major"),
    ]
    assert {str(key) for key in charted(modulating, "\nkey: D major", "").keys} == {"C major"}


def test_a_tempo_of_the_chart_moves_the_beats() -> None:
    heard = heard_of(bars=16, bpm=120)
    half = charted(heard, "tempo: 120", "tempo: 60")
    assert half.tempo_bpm == pytest.approx(60, rel=0.03)


def test_options_beside_a_chart_count_more() -> None:
    heard = heard_of(bars=8)
    chords = ({"at": 5.0, "unit": "beat", "chord": "Am"}, {"at": 6.0, "unit": "beat", "chord": "F"})
    both = charted(heard, key="G major", chords=chords)
    assert str(both.key) == "G major"
    assert both.chords[:4] == heard.chords[:4]
    assert both.chords[4] == AM


def test_another_tempo_keeps_the_metre_of_the_chart() -> None:
    heard = heard_of(bars=20, beats_per_bar=3, bpm=120)
    half = charted(heard, "tempo: 120", "tempo: 60")
    assert (half.beats_per_bar, half.time_signature) == (3, (3, 4))


def test_beats_corrected_beside_a_chart_are_those_that_it_is_laid_on() -> None:
    heard = heard_of(bars=16, bpm=120)
    half = charted(heard, beat_level="half")
    assert half.tempo_bpm == pytest.approx(60, rel=0.03)
    later = charted(heard, first_downbeat_s=0.98)
    assert later.first_downbeat == 2
    assert later.chords[2:6] == (heard.chords[0],) * 4
    with pytest.raises(ValidationError, match="contradict"):
        charted(heard, beats_per_bar=3)


def test_what_cannot_be_played_exactly_is_told_with_its_bar() -> None:
    told = charted(heard_of(bars=8), "| C | Am |", "| C | Am7b13 |").diagnostics
    assert [found.code for found in told] == ["chord_simplified"]
    assert "bar 2" in told[0].text


def test_a_chord_before_bar_1_is_told_of_the_pick_up() -> None:
    heard = replace(heard_of(bars=8), first_downbeat=1)
    told = with_overrides(heard, Overrides(chart="Am7b13 | C | Am7b13 |")).diagnostics
    texts = [found.text for found in told if found.code == "chord_simplified"]
    assert [text.partition(" is played")[0] for text in texts] == ["Am7b13 in the pick-up and bars 2, 4, 6 and 8"]


@pytest.mark.parametrize(
    ("beats", "unit", "bpm", "written"),
    [(1, 4, 100, "1/4"), (2, 2, 40, "8/4"), (4, 2, 54, "8/4"), (2, 1, 100, "4/4"), (13, 8, 100, "13/8"),
     (12, 16, 60, "12/8"), (4, 64, 60, "1/4"), (64, 4, 100, "64/4"),
     (6, 8, 20, "6/4"), (6, 8, 120, "6/8"), (3, 4, 420, "3/4")],
)  # fmt: skip
def test_a_score_of_any_metre_has_a_chart_with_its_bars(beats: int, unit: int, bpm: float, written: str) -> None:
    heard = hear_melody(parse_midi(smf(track([tempo(bpm), metre(beats, unit), *notes(SCALE * 4)])), "x"))
    chart = chart_of(heard, "a song")
    assert (chart.metre.beats_per_bar, chart.metre.beat_division) == (heard.beats_per_bar, heard.beat_division)
    assert str(chart.metre) == written
    assert (chart.tempo_bpm is None) == (bpm > 400)

    again = with_overrides(heard, Overrides(chart=write_chart(chart)))
    assert (again.beats_per_bar, again.downbeats) == (heard.beats_per_bar, heard.downbeats)
    assert (again.beats_s.tolist(), again.chords) == (heard.beats_s.tolist(), heard.chords)


@pytest.mark.parametrize("metre", ["1/4", "13/4"])
@pytest.mark.parametrize("tempo", ["", "tempo: 60\n"])
def test_bars_that_are_looked_for_have_two_to_twelve_beats(metre: str, tempo: str) -> None:
    with pytest.raises(ConfigError, match=f"is in {metre}, and bars of 2 to 12 beats can be found"):
        with_overrides(heard_of(bars=8), Overrides(chart=f"{tempo}metre: {metre}\n| C |"))

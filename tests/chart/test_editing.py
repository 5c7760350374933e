"""Changes to a chart's text: what is asked for changes, and every other bar is played as before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble.chart.editing import with_bar, with_chord, with_energy, with_section, with_setting
from ensemble.chart.text import parse_chart, write_chart
from ensemble.errors import ConfigError

SONG = """title: a song
tempo: 96
[Verse]
energy: 0.4
| C | % | Am . . F | . G |  # a comment
[Chorus]
|: F | G :|
| C |
"""


def chords(text: str) -> list[tuple[str, ...]]:
    return [bar.chords for bar in parse_chart(text).bars]


def test_other_bars_stay_where_they_repeat_or_hold_the_one_before() -> None:
    before = chords(SONG)
    for number, after in ((1, ("Dm",) * 4), (3, ("E7",) * 4)):
        edited = chords(write_chart(with_bar(parse_chart(SONG), number, after[:1])))
        assert edited == [after if at == number else bar for at, bar in enumerate(before, 1)]


def test_a_bar_of_a_repeat_changes_in_every_pass() -> None:
    edited = with_bar(parse_chart(SONG), 7, ["Bb"])
    assert [bar.chords[0] for bar in edited.bars] == ["C", "C", "Am", "F", "Bb", "G", "Bb", "G", "C"]


def test_a_chord_changes_up_to_the_next_change_of_its_bar() -> None:
    edited = with_chord(parse_chart(SONG), 3, 2, "E7")
    assert edited.bars[2].chords == ("Am", "E7", "E7", "F")
    assert with_chord(edited, 3, 4, "G").bars[2].chords == ("Am", "E7", "E7", "G")


def test_a_section_begins_in_the_middle_of_a_line_and_its_energy_is_its_own() -> None:
    chart = with_energy(with_section(parse_chart(SONG), 3, "Bridge"), 3, 0.9)
    assert [note.section for note in chart.notes][:5] == ["Verse", "", "Bridge", "", "Chorus"]
    assert [bar.energy for bar in chart.bars][:5] == [0.4, 0.4, 0.9, 0.9, None]
    assert [bar.chords for bar in chart.bars] == chords(SONG)
    assert [bar.energy for bar in with_energy(chart, 2, 0.1).bars][:3] == [0.1, 0.1, 0.9]
    assert [note.section for note in with_section(chart, 3, "").notes][:3] == ["Verse", "", ""]


def test_a_setting_is_replaced_or_added() -> None:
    chart = with_setting(with_setting(parse_chart(SONG), "tempo", "120"), "first downbeat", "1.5")
    assert (chart.tempo_bpm, chart.first_downbeat_s, chart.title) == (120, 1.5, "a song")


@pytest.mark.parametrize(("number", "symbols"), [(0, ["C"]), (10, ["C"]), (1, ["Hx"]), (1, ["C", "C", "C"])])
def test_what_does_not_fit_is_refused(number: int, symbols: list[str]) -> None:
    with pytest.raises(ConfigError, match="bar"):
        with_bar(parse_chart(SONG), number, symbols)


@given(st.integers(1, 9), st.sampled_from(["C", "F#m7", "N", "Bb/D"]), st.integers(1, 4))
def test_any_edit_changes_one_written_bar(number: int, chord: str, beat: int) -> None:
    edited = with_chord(parse_chart(SONG), number, beat, chord)
    assert edited.bars[number - 1].chords[beat - 1] == chord
    assert parse_chart(write_chart(edited)) == edited
    differing = [at for at, (was, now) in enumerate(zip(chords(SONG), edited.bars, strict=True)) if was != now.chords]
    assert len(differing) <= (2 if number in (5, 6, 7, 8) else 1)

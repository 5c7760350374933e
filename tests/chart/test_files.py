"""Charts are read from the project's own text, ChordPro and iReal Pro; written as ChordPro; and transposed."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from ensemble.chart.chart import Chart
from ensemble.chart.chordpro import read_chordpro, write_chordpro
from ensemble.chart.files import read_chart
from ensemble.chart.ireal import exchanged
from ensemble.chart.text import parse_chart, write_chart
from ensemble.chart.transposing import transposed
from ensemble.errors import ConfigError
from ensemble.types.names import parse_chord
from tests.chart.test_text import random_chart

AMAZING_GRACE = """{title: Amazing Grace}
{key: G}
{time: 3/4}
# the words are John Newton's
{start_of_verse}
A[G]mazing [G7]grace, how [C]sweet the [G]sound
That [G]saved a [Em]wretch like [D]me. [D7]
{end_of_verse}
"""
OH_SUSANNA = """{t:Oh! Susanna}
{capo: 2}
I [C]come from Alabama with my [C]banjo on my [D7]knee [G7]
{c: the refrain}
{soc}
[F]Oh! Su[F]sanna, oh [C]don't you cry for [G7]me
{eoc}
"""
SAINTS = """{title: When the Saints Go Marching In}
{tempo: 160}
{start_of_grid: Chorus}
A  || G . . . | % | % | % |
   |  G . Em . | D7 . . . | G . G7 . | C . Cm . |.  twice
{end_of_grid}
"""
GREENSLEEVES = "metre: 6/8\nkey: Am\n| Am | C | G | Em |\n| Am | % | E | E7 |\n"
AULD_LANG_SYNE = "metre: 4/4\nF | F | C7 | F F7 | Bb |\n| F | C7 | Dm Bb . C7 | F |\n"
SWING_LOW = "F Bb F C7 F Bb F/C C7 F"
SILENT_NIGHT = "time: 3/4\ntitle: Silent Night\n|: C | % :|\n|: G7 | % | C | % |\n| F | % | C | % :| G7 | C |]\n"
RISING_SUN = "*A{T34A- |C |D |F |A- |C |E |N1E7 }|N2E7 Z"
ST_JAMES = "T44*V[D- A7 |D- G-|D- |Bb7 A7 |D-/C x |G- A7 |D-   |n   Z"
SCARBOROUGH = "T34*A{D-7 |C |D-7 |r| |F^7 |D-7 G D|A-7 |<D.C. al Fine>x Z"


def ireal(title: str, key: str, music: str, tempo: int = 0) -> str:
    """A link as iReal Pro shares it."""
    music = music.replace("   ", "XyQ").replace(" |", "LZ")
    blocks = [music[at : at + 50] for at in range(0, len(music), 50)]
    order = [
        exchanged(block) if len(block) == 50 and at + 1 < len(blocks) else block for at, block in enumerate(blocks)
    ]
    if len(blocks) > 1 and len(blocks[-1]) < 2:
        order[-2] = blocks[-2]
    song = f"{title}=Anon==Waltz={key}==1r34LbKcu7{''.join(order)}=Jazz-Waltz={tempo}=3"
    return f'<a href="irealb://{quote(song)}">{title}</a>'


def read(folder: Path, text: str, name: str = "song.txt") -> Chart:
    (folder / name).write_text(text, encoding="utf-8")
    return read_chart(folder / name)


def bars_of(chart: Chart) -> str:
    """The chords of every bar, those that go on left out."""
    bars = [
        [chord for at, chord in enumerate(bar.chords) if at == 0 or chord != bar.chords[at - 1]] for bar in chart.bars
    ]
    return " | ".join(" ".join(bar) for bar in bars)


@pytest.mark.parametrize(
    ("text", "name", "metre", "bars"),
    [
        (AMAZING_GRACE, "grace.cho", "3/4", "G | G7 | C | G | G | Em | D | D7"),
        (OH_SUSANNA, "susanna.txt", "4/4", "D | D | E7 | A7 | G | G | D | A7"),
        (SAINTS, "saints.chordpro", "4/4", "G | G | G | G | G Em | D7 | G G7 | C Cm"),
        (GREENSLEEVES, "greensleeves.chart", "6/8", "Am | C | G | Em | Am | Am | E | E7"),
        (AULD_LANG_SYNE, "auld.chart", "4/4", "F | C7 | F F7 | Bb | F | C7 | Dm Bb C7 | F"),
        (SWING_LOW, "swing.txt", "4/4", "F | Bb | F | C7 | F | Bb | F/C | C7 | F"),
        (SILENT_NIGHT, "silent.txt", "3/4",
         "C | C | C | C | G7 | G7 | C | C | F | F | C | C | G7 | G7 | C | C | F | F | C | C | G7 | C"),
        (ireal("Rising Sun", "A-", RISING_SUN, 110), "sun.html", "3/4",
         "A- | C | D | F | A- | C | E | E7 | A- | C | D | F | A- | C | E | E7"),
        (ireal("St. James", "D-", ST_JAMES), "james.html", "4/4",
         "D- A7 | D- G- | D- | Bb7 A7 | Bb7 A7 | G- A7 | D- | N"),
        (ireal("Scarborough", "D-", SCARBOROUGH), "fair.html", "3/4",
         "D-7 | C | D-7 | C | D-7 | F^7 | D-7 G D | A-7 | A-7"),
        ("irealbook://Blues=Anon=Swing=C=n=T44{C7 |F7 |C7 W/E }", "blues.html", "4/4",
         "C7 | F7 | C7 C7/E | C7 | F7 | C7 C7/E"),
    ],
    ids=lambda value: value if "." in value and len(value) < 20 else "",
)  # fmt: skip
def test_songs_that_everybody_owns(tmp_path: Path, text: str, name: str, metre: str, bars: str) -> None:
    text = quote(text, safe=":/=") if text.startswith("irealbook") else text
    chart = read(tmp_path, text, name)
    assert (str(chart.metre), bars_of(chart)) == (metre, bars)
    assert parse_chart(write_chart(chart)).bars == chart.bars


def test_what_is_no_chord_of_a_song_is_no_bar(tmp_path: Path) -> None:
    song = """{title: T}
{start_of_verse: label="Verse 2"}
# see [G]
[C]one [*softly]two [F]three
{end_of_verse}
{start_of_tab}
e|--[3]--|
{end_of_tab}
"""
    chart = read(tmp_path, song, "song.cho")
    assert bars_of(chart) == "C | F"
    assert "[Verse 2]" in write_chart(chart)
    with pytest.raises(ConfigError, match="plays the chorus again") as refused:
        read(tmp_path, song + "{chorus}\n", "song.cho")
    assert refused.value.what.endswith(":9")


def test_a_song_of_two_metres_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="changes its metre to 3/4"):
        read(tmp_path, ireal("Two", "C", "T44[C |F |T34G |C Z"))


def test_a_repeat_of_many_times_comes_back_from_chordpro() -> None:
    chart = parse_chart("|: C | F :| x3\n| G |")
    assert read_chordpro(write_chordpro(chart), "again").bars == chart.bars


def test_what_a_song_says_of_itself_is_kept(tmp_path: Path) -> None:
    sun = read(tmp_path, ireal("Rising Sun", "A-", RISING_SUN, 110))
    assert (sun.title, str(sun.key), sun.tempo_bpm) == ("Rising Sun", "A minor", 110)
    assert "# D.C. al Fine" in write_chart(read(tmp_path, ireal("Fair", "D-", SCARBOROUGH)))
    grace = read(tmp_path, AMAZING_GRACE)
    assert (grace.title, str(grace.key)) == ("Amazing Grace", "G major")
    assert "[Verse]" in write_chart(grace)


def test_chordpro_is_read_as_it_was_written() -> None:
    for seed in range(200):
        chart = parse_chart(random_chart(seed))
        if chart.pickup:
            continue  # a grid has no place for it
        again = read_chordpro(write_chordpro(chart), "again")
        assert again.bars == chart.bars
        assert (again.title, again.key, again.tempo_bpm) == (chart.title, chart.key, chart.tempo_bpm)


@pytest.mark.parametrize("semitones", [-11, -3, 1, 5, 11])
def test_transposing_there_and_back_sounds_the_same(semitones: int) -> None:
    for seed in range(50):
        chart = parse_chart(random_chart(seed))
        moved = transposed(chart, semitones)
        for before, after in zip(chart.bars, moved.bars, strict=True):
            for one, other in zip(before.chords, after.chords, strict=True):
                old, new = parse_chord(one), parse_chord(other)
                assert new.quality == old.quality
                assert old.quality == "none" or (new.root - old.root - semitones) % 12 == 0
                assert old.quality == "none" or (new.lowest - old.lowest - semitones) % 12 == 0
        back = transposed(moved, -semitones)
        assert [[parse_chord(one) for one in bar.chords] for bar in back.bars] == [
            [parse_chord(one) for one in bar.chords] for bar in chart.bars
        ]


def test_transposed_names_are_those_of_the_new_key() -> None:
    moved = transposed(parse_chart("key: G\n| G | D/F# | Em7b5 | N |\nkey: Em\n| B7 |"), 1)
    assert write_chart(moved) == "key: Ab major\n| Ab | Eb/G | Fm7b5 | N |\nkey: F minor\n| C7 |\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("irealb://nothing", "holds no song"),
        (ireal("A", "C", "T44[C |Z") .replace('">', '===B=Anon==Waltz=C==1r34LbKcu7C=J=0=3">'), "holds 2 songs"),
        ("{title: x}\nno chords", "holds no bars"),
        ("{title: x}\n[Hx]no", "'Hx' is no chord"),
    ],
)  # fmt: skip
def test_songs_that_cannot_be_read(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        read(tmp_path, text)


def test_a_file_that_is_no_chart_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00\x01")
    (tmp_path / "large").write_bytes(b"| A |\n" * 200_000)
    for name, problem in (
        ("absent", "cannot be read"),
        ("binary", "not a text file"),
        ("large", "is larger than 1 MB"),
    ):
        with pytest.raises(ConfigError, match=problem):
            read_chart(tmp_path / name)

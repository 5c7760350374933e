"""Charts are written and read without loss, and what is wrong in one is told with its line and bar."""

from __future__ import annotations

import random

import pytest

from ensemble.chart import text as chart_text
from ensemble.chart.text import parse_chart, without_comments, write_chart
from ensemble.errors import ConfigError
from ensemble.types.harmony import CHORD_FORMS

ROOTS = ("C", "C#", "Db", "D", "Eb", "E", "F", "F#", "Gb", "G", "Ab", "A", "Bb", "B", "Cb")
METRES = {"2/4": 2, "3/4": 3, "4/4": 4, "5/4": 5, "6/8": 2, "9/8": 3, "12/8": 4, "2/2": 2}


def bars_of(text: str) -> list[str]:
    """Every played bar as one string."""
    return [" ".join(bar.chords) for bar in parse_chart(text).bars]


def random_chord(dice: random.Random) -> str:
    name = dice.choice(ROOTS) + dice.choice([form.symbol for form in CHORD_FORMS.values()])
    return f"{name}/{dice.choice(ROOTS)}" if dice.random() < 0.2 else name


def random_bar(dice: random.Random, num_beats: int) -> str:
    if dice.random() < 0.15:
        return "%"
    count = dice.choice([count for count in range(1, num_beats + 1) if num_beats % count == 0])
    return " ".join(dice.choice([random_chord(dice), ".", "N"]) for _ in range(count))


def random_chart(seed: int) -> str:
    """A chart as it is written by the program: every kind of line, sign and comment, in any order that is allowed."""
    dice = random.Random(seed)
    metre = dice.choice(sorted(METRES))
    num_beats = METRES[metre]
    head = [f"title: Song #{seed}", f"tempo: {dice.randrange(40, 200)}", f"metre: {metre}", "first downbeat: 0.35",
            f"key: {dice.choice(ROOTS)}{dice.choice(['', 'm', ' minor'])}"]  # fmt: skip
    lines = [line for line in head if dice.random() < 0.7 or line.startswith("metre")]
    lines += [
        "  ".join(filter(None, [dice.choice(["[Verse]", "[B 2]", "key: D", ""]), dice.choice(["", "# hm: 60 %"])]))
    ]
    pickup = f"{random_chord(dice)} " if num_beats > 1 and dice.random() < 0.3 else ""
    for _ in range(dice.randrange(1, 6)):
        bars = [random_bar(dice, num_beats) for _ in range(dice.randrange(1, 6))]
        if bars[0] == "%":
            bars[0] = "C"
        form = dice.choice(["plain", "repeat", "thrice", "endings", "next"])
        line = f"| {' | '.join(bars)} |"
        if form == "repeat":
            line = f"|: {' | '.join(bars)} :|"
        elif form == "thrice":
            line = f"|: {' | '.join(bars)} :| x3"
        elif form == "endings":
            line = f"|: {' | '.join(bars)} |1,3 {random_bar(dice, num_beats)} :|2 {random_bar(dice, num_beats)} |"
        elif form == "next":
            line = f"|: {' | '.join(bars)} :| |: {random_bar(dice, num_beats)} :| x4 | A |"
        lines.append(pickup + line + dice.choice(["", "", "  # ask the bass"]))
        if dice.random() < 0.2 and any(other.startswith("tempo") for other in head if other in lines):
            lines += [f"tempo: {dice.randrange(40, 200)}", "| A |"]
        pickup = ""
    return "".join(f"{line}\n" for line in lines)


def test_a_thousand_random_charts_are_written_as_they_were_read() -> None:
    for seed in range(1000):
        text = random_chart(seed)
        chart = parse_chart(text)
        assert write_chart(chart) == text
        bare = without_comments(chart)
        assert parse_chart(write_chart(bare)) == bare
        assert bare.bars == chart.bars


def test_sections_and_tempos_stand_above_the_bars_that_they_begin_with() -> None:
    chart = parse_chart("tempo: 90\n[A]\n|: C | D :|\ntempo: 100\n[B]\n| E |\n| F |")
    assert chart.tempo_bpm == 90
    assert [*chart.notes] == [("A", 90), ("", 90), ("A", 90), ("", 90), ("B", 100), ("", 100)]
    assert [note.tempo_bpm for note in parse_chart("| C |").notes] == [None]


def test_the_example_of_the_format_is_read_as_it_says() -> None:
    example = "\n".join(line[4:] for line in (chart_text.__doc__ or "").splitlines() if line.startswith("    "))
    chart = parse_chart(example)
    assert (chart.title, chart.tempo_bpm, str(chart.metre), chart.first_downbeat_s) == ("Danny Boy", 72, "4/4", 1.25)
    assert chart.pickup == ("C7",)
    assert [" ".join(dict.fromkeys(bar.chords)) for bar in chart.bars] == [
        "F", "F7 Bb", "F/C C7", "F/C C7", *["Bb", "F"] * 3, "Dm", "G7", "Dm", "C7"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "bars"),
    [
        ("|A|B7 E|", ["A A A A", "B7 B7 E E"]),
        ("Am F\nC G", ["Am Am Am Am", "F F F F", "C C C C", "G G G G"]),
        ("metre: 3/4\n| A . E | . B . |", ["A A E", "E B B"]),
        ("meter: 6/8\n| A E |", ["A E"]),
        ("| A | % | % |", ["A A A A"] * 3),
        ("| A | B :| C |", ["A A A A", "B B B B"] * 2 + ["C C C C"]),
        ("|: A |1 B :|2 C | D |", ["A A A A", "B B B B", "A A A A", "C C C C", "D D D D"]),
        ("|: A |1,2 B | E :|3 C |", ["A A A A", "B B B B", "E E E E"] * 2 + ["A A A A", "C C C C"]),
        ("|: A |1 B :|2 C | D :|3 E |", ["A A A A", "B B B B", "A A A A", "C C C C", "D D D D", "A A A A", "E E E E"]),
        ("|: A :| x3\n|: B :|", ["A A A A"] * 3 + ["B B B B"] * 2),
        ("TEMPO: 90  # slow\n| A || B |]", ["A A A A", "B B B B"]),
        ("| N | N.C. |", ["N N N N", "N.C. N.C. N.C. N.C."]),
    ],
)
def test_what_is_played(text: str, bars: list[str]) -> None:
    assert bars_of(text) == bars


def test_energy_holds_to_the_end_of_its_section() -> None:
    chart = parse_chart("| C |\n[A]\nenergy: 0.2\n| C | F |\nenergy: 1\n| G |\n[B]\n| C |")
    assert [bar.energy for bar in chart.bars] == [None, 0.2, 0.2, 1.0, None]
    with pytest.raises(ConfigError, match="song:1: energy '2' is no number of 0 to 1"):
        parse_chart("energy: 2\n| C |", "song")


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("| A |\n| B | C", "song:2", "does not end with a bar line"),
        ("| A |\nB | C |", "song:2", "does not begin with a bar line"),
        ("| A |\n| B | A B C D E F |", "song:2: bar 3", "has 6 beats, but the metre 4"),
        ("| A B C |", "song:1: bar 1", "has 3 chords for 4 beats"),
        ("\n\n| A | Hm |", "song:3: bar 2", "'Hm' is no chord"),
        ("| A | | B |", "song:1", "an empty bar"),
        ("|1 A | B |", "song:1: bar 1", "an ending outside a repeat"),
        ("|: A :| x1", "song:1", "repeats too often or not at all"),
        ("|: A :| x100", "song:1", "repeats too often or not at all"),
        ("|: A :| x" + "9" * 5000, "song:1", "does not end with a bar line"),
        ("|" + "1" * 5000 + " A |", "song:1", "no numbers of endings"),
        ("| A | x3", "song:1", "does not follow a repeat"),
        ("|: A |0 B :|", "song:1", "no numbers of endings"),
        ("A B C D | E |", "song:1", "a whole bar before its first bar line"),
        ("tempo: fast\n| A |", "song:1", "is no number of 20 to 400"),
        ("tempo: 90\ntempo: 80\n| A |", "song:2", "written twice"),
        ("| A |\nmetre: 3/4\n| B |", "song:2", "after the first bar"),
        ("metre: 65/4\n| A |", "song:1", "is no metre"),
        ("key: H\n| A |", "song:1", "'H' is no key"),
        ("key:\n| A |", "song:1", "key is empty"),
        ("first downbeat: -1\n| A |", "song:1", "is no number of 0 or more"),
        ("# nothing\n", "song", "holds no bars"),
        ("|\n", "song:1", "no bar"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, place: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as refused:
        parse_chart(text, "song")
    assert refused.value.what == place


def test_a_chart_does_not_play_forever() -> None:
    line = "|: " + " | ".join(["A"] * 60) + " :| x99\n"
    with pytest.raises(ConfigError, match="plays more than"):
        parse_chart(line)
    with pytest.raises(ConfigError, match="has more than 5000 bars"):
        parse_chart("| C | " + " | ".join(["H"] * 5_000) + " |")

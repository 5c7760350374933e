"""Our own melodies, read note for note; and every way in which a file is refused, with its line."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble.errors import DataError
from ensemble.scores.kern.reader import parse_kern, read_kern
from ensemble.scores.kern.spine import decode
from ensemble.scores.melody import Melody, MetreMark, TempoMark
from ensemble.types.music import Key

FIXTURES = Path(__file__).parent / "kern"
F = Fraction


def said(melody: Melody) -> tuple[str, ...]:
    return tuple(found.text for found in melody.diagnostics)


def page(melody: Melody) -> list[tuple[Fraction, Fraction, int]]:
    return [(note.onset, note.length, note.pitch_midi) for note in melody.notes]


def kern(*tokens: str) -> str:
    return "\n".join(("**kern", *tokens, "*-"))


def test_a_song_with_an_upbeat_ties_and_phrases() -> None:
    melody = read_kern(FIXTURES / "lantern.krn")
    assert page(melody) == [
        (F(0), F(1), 62), (F(1), F(1), 67), (F(2), F(1, 2), 69), (F(5, 2), F(1, 2), 71),
        (F(3), F(4), 74),  # three notes, tied over two bar lines
        (F(8), F(1), 76), (F(9), F(1), 71), (F(10), F(3, 4), 69), (F(43, 4), F(1, 4), 66), (F(11), F(1), 67),
    ]  # fmt: skip
    assert {note.phrase for note in melody.notes} == {0}
    assert melody.key == Key(tonic=7, mode="major")
    assert melody.metres == (MetreMark(F(0), 3, 4),)
    assert (melody.tempos, melody.tempo_assumed) == ((TempoMark(F(0), F(96)),), False)
    assert melody.bars == (F(1), F(4), F(7), F(10))
    assert melody.notes[1].onset_s == pytest.approx(0.625)
    assert melody.duration_s == pytest.approx(12 * 0.625)
    assert said(melody) == ()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_mark_in_front_says_how_the_text_is_encoded(encoding: str) -> None:
    text = "!!!OTL: Für Élise\n**kern\n4c\n4d\n*-\n"
    assert [note.pitch_midi for note in parse_kern(decode(text.encode(encoding)), "a.krn").notes] == [60, 62]


def test_latin_1_line_ends_of_dos_minor_keys_and_six_eight() -> None:
    melody = read_kern(FIXTURES / "mill.krn")
    assert melody.key == Key(tonic=9, mode="minor")
    assert [note.phrase for note in melody.notes] == [0] * 6 + [1] * 6
    assert (melody.tempo_assumed, melody.quarter_bpm) == (True, 100.0)
    assert said(melody) == ()


def test_every_length_and_every_accidental() -> None:
    melody = read_kern(FIXTURES / "long_and_short.krn")
    assert [(note.length, note.pitch_midi) for note in melody.notes] == [
        (F(16), 48), (F(12), 60), (F(8, 3), 64), (F(6), 72), (F(1, 3), 67), (F(1, 3), 68), (F(1, 3), 67),
        (F(2, 3), 70), (F(1, 12), 74), (F(7, 16), 64), (F(15, 2), 65), (F(1), 67), (F(3, 2), 38), (F(1), 60),
    ]  # fmt: skip
    assert melody.notes[-2].onset - melody.notes[-3].onset == 2  # a rest between
    assert melody.metres == (MetreMark(F(0), 0, 4),)
    assert said(melody) == ("2 grace notes are left out.",)


def test_repeats_are_named_and_played_once() -> None:
    melody = read_kern(FIXTURES / "rounds.krn")
    assert "Repeats are played once." in said(melody)
    assert [note.pitch_midi for note in melody.notes] == [60, 62, 64, 65, 67, 69, 71, 72]


@pytest.mark.parametrize(
    ("expansion", "pitches", "text"),
    [
        (None, [60, 62, 64, 60, 62], "Sections follow the expansion list: A, B, A (others: 'short', 'written')."),
        ("short", [60, 62, 64], None),
        ("written", [60, 62, 64], None),
    ],
)
def test_sections_follow_the_list_that_is_asked_for(
    expansion: str | None, pitches: list[int], text: str | None
) -> None:
    melody = read_kern(FIXTURES / "sections.krn", expansion)
    assert [note.pitch_midi for note in melody.notes] == pitches
    assert said(melody) == (() if text is None else (text,))


ENDINGS = kern(
    "*>[A,A1,A,A2]", "*>norep[A,A2]", "*G:", "*M4/4", "*MM120", "*>A", "=1", "4g", "4a", "4b", "4cc", "=2", "1dd",
    "*>A1", "=3", "1a", "=:|!", "*>A2", "=4", "1g", "==",
)  # fmt: skip


@pytest.mark.parametrize(
    ("expansion", "pitches"),
    [
        (None, [67, 69, 71, 72, 74, 67]),
        ("", [67, 69, 71, 72, 74, 69, 67, 69, 71, 72, 74, 67]),
        ("written", [67, 69, 71, 72, 74, 69, 67]),
    ],
)
def test_norep_is_followed_unless_another_list_is_asked_for(expansion: str | None, pitches: list[int]) -> None:
    melody = parse_kern(ENDINGS, "x", expansion)
    assert [note.pitch_midi for note in melody.notes] == pitches
    assert melody.length == len(pitches) // 6 * F(12) + (4 * (len(pitches) == 7))
    assert melody.bars == tuple(F(bar) for bar in range(0, int(melody.length), 4))
    assert ("Repeats are played once." in said(melody)) == (expansion == "written")


def test_a_section_keeps_the_tempo_and_the_metre_that_it_has_in_the_file() -> None:
    melody = parse_kern(kern(
        "*>[B,A,B]", "*>A", "*M4/4", "*MM120", "=1", "1c", "*>B", "*M3/4", "*MM60", "=2", "2.d", "=",
    ), "x")  # fmt: skip
    assert [note.pitch_midi for note in melody.notes] == [62, 60, 62]
    assert [(mark.at, mark.quarter_bpm) for mark in melody.tempos] == [(0, 60), (3, 120), (7, 60)]
    assert [mark[:2] for mark in melody.metres] == [(0, 3), (3, 4), (7, 3)]


@pytest.mark.parametrize("mark", ["q", "Q", "qq"])
def test_grace_notes_take_no_time_whatever_their_length(mark: str) -> None:
    graces = f"8gg{mark}", f"16ff{mark}"
    melody = parse_kern(kern("*M4/4", "=1", *graces, "4g", "4a", "4b", "4cc", "=2", "1dd", "=="), "x")
    assert melody.length == 8
    assert melody.bars == (0, 4)
    assert said(melody) == ("2 grace notes are left out.",)


def test_other_spines_are_left_alone() -> None:
    melody = read_kern(FIXTURES / "beside_words.krn")
    assert page(melody) == [(F(0), F(1), 62), (F(2), F(2), 64)]
    assert said(melody) == ("Only the notes are read, not **text, **dynam.",)


def test_other_spines_may_split_join_and_end() -> None:
    lines = (
        "**dynam\t**kern\t**text", "*^\t*\t*", "p\tf\t4c\tla", "*\t*\t*\t*^", "p\t.\t4d\tla\tlo", "*v\t*v\t*\t*v\t*v",
        ".\t4e\tla", "*-\t*\t*", "4f\tla", "*\t*^", "4g\tla\tlo", "*-\t*-\t*-",
    )  # fmt: skip
    melody = parse_kern("\n".join(lines), "x")
    assert page(melody) == [(F(place), F(1), pitch) for place, pitch in enumerate((60, 62, 64, 65, 67))]
    assert said(melody) == ("Only the notes are read, not **dynam, **text.",)


def test_key_signatures_change_nothing_since_every_accidental_is_written() -> None:
    assert page(parse_kern(kern("*k[f#c#g#]", "4f"), "x")) == page(parse_kern(kern("4f"), "x"))


@pytest.mark.parametrize(
    ("said", "key"),
    [("*b-:", Key(tonic=10, mode="minor")), ("*F#:", Key(tonic=6, mode="major")),
     ("*d:dor", Key(tonic=2, mode="minor")), ("*D:dor", Key(tonic=2, mode="minor")),
     ("*G:mix", Key(tonic=7, mode="major")), ("*e:phr", Key(tonic=4, mode="minor")),
     ("*C-:", Key(tonic=11, mode="major")), ("*?:", None)],
)  # fmt: skip
def test_keys(said: str, key: Key | None) -> None:
    assert parse_kern(kern(said, "4c"), "x").key == key


@pytest.mark.parametrize(
    ("said", "metre"),
    [("*M6/8", (6, 8)), ("*M2/2", (2, 2)), ("*M3+2/8", (5, 8)), ("*M0+0/8", (0, 4)), ("*M256/1", (0, 4)),
     ("*MX", (0, 4)), ("*MZ", (0, 4)), ("*MFREI7/8", (0, 4)),
     ("*M3/4+2/4", (0, 4)), ("*M0/4", (0, 4))],
)  # fmt: skip
def test_metres(said: str, metre: tuple[int, int]) -> None:
    (mark,) = parse_kern(kern(said, "4c"), "x").metres
    assert mark[1:] == metre


@pytest.mark.parametrize(("said", "bpm"), [("*MM96", 96), ("*MM~72.5", 72.5), ("*MM90-96", 93), ("*MM[Allegro]", None)])
def test_tempi(said: str, bpm: float | None) -> None:
    melody = parse_kern(kern(said, "4c"), "x")
    assert (melody.tempo_assumed, float(melody.quarter_bpm)) == ((True, 100.0) if bpm is None else (False, bpm))


def test_the_tempo_may_change() -> None:
    melody = parse_kern(kern("*MM60", "4c", "*MM120", "4d", "4e", "*MM[Adagio]", "2f"), "x")
    assert [note.onset_s for note in melody.notes] == [0.0, 1.0, 1.5, 2.0]
    assert melody.duration_s == 3.0
    assert melody.quarter_bpm == pytest.approx(100.0)
    late = parse_kern(kern("4c", "*MM60", "4d"), "x")
    assert (late.tempos, late.tempo_assumed) == ((TempoMark(F(0), F(60)),), False)


def test_bars_that_do_not_fit_their_metre_are_named_but_not_the_first_and_the_last() -> None:
    fits = kern("*M3/4", "4c", "=1", "2.d", "=2", "2e", "==")
    assert said(parse_kern(fits, "x")) == ()
    changing = kern("*M4/4", "=1", "1c", "*M3/4", "=2", "2.d", "=3", "*M2/4", "2e", "=4", "2f", "==")
    assert said(parse_kern(changing, "x")) == ()
    odd = kern("*M3/4", "2.c", "=1", "2d", "=2", "2.e", "==")
    assert said(parse_kern(odd, "x")) == ("1 bar is not of the length that the metre asks for (line 6 is the first).",)


def test_phrases_without_a_partner_are_named() -> None:
    melody = parse_kern(kern("{4c", "4d}", "4e", "{4f", "{4g"), "x")
    assert [note.phrase for note in melody.notes] == [0, 0, 1, 2, 3]
    assert said(melody) == ("2 phrase marks are without a partner.",)


def test_a_part_for_a_transposing_instrument_sounds_as_it_is_encoded_and_says_so() -> None:
    melody = parse_kern(kern("*ITrd1c2", "4c"), "x")
    assert melody.notes[0].pitch_midi == 60
    assert "transposing instrument" in said(melody)[0]


@pytest.mark.parametrize(
    ("text", "line", "complaint"),
    [
        (kern("4c", "4c 4e"), 3, "chord"),
        (kern("4c", "c"), 3, "no duration"),
        (kern("4c", "stray words"), 3, "chord"),
        (kern("4c", "Vers"), 3, "not one note"),
        (kern("4cd"), 2, "not one note"),
        (kern("4c###"), 2, "not one note"),
        (kern("04c"), 2, "no figure"),
        (kern("4%0c"), 2, "no figure"),
        (kern("9999999c"), 2, "beyond all notes"),
        (kern("4" + "c" * 12), 2, "range of MIDI"),
        (kern("[4c", "4d]"), 3, "not the note that is tied since line 2"),
        (kern("[4c", "4r"), 3, "not the note that is tied since line 2"),
        (kern("[4c", "4c"), 3, "should go on or end"),
        (kern("[4c", "[4c"), 3, "should go on or end"),
        (kern("4c]"), 2, "never opened"),
        (kern("4d", "[4c"), 3, "never ends"),
        (kern("[4r"), 2, "tied in a way"),
        (kern("*Trd1c2", "4c"), 2, "moved by +2 semitones"),
        (kern("*ITrB-", "4c"), 2, "cannot be read"),
        (kern("*MM0", "4c"), 2, "is no tempo"),
        (kern("*^", "4c\t4e"), 2, "polyphonic"),
        (kern("4c\t4e"), 2, "2 columns for 1 spines"),
        ("**kern\t**kern\n4c\t4e\n*-\t*-", 1, "2 **kern spines"),
        ("**kern\t**text\n4c\t\n*-\t*-", 2, "empty column"),
        ("**kern\t**text\n4c\tla\n*-\t*", 3, "ends before the others"),
        ("**kern\t**text\n*^\t*\n4c\t4e\tla\n*-\t*-\t*-", 2, "polyphonic"),
        ("**kern\t**text\n*\t*^\n4c\tla\n*-\t*-", 3, "2 columns for 3 spines"),
        ("**kern\t**text\n*\t*+\n4c\tla\n*-\t*-", 2, "adds or exchanges"),
        ("**mens\n4c\n*-", 1, "not **kern"),
        ("4c\n**kern\n*-", 1, "before **kern"),
        (kern("4c") + "\n4d", 4, "after the end"),
        (kern("4c", "**kern"), 3, "another kind of spine"),
        (kern("4r"), None, "no notes"),
        (kern("*>[A,C]", "*>A", "4c"), 2, "names section 'C'"),
        ("**kern\n4c", None, "cut short"),
        ("", None, "no **kern"),
        (kern("*MM1", *["000c"] * 20), None, "lasts"),
    ],
)
def test_what_is_no_single_line_of_notes_is_refused_with_its_line(text: str, line: int | None, complaint: str) -> None:
    with pytest.raises(DataError) as refused:
        parse_kern(text, "song.krn")
    assert complaint in str(refused.value)
    assert refused.value.what == ("song.krn" if line is None else f"song.krn:{line}")


def test_files_that_are_no_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.krn").touch()
    for path, complaint in ((tmp_path / "none.krn", "no such file"), (tmp_path, "not a file"),
                            (tmp_path / "empty.krn", "is empty")):  # fmt: skip
        with pytest.raises(DataError, match=complaint):
            read_kern(path)


LENGTHS = {
    "0": F(8), "1": F(4), "2": F(2), "2.": F(3), "4": F(1), "4.": F(3, 2), "4..": F(7, 4), "8": F(1, 2), "8.": F(3, 4),
    "12": F(1, 3), "6": F(2, 3), "24": F(1, 6), "16": F(1, 4), "3%2": F(8, 3), "20": F(1, 5),
}  # fmt: skip
SPELLED = {"CC": 36, "C#": 49, "c": 60, "e-": 63, "g": 67, "b--": 69, "cc": 72, "ff##": 79, "aa": 81, "ccc": 84}
EVENTS = st.lists(
    st.tuples(st.sampled_from(sorted(LENGTHS)), st.sampled_from([*sorted(SPELLED), "r"]), st.booleans()),
    min_size=1, max_size=40,
)  # fmt: skip


@given(EVENTS)
def test_whatever_is_written_is_read(events: list[tuple[str, str, bool]]) -> None:
    lines, expected, now = [], [], F(0)
    for length, spelled, is_tied in events:
        whole = LENGTHS[length]
        if spelled != "r" and is_tied:
            lines += [f"[{length}{spelled}", f"=\n{length}{spelled}]"]
            whole *= 2
        else:
            lines.append(f"{length}{spelled}")
        if spelled != "r":
            expected.append((now, whole, SPELLED[spelled]))
        now += whole
    if expected:
        melody = parse_kern(kern("*MM60", *lines), "x")
        assert page(melody) == expected
        assert melody.length == now
    else:
        with pytest.raises(DataError, match="no notes"):
            parse_kern(kern(*lines), "x")


SIGNS = st.text(alphabet="0124.%[]_{}()abcdefgABCr#-nqQ;=|!:*>^ \t\n\\'é", max_size=120)


@given(st.one_of(st.binary(max_size=200), SIGNS.map(lambda text: f"**kern\n{text}\n*-".encode())))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        melody = parse_kern(decode(content), "x")
    except DataError as error:
        assert str(error).startswith("x")  # noqa: PT017
    else:
        assert melody.notes


def test_a_collection_is_read_in_seconds() -> None:
    song = "\n".join(f"={bar}\n{{4g\n8a\n8b\n[4cc\n4cc]}}" for bar in range(16))
    text = kern("*M4/4", "*G:", song)
    began = time.process_time()
    for number in range(200):
        parse_kern(text, str(number))
    assert (time.process_time() - began) / 200 * 8473 < 30.0  # 64 notes each; 6 s on an idle core


def test_sections_without_a_list_are_played_where_they_stand() -> None:
    text = kern("*M4/4", "*>A", "4c", "*>B", "4d", "*>A", "4e")
    assert [note.pitch_midi for note in parse_kern(text, "song").notes] == [60, 62, 64]


def test_a_list_without_sections_is_refused_with_its_line() -> None:
    with pytest.raises(DataError, match="x:2: is an expansion list without sections"):
        parse_kern(kern("*>norep[]", "*>A", "4c"), "x")


def test_a_list_that_repeats_without_end_is_refused() -> None:
    text = kern("*>[" + ",".join(["A"] * 40_000) + "]", "*M4/4", "*>A", *["4c"] * 40)
    with pytest.raises(DataError, match="repeats more than any music does") as refused:
        parse_kern(text, "song")
    assert refused.value.what == "song:2"

"""Lead sheets of notation programs: chord symbols of MusicXML become bars of a chart."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from ensemble.chart.files import read_chart
from ensemble.chart.text import parse_chart, write_chart
from ensemble.errors import ConfigError

CONTAINER = '<container><rootfiles><rootfile full-path="song.xml"/></rootfiles></container>'
WALTZ = (
    "<attributes><divisions>2</divisions><key><fifths>-2</fifths><mode>minor</mode></key><time><beats>3</beats>"
    '<beat-type>4</beat-type></time></attributes><direction><sound tempo="96"/></direction>'
)


def harmony(root: str, kind: str = "major", *, bass: str = "", more: str = "") -> str:
    below = f"<bass><bass-step>{bass[0]}</bass-step>{alter(bass, 'bass')}</bass>" if bass else ""
    return (
        f"<harmony><root><root-step>{root[0]}</root-step>{alter(root, 'root')}</root><kind>{kind}</kind>{below}{more}"
        "</harmony>"
    )


def alter(tone: str, which: str) -> str:
    semitones = tone.count("#") - tone[1:].count("b")
    return f"<{which}-alter>{semitones}</{which}-alter>" if semitones else ""


def rest(quarters: float) -> str:
    return f"<note><rest/><duration>{round(2 * quarters)}</duration></note>"


def score(*measures: str, title: str = "A <b>") -> str:
    bars = "".join(
        measure if measure.startswith("<measure") else f"<measure>{measure}</measure>" for measure in measures
    )
    name = title.replace("<", "&lt;")
    return (
        '<?xml version="1.0"?><!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" "'
        'http://www.musicxml.org/dtds/partwise.dtd"><score-partwise version="4.0">'
        f'<work><work-title>{name}</work-title></work><part id="P0"><measure>{rest(3)}</measure></part>'
        f'<part id="P1">{bars}</part></score-partwise>'
    )


def test_chords_key_metre_tempo_and_pickup_are_read(tmp_path: Path) -> None:
    text = score(
        f'<measure number="0" implicit="yes">{WALTZ}{harmony("D", "dominant")}{rest(1)}</measure>',
        f"{harmony('G', 'minor')}{rest(3)}",
        f"{rest(1)}{harmony('C', 'minor-seventh')}{rest(1)}{harmony('F', 'dominant', bass='Eb')}{rest(1)}",
        rest(3),
        harmony("Bb", "major-seventh") + rest(3),
        "<attributes><key><fifths>1</fifths></key></attributes>" + harmony("F#", "half-diminished") + rest(3),
    )
    (tmp_path / "song.musicxml").write_text(text)
    chart = read_chart(tmp_path / "song.musicxml")
    assert (chart.title, str(chart.metre), chart.tempo_bpm, str(chart.key)) == ("A <b>", "3/4", 96.0, "G minor")
    assert chart.pickup == ("D7",)
    assert [bar.chords for bar in chart.bars] == [
        ("Gm",) * 3, ("Gm", "Cm7", "F7/Eb"), ("F7/Eb",) * 3, ("Bbmaj7",) * 3, ("F#m7b5",) * 3,
    ]  # fmt: skip
    assert str(chart.bars[-1].key) == "G major"
    assert write_chart(chart).splitlines()[5:] == ["D7 | Gm | . Cm7 F7/Eb | . | Bbmaj7 |", "key: G", "| F#m7b5 |"]
    assert parse_chart(write_chart(chart)).bars == chart.bars


def test_repeats_endings_and_sections_are_kept(tmp_path: Path) -> None:
    forward, backward = '<barline><repeat direction="forward"/></barline>', '<repeat direction="backward"/>'
    first, second = (f'<ending number="{number}" type="start"/>' for number in (1, 2))
    text = score(
        f"<direction><direction-type><rehearsal>A</rehearsal></direction-type></direction>{forward}{harmony('C')}",
        harmony("F"),
        f"<barline>{first}</barline>{harmony('G')}<barline>{backward}</barline>",
        f"<barline>{second}</barline>{harmony('A', 'minor')}",
    )
    (tmp_path / "song.xml").write_text(text)
    chart = read_chart(tmp_path / "song.xml")
    assert [bar.chords[0] for bar in chart.bars] == ["C", "F", "G", "C", "F", "Am"]
    assert write_chart(chart).splitlines()[-2:] == ["[A]", "|: C | F |1 G :|2 Am |"]


def test_a_packed_score_is_the_same(tmp_path: Path) -> None:
    text = score(WALTZ + harmony("G", "other", more="").replace("<kind>", '<kind text="7sus4">') + rest(3))
    (tmp_path / "song.xml").write_text(text)
    with zipfile.ZipFile(tmp_path / "song.mxl", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("META-INF/container.xml", CONTAINER)
        packed.writestr("song.xml", text)
    chart = read_chart(tmp_path / "song.mxl")
    assert chart == read_chart(tmp_path / "song.xml")
    assert chart.bars[0].chords == ("G7sus4",) * 3


def test_a_packed_score_that_is_damaged_is_refused(tmp_path: Path) -> None:
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(tmp_path / "song.mxl", "w", method) as packed:
            packed.writestr("META-INF/container.xml", CONTAINER)
        content = bytearray((tmp_path / "song.mxl").read_bytes())
        begin = 30 + len("META-INF/container.xml")
        for at in range(begin, begin + 24):
            (tmp_path / "song.mxl").write_bytes(content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])
            with pytest.raises(ConfigError, match=r"is a damaged \.mxl file"):
                read_chart(tmp_path / "song.mxl")


def test_a_bar_that_is_split_at_a_repeat_is_one_bar(tmp_path: Path) -> None:
    forward, backward = (f'<barline><repeat direction="{way}"/></barline>' for way in ("forward", "backward"))
    split = '<measure number="X1" implicit="yes">'
    text = score(
        f'<measure number="0" implicit="yes">{WALTZ}{harmony("D")}{rest(1)}</measure>',
        harmony("G") + rest(3),
        harmony("C") + rest(2) + backward,
        f"{split}{forward}{harmony('A')}{rest(1)}</measure>",
        harmony("D") + rest(3),
        harmony("G") + rest(2) + backward,
    )
    (tmp_path / "song.xml").write_text(text)
    assert write_chart(read_chart(tmp_path / "song.xml")).splitlines()[-1] == "D | G | C . A :| |: D | G :|"
    (tmp_path / "song.xml").write_text(score(WALTZ + harmony("G") + rest(3), f"{split}{rest(1)}</measure>"))
    with pytest.raises(ConfigError, match="has a short bar amid whole ones"):
        read_chart(tmp_path / "song.xml")


def test_chords_of_a_transposing_part_are_those_that_sound(tmp_path: Path) -> None:
    text = score(WALTZ.replace("</attributes>", "<transpose><chromatic>-2</chromatic></transpose></attributes>"), "")
    text = text.replace("</measure></part></score", f"{harmony('C', 'minor')}</measure></part></score")
    (tmp_path / "song.xml").write_text(text)
    chart = read_chart(tmp_path / "song.xml")
    assert (str(chart.key), chart.bars[1].chords) == ("F minor", ("Bbm",) * 3)


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><score-partwise>&b;</score-partwise>'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (score(harmony("C").replace("</root>", "<root-alter>3000000000</root-alter></root>")), "root-alter 3e"),
        (score(WALTZ.replace("-2", "-3000000000") + harmony("C")), "fifths -3000000000"),
        (score(harmony("C") + '<sound dacapo="yes"/>'), "jumps"),
        (score(harmony("C") + "<direction><direction-type><coda/></direction-type></direction>"), "jumps"),
        ("<score-partwise>", "is no XML"),
        (BOMB, "declares entities"),
        ("<score-timewise/>", "is a score-timewise"),
        (score(rest(3)), "has no chord symbols"),
        (score(WALTZ + harmony("G"), WALTZ.replace("<beats>3", "<beats>4")), "changes its metre to 4/4"),
        (score(WALTZ.replace("<beats>3", "<beats>999999999") + harmony("G")), "is in 999999999/4"),
        (score(WALTZ.replace("<beats>3", "<beats>x") + harmony("G")), "holds a wrong number"),
        (score(WALTZ.replace("<fifths>-2", "<fifths>1" + "0" * 400) + harmony("G")), "fifths 1000"),
        (score(harmony("H")), "'H' is no chord"),
        ("PK\3\4", "is a damaged .mxl file"),
    ],
)  # fmt: skip
def test_scores_that_cannot_be_read(tmp_path: Path, text: str, problem: str) -> None:
    name = "song.mxl" if text.startswith("PK") else "song.xml"
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=problem):
        read_chart(tmp_path / name)


def test_entities_are_refused_in_utf_16_too(tmp_path: Path) -> None:
    (tmp_path / "song.xml").write_bytes(BOMB.encode("utf-16"))
    with pytest.raises(ConfigError, match="declares entities"):
        read_chart(tmp_path / "song.xml")

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


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><score-partwise>&b;</score-partwise>'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<score-partwise>", "is no XML"),
        (BOMB, "declares entities"),
        ("<score-timewise/>", "is a score-timewise"),
        (score(rest(3)), "has no chord symbols"),
        (score(WALTZ + harmony("G"), WALTZ.replace("<beats>3", "<beats>4")), "changes its metre to 4/4"),
        (score(WALTZ.replace("<beats>3", "<beats>999999999") + harmony("G")), "is in 999999999/4"),
        (score(WALTZ.replace("<beats>3", "<beats>x") + harmony("G")), "holds a wrong number"),
        (score(harmony("H")), "'H' is no chord"),
        ("PK\3\4", "is a damaged .mxl file"),
    ],
)  # fmt: skip
def test_scores_that_cannot_be_read(tmp_path: Path, text: str, problem: str) -> None:
    name = "song.mxl" if text.startswith("PK") else "song.xml"
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=problem):
        read_chart(tmp_path / name)

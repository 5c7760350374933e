"""Colours and basses: what the network says is heard, what it leaves unsaid stays, and each bar has its own."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.listen.colour import coloured
from ensemble.types.harmony import NO_CHORD
from ensemble.types.names import parse_chord

NONE = {"triad": 0, "bass": 73, "seventh": 86, "ninth": 90, "eleventh": 94, "thirteenth": 97}
ROWS = {
    "sus4": 1 + 24, "sus2": 1 + 36, "aug": 1 + 60, "major seventh": 87, "minor seventh": 88, "diminished seventh": 89,
    "ninth": 91, "sharp ninth": 92, "flat ninth": 93, "thirteenth": 98,
}  # fmt: skip


def said(beats: int = 4, **heard: float) -> np.ndarray:
    """What the network says of a chord on G in every beat; a number of a row in place of a name is that row."""
    rows = np.zeros((100, beats), np.float32)
    rows[list(NONE.values())] = 0.05
    for name, share in heard.items():
        row = ROWS[name.replace("_", " ")]
        rows[row + (7 if row < 73 else 0)] = share
    return rows


@pytest.mark.parametrize(
    ("plain", "heard", "name"),
    [
        ("G", {}, "G"),
        ("G7", {}, "G7"),
        ("Gm7", {"major_seventh": 0.9}, "Gm7"),  # sevenths are told by the spectrum
        ("G", {"sus4": 0.35}, "Gsus4"),
        ("G7", {"sus4": 0.35}, "G7sus4"),
        ("Gm", {"sus2": 0.6, "sus4": 0.1}, "Gsus2"),
        ("G", {"aug": 0.4}, "Gaug"),
        ("G", {"thirteenth": 0.4}, "G6"),
        ("Gm", {"thirteenth": 0.4}, "Gm6"),
        ("G", {"ninth": 0.5}, "Gadd9"),
        ("G", {"ninth": 0.5, "thirteenth": 0.5}, "G69"),
        ("G7", {"ninth": 0.5}, "G9"),
        ("G7", {"flat_ninth": 0.5}, "G7b9"),
        ("G7", {"ninth": 0.4, "thirteenth": 0.4}, "G13"),
        ("Gmaj7", {"ninth": 0.4}, "Gmaj9"),
        ("Gdim", {"diminished_seventh": 0.5}, "Gdim7"),
        ("Gdim", {"minor_seventh": 0.5, "diminished_seventh": 0.1}, "Gm7b5"),
        ("G", {"sus4": 0.25, "ninth": 0.25, "thirteenth": 0.25, "aug": 0.2}, "G"),
    ],
)
def test_a_chord_is_what_the_network_says_of_it(plain, heard, name):
    assert {str(chord) for chord in coloured((parse_chord(plain),) * 4, said(**heard), 4, 0)} == {name}


@pytest.mark.parametrize(("bass", "share", "name"), [(11, 0.7, "G/B"), (5, 0.7, "G/F"), (7, 0.9, "G"), (11, 0.5, "G")])
def test_the_bass_is_another_tone_where_that_is_likely(bass, share, name):
    rows = said()
    rows[74 + bass] = share
    assert {str(chord) for chord in coloured((parse_chord("G"),) * 4, rows, 4, 0)} == {name}


def test_every_bar_has_colours_of_its_own_and_they_begin_with_the_chord():
    rows = np.concatenate([said(3), said(5, ninth=0.9), said(2, thirteenth=0.9)], axis=1)
    chords = (*(parse_chord("G"),) * 7, NO_CHORD, *(parse_chord("C"),) * 2)
    names = [str(chord) for chord in coloured(chords, rows, 4, 1)]
    assert names == ["G"] * 1 + ["Gadd9"] * 6 + ["-", "C6", "C6"]


def test_where_the_network_was_not_asked_nothing_changes():
    chords = (parse_chord("G"), NO_CHORD, parse_chord("Em7"))
    assert coloured(chords, np.zeros((100, 3), np.float32), 4, 0) == chords
    assert coloured((), np.zeros((100, 0), np.float32), 4, 0) == ()

"""What a solo piece is asked to be, and what is decided before its first note: phrases, chords, how loud."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensemble.data.compose.harmony import SCALES, ComposedChord, stacked
from ensemble.data.compose.piece import chance
from ensemble.data.compose.tempo import METRES, Metre
from ensemble.types.music import PITCH_CLASSES

BARS_PER_PHRASE = 4
_OPEN: dict[str, tuple[tuple[int, ...], ...]] = {
    "major": ((0, 5, 3, 4), (0, 3, 0, 4), (0, 4, 5, 3), (0, 2, 3, 4), (0, 5, 1, 4), (0, 3, 5, 4)),
    "minor": ((0, 5, 2, 6), (0, 3, 0, 4), (0, 6, 5, 4), (0, 5, 3, 4), (0, 2, 6, 4)),
}
_AWAY: dict[str, tuple[tuple[int, ...], ...]] = {
    "major": ((5, 3, 0, 4), (3, 0, 1, 4), (5, 2, 3, 4), (3, 4, 5, 4), (1, 4, 5, 4)),
    "minor": ((5, 6, 0, 4), (3, 0, 5, 4), (2, 6, 3, 4), (5, 2, 3, 4)),
}
_CLOSED: dict[str, tuple[tuple[int, ...], ...]] = {
    "major": ((3, 4, 0, 0), (1, 4, 0, 0), (5, 3, 4, 0), (0, 3, 4, 0)),
    "minor": ((3, 4, 0, 0), (5, 6, 0, 0), (0, 5, 4, 0), (5, 3, 4, 0)),
}
"""Scale degrees from 0, a bar each: phrases that open, that lead away from the tonic, and that close on it."""
_FORMS = ("ABAC", "AABA", "ABCB", "AABC", "ABCA")
_MINOR_MODES = ("minor", "dorian")


@dataclass(frozen=True, slots=True, kw_only=True)
class SoloOrder:
    """What is asked for.

    instrument: a name from `orchestra.SOLOISTS`. textures: of the phrases A, B and C. tonic: pitch class from C. mode:
    major, mixolydian, minor or dorian. length_s: about how long. level_db: of the whole, against the loudest.
    """

    title: str
    seed: int
    instrument: str
    textures: tuple[str, ...]
    tonic: int
    mode: str
    metre: str
    tempo_bpm: float
    length_s: float
    level_db: float

    @property
    def key(self) -> str:
        """Such as `C# minor`."""
        return f"{PITCH_CLASSES[self.tonic]} {self.mode}"

    def rng(self, *purpose: str | int) -> np.random.Generator:
        """Chance for one purpose: another title, seed or purpose gives other numbers, order of use does not."""
        return chance(self.title, self.seed, *purpose)


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneOutline:
    """A piece before its notes.

    letters [phrases]: phrases of one letter are alike, Z closes. chords [bars]. scale: the key's intervals.
    level_db [bars + 1]: the arch over the piece, at bar lines. texture: by letter.
    """

    order: SoloOrder
    metre: Metre
    letters: str
    chords: tuple[ComposedChord, ...]
    level_db: NDArray[np.float64]
    texture: dict[str, str]

    @property
    def scale(self) -> tuple[int, ...]:
        """The key's intervals above its tonic."""
        return SCALES[self.order.mode]

    @property
    def num_bars(self) -> int:
        """Bars."""
        return len(self.chords)


def outline_of(order: SoloOrder) -> TuneOutline:
    """Decide form, harmony and dynamics; the same order gives the same outline."""
    rng, metre = order.rng("outline"), METRES[order.metre]
    bar_s = metre.beats_per_bar * 60 / order.tempo_bpm
    num_phrases = max(round(order.length_s / bar_s / BARS_PER_PHRASE), 2)
    form = _FORMS[rng.integers(len(_FORMS))]
    letters = (form * num_phrases)[: num_phrases - 1] + "Z"
    kind = "minor" if order.mode in _MINOR_MODES else "major"
    opened, away = rng.permutation(len(_OPEN[kind])), rng.permutation(len(_AWAY[kind]))
    degrees = {
        "A": _OPEN[kind][opened[0]],
        "B": _AWAY[kind][away[0]],
        "C": _AWAY[kind][away[1]] if rng.random() < 0.5 else _OPEN[kind][opened[1]],
        "Z": _CLOSED[kind][rng.integers(len(_CLOSED[kind]))],
    }
    chords = tuple(_chord(rng, order, kind, degree) for letter in letters for degree in degrees[letter])
    return TuneOutline(
        order=order, metre=metre, letters=letters, chords=chords, level_db=_arch(rng, num_phrases, len(chords)),
        texture={letter: order.textures[index % len(order.textures)] for index, letter in enumerate("ABC")}
        | {"Z": order.textures[0]},
    )  # fmt: skip


def _chord(rng: np.random.Generator, order: SoloOrder, kind: str, degree: int) -> ComposedChord:
    """A triad, now and then with its seventh; the dominant of a minor key is major, none is diminished."""
    if kind == "minor" and degree == 4:
        return ComposedChord(root=(order.tonic + 7) % 12, intervals=(0, 4, 7, 10) if rng.random() < 0.4 else (0, 4, 7))
    chord = stacked(SCALES[order.mode], order.tonic, degree, (0, 2, 4, 6) if rng.random() < 0.2 else (0, 2, 4))
    if chord.intervals[1:3] == (3, 6):  # diminished: the chord a third below shares two of its notes
        return stacked(SCALES[order.mode], order.tonic, (degree + 5) % 7, (0, 2, 4))
    return chord


def _arch(rng: np.random.Generator, num_phrases: int, num_bars: int) -> NDArray[np.float64]:
    """Quiet beginnings and ends, a climax past the middle, every phrase with a small arch of its own.  [bars + 1]"""
    at = np.arange(num_bars + 1) / num_bars
    summit = rng.uniform(0.5, 0.75)
    whole = np.interp(at, [0.0, summit, 1.0], [rng.uniform(-7, -3), 0.0, rng.uniform(-9, -5)])
    terraces = np.repeat(rng.uniform(-2.5, 2.5, num_phrases), BARS_PER_PHRASE)
    within = 1.5 * np.sin(np.pi * (np.arange(num_bars + 1) % BARS_PER_PHRASE) / BARS_PER_PHRASE)
    return np.asarray(whole + np.append(terraces, terraces[-1]) + within)

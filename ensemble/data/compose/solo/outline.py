"""What a solo piece is asked to be, and what is decided before its first note: phrases, chords, how loud."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ensemble.data.compose.harmony import SCALES, ComposedChord, stacked
from ensemble.data.compose.orchestra import SOLOISTS
from ensemble.data.compose.piece import Piece, PlayerTraits, Section, chance, draw_dynamics
from ensemble.data.compose.tempo import METRES, draw_tempo
from ensemble.types.music import PITCH_CLASSES

BARS_PER_PHRASE = 4
RING_S = 2.5
"""What the last chord has to die away."""
WANDER = 0.025
"""How far the tempo leans forward and back."""
SLOWING = 0.12
"""By how much the last beat is slower than the piece."""
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
_BUSYNESS = {"calm": 0.15, "block": 0.5, "broken": 0.45, "dance": 0.7, "funk": 0.75, "lament": 0.15}
"""Of a tune over a texture, 0..1; 0.35 where none is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoloOrder:
    """What is asked for."""

    title: str
    seed: int
    instrument: str
    """A name from `orchestra.SOLOISTS`."""
    textures: tuple[str, ...]
    """Of the phrases A, B and C."""
    tonic: int
    """Pitch class of the key, from C."""
    mode: str
    """major, mixolydian, minor or dorian."""
    metre: str
    tempo_bpm: float
    length_s: float
    """About how long."""
    level_db: float
    """Of the whole, against the loudest."""

    @property
    def key(self) -> str:
        """Such as `C# minor`."""
        return f"{PITCH_CLASSES[self.tonic]} {self.mode}"


def solo_piece(order: SoloOrder, take: int = 0, tempo_ratio: float = 1.0) -> Piece:
    """Decide form, harmony and dynamics; the same order gives the same piece, another take another tempo.

    Args:
        order: what is asked for.
        take: number of the take; each has its own freedom of time.
        tempo_ratio: 1.05 is 5 % faster than written.

    Returns:
        Its sections are phrases of four bars; Z is the letter of the last one.
    """
    name, metre = (order.title, order.seed), METRES[order.metre]
    rng = chance(*name, "outline")
    num_phrases = max(round(order.length_s * order.tempo_bpm / 60 / metre.beats_per_bar / BARS_PER_PHRASE), 2)
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
    sections = _sections(rng, order, letters)
    tempo_bpm = order.tempo_bpm * tempo_ratio
    num_beats = len(chords) * metre.beats_per_bar
    tempo = draw_tempo(chance(*name, "tempo", take), metre, tempo_bpm, num_beats, WANDER, SLOWING)
    player = SOLOISTS[order.instrument]
    return Piece(
        name=name, style="solo", metre=metre, tempo_bpm=tempo_bpm, tonic=order.tonic, mode=order.mode, loop=chords,
        bar_chords=chords, sections=sections, tempo=tempo,
        dynamics_db=draw_dynamics(chance(*name, "dynamics"), sections, metre, tempo, RING_S),
        parts=(PlayerTraits(player=player, role="solo", rings=player.is_plucked),),
    )  # fmt: skip


def _chord(rng: np.random.Generator, order: SoloOrder, kind: str, degree: int) -> ComposedChord:
    """A triad, now and then with its seventh; the dominant of a minor key is major, none is diminished."""
    if kind == "minor" and degree == 4:
        return ComposedChord(root=(order.tonic + 7) % 12, intervals=(0, 4, 7, 10) if rng.random() < 0.4 else (0, 4, 7))
    chord = stacked(SCALES[order.mode], order.tonic, degree, (0, 2, 4, 6) if rng.random() < 0.2 else (0, 2, 4))
    if chord.intervals[1:3] == (3, 6):  # diminished: the chord a third below shares two of its notes
        return stacked(SCALES[order.mode], order.tonic, (degree + 5) % 7, (0, 2, 4))
    return chord


def _sections(rng: np.random.Generator, order: SoloOrder, letters: str) -> tuple[Section, ...]:
    """Quiet beginnings and ends, a climax past the middle, phrase against phrase a little louder or softer."""
    places = [0.0, float(rng.uniform(0.5, 0.75)), 1.0]
    arch_db = [float(rng.uniform(-7, -3)), 0.0, float(rng.uniform(-9, -5))]
    textures = order.textures
    texture = {letter: textures[index % len(textures)] for index, letter in enumerate("ABC")} | {"Z": textures[0]}
    busyness = sum(_BUSYNESS.get(name, 0.35) for name in textures) / len(textures)
    sections = []
    for index, letter in enumerate(letters):
        terrace_db = order.level_db + float(rng.uniform(-2.5, 2.5))
        start_db, stop_db = (float(np.interp((index + end) / len(letters), places, arch_db)) for end in (0, 1))
        sections.append(
            Section(
                first_bar=index * BARS_PER_PHRASE, last_bar=(index + 1) * BARS_PER_PHRASE,
                start_db=terrace_db + start_db, stop_db=terrace_db + stop_db, density=busyness, letter=letter,
                texture=texture[letter],
            )
        )  # fmt: skip
    return tuple(sections)

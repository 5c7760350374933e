"""Rhythms: how a stretch of score is divided, in quarters."""

from __future__ import annotations

import numpy as np

from ensemble.data.compose.piece import Piece
from ensemble.data.compose.tempo import Metre

_CELLS: dict[float, tuple[tuple[float, ...], ...]] = {
    1.0: ((1.0,), (0.5, 0.5), (0.75, 0.25), (0.5, 0.25, 0.25), (1 / 3, 1 / 3, 1 / 3), (0.25, 0.25, 0.25, 0.25)),
    1.5: ((1.5,), (1.0, 0.5), (0.5, 0.5, 0.5), (0.75, 0.25, 0.5), (0.5, 0.25, 0.25, 0.5), (0.25,) * 6),
}
"""Ways to fill a beat of so many quarters, calm ones first."""


def fastest_division(piece: Piece, fastest_s: float, rng: np.random.Generator) -> float:
    """A division of the beat whose notes last between about one and two of the player's shortest notes, in quarters."""
    beat_s = 60 / piece.tempo_bpm
    ways = (1, 2, 3, 4, 6, 8) if piece.metre.beat_quarters == 1.0 else (1, 3, 6, 12)
    playable = [way for way in ways if beat_s / way >= fastest_s * 1.05]
    way = playable[-1] if rng.random() < 0.3 or len(playable) < 2 else playable[-2]
    return piece.metre.beat_quarters / way


def spans(rng: np.random.Generator, start: float, stop: float, length: float) -> list[tuple[float, float]]:
    """Long notes of `length` (some of twice that), end to end."""
    notes, at = [], start
    while at < stop - 1e-6:
        lasts = min(length * (2 if rng.random() < 0.15 else 1), stop - at)
        notes.append((at, lasts))
        at += lasts
    return notes


def even(
    rng: np.random.Generator, start: float, stop: float, division: float, beat: float, *, rests: float, holds: float
) -> list[tuple[float, float]]:
    """Equal notes; a share of the beats is left out, and on another share one note holds through a beat or two."""
    notes: list[tuple[float, float]] = []
    at = start
    while at < stop - 1e-6:
        chance, lasts = rng.random(), beat
        if chance < rests:
            pass
        elif chance < rests + holds:
            lasts = min(beat * int(rng.integers(1, 3)), stop - at)
            notes.append((at, lasts))
        else:
            count = max(round(beat / division), 1)
            notes += [(at + step * beat / count, beat / count) for step in range(count)]
        at += lasts
    return notes


def felt(
    rng: np.random.Generator, metre: Metre, start: float, stop: float, density: float, shortest: float
) -> list[tuple[float, float]]:
    """Beat by beat from a vocabulary: the denser, the busier the cells, the fewer the ties and rests."""
    cells = [cell for cell in _CELLS[metre.beat_quarters] if min(cell) >= shortest - 1e-6]
    centre = density * (len(cells) - 1)
    weights = np.exp(-0.5 * np.square((np.arange(len(cells)) - centre) / 1.2))
    notes: list[tuple[float, float]] = []
    at = start
    while at < stop - 1e-6:
        chance = rng.random()
        if chance < 0.06:  # a rest
            at += metre.beat_quarters
            continue
        cell = cells[int(rng.choice(len(cells), p=weights / weights.sum()))]
        is_tied = bool(notes) and rng.random() < 0.45 * (1 - density) and abs(sum(notes[-1]) - at) < 1e-6
        for index, length in enumerate(cell):
            if is_tied and index == 0:
                notes[-1] = (notes[-1][0], notes[-1][1] + length)
            else:
                notes.append((at, length))
            at += length
    return notes

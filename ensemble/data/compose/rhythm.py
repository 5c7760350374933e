"""Rhythms: how a stretch of score is divided, in quarters."""

from __future__ import annotations

import numpy as np

from ensemble.data.compose.piece import Piece
from ensemble.data.compose.tempo import Metre

_BARS: dict[str, tuple[tuple[float, ...], ...]] = {
    "4/4": (
        (2, 1, 1), (1, 1, 2), (1.5, 0.5, 1, 1), (1, 1, 1, 1), (1, 0.5, 0.5, 1.5, 0.5), (0.5, 0.5, 1, 1, 1),
        (1.5, 0.5, 1.5, 0.5), (0.5, 0.5, 0.5, 0.5, 1, 1), (1, 0.5, 0.5, 0.5, 0.5, 1), (0.5,) * 8,
    ),
    "3/4": (
        (2, 1), (1, 2), (1.5, 0.5, 1), (1, 1, 1), (1, 0.5, 0.5, 1), (0.5, 0.5, 1, 1), (1, 1, 0.5, 0.5), (0.5,) * 6,
    ),
    "6/8": (
        (1.5, 1.5), (1, 0.5, 1.5), (1.5, 1, 0.5), (1, 0.5, 1, 0.5), (1.5, 0.5, 0.5, 0.5), (0.5, 0.5, 0.5, 1, 0.5),
        (0.5,) * 6,
    ),
    "5/4": (
        (3, 2), (2, 1, 2), (1.5, 1.5, 1, 1), (1, 1, 1, 2), (1.5, 0.5, 1, 1, 1), (1, 0.5, 0.5, 1, 1, 1),
        (0.5, 0.5, 0.5, 0.5, 1, 1, 1),
    ),
}  # fmt: skip
"""Ways to fill a bar, in quarters, calm ones first."""


def draw_bar(rng: np.random.Generator, metre: Metre, busyness: float) -> tuple[float, ...]:
    """The lengths of a bar's notes, in quarters; busyness: 0 long notes, 1 eighths."""
    ways = _BARS[str(metre)]
    place = busyness * (len(ways) - 1) + rng.normal(0, 1.2)
    return tuple(float(length) for length in ways[int(np.clip(round(place), 0, len(ways) - 1))])


def fastest_division(piece: Piece, fastest_s: float, rng: np.random.Generator) -> float:
    """A division of the beat whose notes last between about one and two of the player's shortest notes, in quarters."""
    beat_s = 60 / piece.tempo_bpm
    ways = (1, 2, 3, 4, 6, 8) if piece.metre.beat_quarters == 1.0 else (1, 3, 6, 12)
    playable = [way for way in ways if beat_s / way >= fastest_s * 1.05]
    way = playable[-1] if rng.random() < 0.3 or len(playable) < 2 else playable[-2]
    return piece.metre.beat_quarters / way


def even(
    rng: np.random.Generator, start: float, stop: float, division: float, beat: float, *, rests: float, holds: float
) -> list[tuple[float, float]]:
    """Equal notes; a share of the beats is left out, and on another share one note holds through a beat or two."""
    notes: list[tuple[float, float]] = []
    at = start
    while at < stop - 1e-6:
        drawn, lasts = rng.random(), min(beat, stop - at)
        if rests <= drawn < rests + holds:
            lasts = min(beat * int(rng.integers(1, 3)), stop - at)
            notes.append((at, lasts))
        elif drawn >= rests:
            count = max(round(lasts / division), 1)
            notes += [(at + step * lasts / count, lasts / count) for step in range(count)]
        at += lasts
    return notes


def sung(
    rng: np.random.Generator, metre: Metre, start: float, stop: float, density: float, shortest: float
) -> list[tuple[float, float]]:
    """Bar by bar from a vocabulary: the denser, the busier; here twice as fast, there held over, seldom a rest."""
    notes: list[tuple[float, float]] = []
    at = start
    while at < stop - 1e-6:
        bar = draw_bar(rng, metre, density)
        if min(bar) / 2 >= shortest - 1e-6 and rng.random() < 0.6 * density:
            bar = tuple(length / 2 for length in bar) * 2
        is_held_over = bool(notes) and rng.random() < 0.5 * (1 - density)
        for index, length in enumerate(bar):
            if index == 0 and is_held_over:
                notes[-1] = (notes[-1][0], at + length - notes[-1][0])
            elif rng.random() >= 0.06:
                notes.append((at, length))
            at += length
    return notes

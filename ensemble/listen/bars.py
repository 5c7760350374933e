"""Where bars begin: where harmony changes and where the leader leans."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.types import FloatArray

Array = NDArray[np.float64]
MIN_BEATS_FOR_THREE = 15
TRIPLE_ADVANTAGE = 1.3
"""Three in a bar must explain the leader this much better than four."""
MIN_TRIPLE_SCORE = 0.45
SPAN_BEATS = 2
OPENING_WEIGHT = 0.15
"""Most recordings begin on a downbeat: a tie goes to that."""


def find_bars(changes: NDArray[np.bool_], beat_chroma: FloatArray, beat_accents: FloatArray) -> tuple[int, int]:
    """Beats in a bar (4, or 3 where that is clear) and the index of the first beat that opens one.

    Args:
        changes: whether another chord begins with each beat.  [beats]
        beat_chroma: [12, beats]
        beat_accents: onset strength at each beat.  [beats]
    """
    novelty, accents = _novelty(beat_chroma.astype(np.float64)), beat_accents.astype(np.float64)
    weight = _standard(changes.astype(np.float64)) + 0.5 * _standard(novelty) + 0.6 * _standard(accents)
    if (sounding := np.flatnonzero(beat_chroma.sum(axis=0))).size:
        weight[sounding[0]] += OPENING_WEIGHT * len(weight) / 4
    four, three = _best_phase(weight, 4), _best_phase(weight, 3)
    is_triple = three[0] > max(TRIPLE_ADVANTAGE * four[0], MIN_TRIPLE_SCORE) and len(weight) >= MIN_BEATS_FOR_THREE
    return (3, three[1]) if is_triple else (4, four[1])


def _novelty(beat_chroma: Array) -> Array:
    """How much the pitch classes after each beat differ from those before it, 0..1.  [beats]"""
    num_beats = beat_chroma.shape[1]
    novelty = np.zeros(num_beats)
    for beat in range(num_beats):
        before = beat_chroma[:, max(0, beat - SPAN_BEATS) : beat].sum(axis=1)
        after = beat_chroma[:, beat : beat + SPAN_BEATS].sum(axis=1)
        scale = float(np.sqrt(np.square(before).sum() * np.square(after).sum()))
        if scale > 0:
            novelty[beat] = 1 - float((before * after).sum()) / scale
        else:
            novelty[beat] = float(after.sum() > 0)  # something begins after nothing
    return novelty


def _standard(values: Array) -> Array:
    deviation = float(values.std())
    return (values - values.mean()) / deviation if deviation > 1e-9 else np.zeros_like(values)


def _best_phase(weight: Array, beats_per_bar: int) -> tuple[float, int]:
    """Mean weight of the downbeats and the first of them, for the phase where that is largest."""
    phases = range(min(beats_per_bar, len(weight)))
    scores = [float(weight[phase::beats_per_bar].mean()) for phase in phases]
    best = int(np.argmax(scores))
    return scores[best], best

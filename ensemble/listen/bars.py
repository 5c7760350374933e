"""Where bars begin: where harmony changes and where the leader leans."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.types import FloatArray

Array = NDArray[np.float64]
MIN_BEATS_FOR_THREE = 15
TRIPLE_ADVANTAGE = 1.4
"""Three in a bar must explain this much more of what differs between beats than four."""
MIN_TRIPLE = 0.4
ACCENT_WEIGHT = 0.6
"""Against a change of chord."""
OPENING_WEIGHT = 0.15
"""Most recordings begin on a downbeat: a tie goes to that."""


def find_bars(changes: NDArray[np.bool_], beat_accents: FloatArray, loop_beats: int | None = None) -> tuple[int, int]:
    """Beats in a bar (4, or 3 where that is clear) and the index of the first beat that opens one.

    Args:
        changes: whether another chord begins with each beat.  [beats]
        beat_accents: onset strength at each beat.  [beats]
        loop_beats: after how many beats the music comes round again: whole bars, so it may decide by itself.
    """
    accents = beat_accents.astype(np.float64)
    weight = _standard(changes.astype(np.float64)) + ACCENT_WEIGHT * _standard(accents)
    if (played := np.flatnonzero(accents > 0.3 * accents.max())).size:
        weight[played[0]] += OPENING_WEIGHT * len(weight) / 4
    four, three = _by_phase(weight, 4), _by_phase(weight, 3)
    explained = float(np.square(three).mean())
    is_triple = explained > max(TRIPLE_ADVANTAGE * float(np.square(four).mean()), MIN_TRIPLE)
    if loop_beats is not None and (loop_beats % 3 == 0) != (loop_beats % 4 == 0):
        is_triple = loop_beats % 3 == 0
    if is_triple and len(weight) >= MIN_BEATS_FOR_THREE:
        return 3, int(np.argmax(three))
    return 4, int(np.argmax(four))


def _standard(values: Array) -> Array:
    deviation = float(values.std())
    return (values - values.mean()) / deviation if deviation > 1e-9 else np.zeros_like(values)


def _by_phase(weight: Array, beats_per_bar: int) -> Array:
    """Mean weight of every `beats_per_bar`-th beat from the first, the second... on.  [phases]"""
    return np.array([weight[phase::beats_per_bar].mean() for phase in range(min(beats_per_bar, len(weight)))])

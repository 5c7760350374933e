"""Clicks at joins: is the sound rougher where two blocks meet than it is around there?

Convention: the second difference x[n+1] - 2 x[n] + x[n-1], the larger of the channels; at a join between the samples
n-1 and n, its maximum within `REACH_SAMPLES`, over its local 99.9th percentile. A join that cannot be heard or seen
gives about 1 or less; a step gives tens.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import soundfile
from numpy.typing import NDArray

REACH_SAMPLES = 2
SURROUND_S = 0.05
PERCENTILE = 99.9
ROUNDING = 2.0**-22
"""Second differences up to here are the rounding of 24-bit samples, not sound: two steps."""


def click_ratio(file: soundfile.SoundFile, join_samples: Sequence[int] | range) -> float | None:
    """The worst join of a file.

    Other joins nearby are left out of the surroundings too, so that clicks do not hide each other.

    Args:
        file: open for reading, seekable; it is left at an unspecified place.
        join_samples: the first sample after every join; those at the very ends of the file are passed over.

    Returns:
        The largest ratio over the joins; None where there are no joins, or only silence around them.
    """
    surround = round(SURROUND_S * file.samplerate)
    joins = np.unique(np.asarray(join_samples, dtype=np.int64))
    joins = joins[(joins > REACH_SAMPLES + 1) & (joins < file.frames - REACH_SAMPLES - 1)]
    worst: float | None = None
    for join in joins:
        start = max(int(join) - surround - 1, 0)
        file.seek(start)
        sound = file.read(int(join) + surround + 2 - start, dtype="float64", always_2d=True)
        near = joins[np.searchsorted(joins, start) : np.searchsorted(joins, start + len(sound), side="right")]
        ratio = _ratio(sound, int(join) - start, near - start)
        if ratio is not None:
            worst = max(worst or 0.0, ratio)
    return worst


def _ratio(sound: NDArray[np.float64], join: int, all_joins: NDArray[np.int64]) -> float | None:
    """One join against its surroundings; None in silence.  sound [samples, channels]"""
    rough = np.abs(np.diff(sound, 2, axis=0)).max(axis=1)  # rough[i] is centred on sample i + 1
    at_join = float(rough[join - 1 - REACH_SAMPLES : join + REACH_SAMPLES].max())
    if at_join <= ROUNDING:
        return None
    is_around = np.ones(len(rough), dtype=bool)
    for other in all_joins:
        is_around[max(other - 1 - REACH_SAMPLES, 0) : max(other + REACH_SAMPLES, 0)] = False
    around = rough[is_around]
    usual = float(np.percentile(around, PERCENTILE)) if len(around) else 0.0
    return at_join / max(usual, ROUNDING)

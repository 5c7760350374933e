"""How sure a mean is: the middle 95 % of what it would have been, had other pieces been drawn.

Source: Efron, Bootstrap Methods: Another Look at the Jackknife, Annals of Statistics 7 (1979).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
INTERVAL_PERCENT = (2.5, 97.5)


def interval(values: NDArray[np.float64], pieces: Sequence[int] | None = None) -> tuple[float, float]:
    """Where the mean of `values` lies, were other pieces drawn: what comes from one piece resembles itself.

    Args:
        values: the differences of two contenders for a paired comparison.  [values]
        pieces: which piece each value is from; one for each if absent.

    Raises:
        ValueError: no values, or not one piece for each.
    """
    groups = np.arange(len(values)) if pieces is None else np.asarray(pieces)
    if len(values) != len(groups) or not len(values):
        raise ValueError(f"{len(values)} values from {len(groups)} pieces have no interval")
    numbers, place = np.unique(groups, return_inverse=True)
    sums, counts = np.bincount(place, weights=values), np.bincount(place)
    rng = np.random.Generator(np.random.Philox(len(numbers)))
    drawn = rng.integers(0, len(numbers), (RESAMPLES, len(numbers)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, INTERVAL_PERCENT)
    return round(float(low), 4), round(float(high), 4)

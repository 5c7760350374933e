"""How well a ranking finds the one right answer, and how sure that is: ranks, recall, intervals over songs.

Convention: ranks begin at 1; an answer that is not in the list has no rank and counts 0. Intervals are the middle 95 %
of `RESAMPLES` bootstrap samples that draw whole songs: questions from one song resemble each other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
INTERVAL_PERCENT = (2.5, 97.5)
Ranks = Sequence[int | None]


def reciprocal_ranks(ranks: Ranks) -> NDArray[np.float64]:
    """1 / rank, 0 without one.  [questions]

    Raises:
        ValueError: a rank below 1.
    """
    if any(rank is not None and rank < 1 for rank in ranks):
        raise ValueError("ranks begin at 1")
    return np.array([0.0 if rank is None else 1.0 / rank for rank in ranks])


def recall_at(ranks: Ranks, depth: int) -> float:
    """Share of the questions whose answer is among the first `depth`."""
    return float(np.mean([rank is not None and rank <= depth for rank in ranks]))


def interval(values: NDArray[np.float64], songs: Sequence[int]) -> tuple[float, float]:
    """Where the mean of `values` lies, were other songs drawn.

    Args:
        values: one per question; the differences of two scorers for a paired comparison.  [questions]
        songs: which song each question is from.

    Raises:
        ValueError: no questions, or not one song for each.
    """
    if len(values) != len(songs) or not len(values):
        raise ValueError(f"{len(values)} values from {len(songs)} songs have no interval")
    numbers, place = np.unique(np.asarray(songs), return_inverse=True)
    sums = np.bincount(place, weights=values)
    counts = np.bincount(place)
    rng = np.random.Generator(np.random.Philox(len(numbers)))
    drawn = rng.integers(0, len(numbers), (RESAMPLES, len(numbers)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, INTERVAL_PERCENT)
    return float(low), float(high)

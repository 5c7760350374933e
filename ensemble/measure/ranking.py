"""How well a ranking finds the one right answer: ranks and recall.

Convention: ranks begin at 1; an answer that is not in the list has no rank and counts 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

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

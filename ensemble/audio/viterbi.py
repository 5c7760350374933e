"""Fixed-lag Viterbi: the best path, decided step by step, so that what was decided never changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Costs = NDArray[np.float64]


def fixed_lag_viterbi(costs: Sequence[Costs], transition: Callable[[int], Costs], look_ahead: int) -> list[int]:
    """Choose one candidate per step, each by the cheapest path through the next `look_ahead` steps.

    Step t is decided from steps t..t+look_ahead and from what step t-1 decided, from nothing else: a longer sequence
    repeats every choice that lies `look_ahead` steps or more before the end of the shorter one.

    Args:
        costs: per step, the cost of each candidate.  [candidates at step t]
        transition: `transition(t)` is the cost of going from step t-1 to step t.  [candidates at t-1, candidates at t]
        look_ahead: steps that a decision may look at.

    Returns:
        The index of the chosen candidate per step; ties go to the lower index.
    """
    chosen: list[int] = []
    for step in range(len(costs)):
        last = min(step + look_ahead, len(costs) - 1)
        to_go = costs[last]
        for later in range(last, step, -1):
            to_go = costs[later - 1] + (transition(later) + to_go[None, :]).min(axis=1)
        entry = transition(step)[chosen[-1]] if chosen else 0.0
        chosen.append(int(np.argmin(entry + to_go)))
    return chosen

"""Fixed-lag Viterbi: a cheapest path whose steps are decided one by one, and never change when steps are added."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Costs = NDArray[np.float64]


def fixed_lag_viterbi(costs: Sequence[Costs], transition: Callable[[int], Costs], look_ahead: int) -> list[int]:
    """Choose one candidate per step, each by the cheapest path through the next `look_ahead` steps.

    The choice at step t depends only on steps t..t+look_ahead and on the choice at step t-1. So a longer sequence
    repeats every choice that lies `look_ahead` steps or more before the end of the shorter one.

    Args:
        costs: per step, the cost of each candidate.  [candidates at step t]
        transition: `transition(t)` is the cost of going from step t-1 to step t.  [candidates at t-1, candidates at t]
        look_ahead: number of later steps that a choice depends on.

    Returns:
        The index of the chosen candidate per step; of equals the lower one.
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

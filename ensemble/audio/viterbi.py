"""Paths through candidates: fixed-lag Viterbi, whose choices never change when steps are added, and what it doubts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Costs = NDArray[np.float64]


def fixed_lag_viterbi(
    costs: Sequence[Costs], transition: Callable[[int], Costs], look_ahead: int | Sequence[int]
) -> list[int]:
    """Choose one candidate per step, each by the cheapest path through the next `look_ahead` steps.

    The choice at step t depends only on steps t..t+look_ahead and on the choice at step t-1. So a longer sequence
    repeats every choice that lies `look_ahead` steps or more before the end of the shorter one.

    Args:
        costs: per step, the cost of each candidate.  [candidates at step t]
        transition: `transition(t)` is the cost of going from step t-1 to step t.  [candidates at t-1, candidates at t]
        look_ahead: number of later steps that a choice depends on, for all steps or for each.

    Returns:
        The index of the chosen candidate per step; of equals the lower one.
    """
    chosen: list[int] = []
    ahead = [look_ahead] * len(costs) if isinstance(look_ahead, int) else look_ahead
    for step in range(len(costs)):
        last = min(step + ahead[step], len(costs) - 1)
        to_go = costs[last]
        for later in range(last, step, -1):
            to_go = costs[later - 1] + (transition(later) + to_go[None, :]).min(axis=1)
        entry = transition(step)[chosen[-1]] if chosen else 0.0
        chosen.append(int(np.argmin(entry + to_go)))
    return chosen


def posteriors(costs: Costs, transition: Callable[[int], Costs], temperature: float) -> Costs:
    """How probable each candidate of each step is, over all paths.  [steps, candidates]; rows sum to 1

    A path is as probable as exp(-cost / temperature).

    Args:
        costs: the cost of each candidate at each step.  [steps, candidates]
        transition: as for `fixed_lag_viterbi`.
        temperature: in the unit of the costs.

    Source: forward and backward messages as in Rabiner, A Tutorial on Hidden Markov Models, Proc. IEEE 77, 1989; each
    is scaled to sum to 1.
    """
    likely = np.exp((costs.min(axis=1, keepdims=True) - costs) / temperature)
    forward, backward = likely.copy(), np.ones_like(likely)
    for step in range(len(costs)):
        if step:
            forward[step] *= forward[step - 1] @ np.exp(-transition(step) / temperature)
        forward[step] /= forward[step].sum()
    for step in range(len(costs) - 1, 0, -1):
        backward[step - 1] = np.exp(-transition(step) / temperature) @ (likely[step] * backward[step])
        backward[step - 1] /= backward[step - 1].sum()
    joint = forward * backward
    shares: Costs = joint / joint.sum(axis=1, keepdims=True)
    return shares

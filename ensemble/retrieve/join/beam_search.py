"""Beam search for a chain of stretches of recordings that fills a length at the least cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

MISSING_COST_PER_S = 1.0
"""Cost of a second that is asked for and not filled: one more hop is nearly always better."""
REMAINING_COST_PER_S = 0.05
"""Expected cost of a second still to be filled, by which unfinished chains of different lengths are compared."""
MAX_STEPS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One stretch of one recording, and the cost of joining it to what came before."""

    recording: str
    """sha256 of the recording."""
    start_s: float
    """Where it begins, in the recording's time."""
    stop_s: float
    """Where it is left if another stretch follows, in the recording's time."""
    lasts_s: float
    """How long it sounds until then."""
    rings_s: float
    """How long it sounds if nothing follows."""
    cost: float
    """0 is a perfect join to something perfectly relevant; larger is worse."""


S = TypeVar("S", bound=Step)
Follow = Callable[[S], Sequence[S]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain(Generic[S]):
    """Stretches played one after the other."""

    steps: tuple[S, ...]
    """In the order of playing."""
    lasts_s: float
    """How long they sound together."""
    cost: float
    """Of all steps, and of what is missing of the length that was asked for."""


def best_chain(first: Sequence[S], follow: Follow[S], wanted_s: float, width: int) -> Chain[S] | None:
    """The cheapest way found to fill `wanted_s`.

    No chain plays the same material twice, so none can loop. A chain that falls short pays for what is missing; where
    nothing is long enough, the best of what there is comes back.

    Args:
        first: stretches that may come first.
        follow: returns the stretches that may follow one, each with the cost of that join.
        wanted_s: how long the chain should sound.
        width: how many unfinished chains are kept, 1 or more.

    Returns:
        Never costlier than always taking the cheapest next stretch; None where nothing may come first.
    """
    if not first:
        return None
    found = [*_beam(first, follow, wanted_s, width), _greedy(first, follow, wanted_s)]
    return min(found, key=_rank)


def _rank(chain: Chain[S]) -> tuple[float, int, list[tuple[float, str, float]]]:
    """Sort key: cost, then length, then the steps themselves, so that the order of the candidates decides nothing."""
    return chain.cost, len(chain.steps), [(step.cost, step.recording, step.start_s) for step in chain.steps]


def _chain(steps: tuple[S, ...], wanted_s: float) -> Chain[S]:
    """A chain that ends with its last step, and its cost."""
    lasts_s = sum(step.lasts_s for step in steps[:-1]) + steps[-1].rings_s
    missing_s = max(0.0, wanted_s - lasts_s)
    cost = sum(step.cost for step in steps) + MISSING_COST_PER_S * missing_s
    return Chain(steps=steps, lasts_s=lasts_s, cost=cost)


def _is_new(step: S, steps: tuple[S, ...]) -> bool:
    """Whether a stretch is played nowhere in the chain so far."""
    return all(
        step.recording != other.recording or step.stop_s <= other.start_s or other.stop_s <= step.start_s
        for other in steps
    )


def _next(steps: tuple[S, ...], follow: Follow[S]) -> list[S]:
    """Stretches that may come next; none of length 0, or the search might never end."""
    return [step for step in follow(steps[-1]) if step.lasts_s > 0.0 and _is_new(step, steps)]


def _beam(first: Sequence[S], follow: Follow[S], wanted_s: float, width: int) -> list[Chain[S]]:
    """Every chain that the search reached, as if it ended there."""

    def estimate(steps: tuple[S, ...]) -> tuple[float, list[tuple[str, float]]]:
        filled_s = sum(step.lasts_s for step in steps)
        expected = REMAINING_COST_PER_S * max(0.0, wanted_s - filled_s)
        return sum(step.cost for step in steps) + expected, [(step.recording, step.start_s) for step in steps]

    found: list[Chain[S]] = []
    growing: list[tuple[S, ...]] = [(step,) for step in first]
    for _ in range(MAX_STEPS):
        ended = [_chain(steps, wanted_s) for steps in growing]
        found += ended
        open_ends = [chain.steps for chain in ended if chain.lasts_s < wanted_s]
        kept = sorted(open_ends, key=estimate)[:width]
        cheapest = min(chain.cost for chain in found)
        growing = [
            (*steps, step)
            for steps in kept
            if sum(one.cost for one in steps) < cheapest
            for step in _next(steps, follow)
        ]
        if not growing:
            break
    return found


def _greedy(first: Sequence[S], follow: Follow[S], wanted_s: float) -> Chain[S]:
    """Always the cheapest next stretch, until the length is filled or nothing follows."""
    steps: tuple[S, ...] = (min(first, key=lambda step: (step.cost, step.recording, step.start_s)),)
    while len(steps) < MAX_STEPS and _chain(steps, wanted_s).lasts_s < wanted_s:
        after = _next(steps, follow)
        if not after:
            break
        steps = (*steps, min(after, key=lambda step: (step.cost, step.recording, step.start_s)))
    return _chain(steps, wanted_s)

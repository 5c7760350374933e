"""Several stretches of recordings in a row: beam search over what may follow what, never worse than greedy. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

MISSING_COST_PER_S = 1.0
"""Of sound that was asked for and is not there: one more hop is nearly always better than a second of nothing."""
REMAINING_COST_PER_S = 0.05
"""What a second still to be filled is expected to cost, where half-built chains of different lengths are compared."""
MAX_STEPS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One stretch of one recording, and what it costs to enter it from what came before.

    start_s, stop_s: of the recording, in its own time; it is left at `stop_s` if another stretch follows. lasts_s: how
    long it sounds until then; rings_s: how long it would sound if nothing followed. cost: 0 or more, 0 is a perfect
    join to something perfectly relevant; going on inside the recording costs nothing.
    """

    recording: str
    start_s: float
    stop_s: float
    lasts_s: float
    rings_s: float
    cost: float


S = TypeVar("S", bound=Step)
Follow = Callable[[S], Sequence[S]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain(Generic[S]):
    """Stretches in the order of playing, how long they sound together, and what they cost for the length wanted."""

    steps: tuple[S, ...]
    lasts_s: float
    cost: float


def best_chain(first: Sequence[S], follow: Follow[S], wanted_s: float, width: int) -> Chain[S] | None:
    """The cheapest way found to fill `wanted_s`.

    No chain plays the same material twice, so none can loop. A chain that falls short pays for what is missing; where
    nothing is long enough, the best of what there is comes back.

    Args:
        first: stretches that may come first.
        follow: stretches that may follow one, each with the cost of that join.
        wanted_s: how long the chain should sound.
        width: how many half-built chains are kept, 1 or more.

    Returns:
        Never costlier than always taking the cheapest next stretch; None where nothing may come first.
    """
    if not first:
        return None
    found = [*_beam(first, follow, wanted_s, width), _greedy(first, follow, wanted_s)]
    return min(found, key=_rank)


def _rank(chain: Chain[S]) -> tuple[float, int, list[tuple[float, str, float]]]:
    """By cost; of equals the shortest, then by what is in it, so that the order of the candidates decides nothing."""
    return chain.cost, len(chain.steps), [(step.cost, step.recording, step.start_s) for step in chain.steps]


def _chain(steps: tuple[S, ...], wanted_s: float) -> Chain[S]:
    """Price a chain that ends with its last step."""
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
    """What may come after a chain; nothing that stands still, or the search might never end."""
    return [step for step in follow(steps[-1]) if step.lasts_s > 0.0 and _is_new(step, steps)]


def _beam(first: Sequence[S], follow: Follow[S], wanted_s: float, width: int) -> list[Chain[S]]:
    """Every chain that the beam touched, ended there."""

    def promise(steps: tuple[S, ...]) -> tuple[float, list[tuple[str, float]]]:
        filled_s = sum(step.lasts_s for step in steps)
        expected = REMAINING_COST_PER_S * max(0.0, wanted_s - filled_s)
        return sum(step.cost for step in steps) + expected, [(step.recording, step.start_s) for step in steps]

    found: list[Chain[S]] = []
    growing: list[tuple[S, ...]] = [(step,) for step in first]
    for _ in range(MAX_STEPS):
        ended = [_chain(steps, wanted_s) for steps in growing]
        found += ended
        open_ends = [chain.steps for chain in ended if chain.lasts_s < wanted_s]
        kept = sorted(open_ends, key=promise)[:width]
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

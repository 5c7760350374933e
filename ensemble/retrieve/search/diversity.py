"""Diversity: continuations begin at different spots, and preferably in different recordings.

Source: Carbonell and Goldstein, The use of MMR, diversity-based reranking, SIGIR 1998; likeness here is being the same
recording.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

MIN_APART_S = 4.0
"""Two candidates of one recording that begin closer than this count as one spot."""
REPEAT_PENALTY = 0.05
"""Subtracted from a total for each time that its recording was chosen before."""
REPEAT_COST = 0.1
"""The same in the cost of a chain, the negative logarithm of a total, at a total of 0.5."""


def spread(places: Sequence[tuple[str, float]], totals: Sequence[float], limit: int) -> list[int]:
    """Which places to keep, in the order of choice: always the best that is left, less what repeating costs.

    Args:
        places: recording and second of each.
        totals: of each place, higher is better; of equals the first is chosen.
        limit: how many at most.
    """
    kept: list[int] = []
    taken: Counter[str] = Counter()
    left = list(range(len(places)))
    while left and len(kept) < limit:
        best = max(left, key=lambda number: totals[number] - REPEAT_PENALTY * taken[places[number][0]])
        kept.append(best)
        taken[places[best][0]] += 1
        left = [number for number in left if not is_one_spot(places[number], places[best])]
    return kept


def is_one_spot(place: tuple[str, float], other: tuple[str, float]) -> bool:
    """Whether two places, each a recording and a second of it, are too close to be two."""
    return place[0] == other[0] and abs(place[1] - other[1]) < MIN_APART_S

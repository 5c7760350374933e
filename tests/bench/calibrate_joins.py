"""Measure what joins are worth: `python -m tests.bench.calibrate_joins`.

Prints the tables of `ensemble/retrieve/search/quality.py`: the totals of joins within songs and of random joins, over
the shipped corpus, and how well they are told apart. Within songs: from a place of a piece to another place of it, at
least `MIN_APART_S` away. Random: from the same places to any place of any other piece, in the transposition that suits
best.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.retrieve.default_library import indexed_corpus
from ensemble.retrieve.library.ledger import Ledger
from ensemble.retrieve.search.context import JoinContext, context_of_recording
from ensemble.retrieve.search.diversity import MIN_APART_S
from ensemble.retrieve.search.gather import Pair
from ensemble.retrieve.search.quality import STEP_PERCENT
from ensemble.retrieve.search.query import transpositions
from ensemble.retrieve.search.rerank import measure
from ensemble.retrieve.settings import RetrieveSettings
from ensemble.types.described import Described

PLACES, JOINS = 24, 4
"""Places of each piece that are left, and joins of each kind from there."""
LEAST_BEFORE_S, LEAST_AFTER_S = 8.0, 4.0
"""Music before a place, and after it."""
Totals = NDArray[np.float64]


class JoinTotals(NamedTuple):
    """What joins of both kinds scored."""

    within: Totals
    """[joins]"""
    random: Totals
    """[joins]"""


def join_totals(pieces: list[Described], places_each: int = PLACES, seed: int = 0) -> JoinTotals:
    """Score joins within pieces, and to others."""
    dice = np.random.Generator(np.random.Philox(seed))
    within, random = list[float](), list[float]()
    for piece in pieces:
        places = piece.start_s[(piece.start_s >= LEAST_BEFORE_S) & (piece.remaining_s >= LEAST_AFTER_S)]
        for at_s in dice.choice(places, min(places_each, len(places)), replace=False).tolist():
            context = context_of_recording(piece, at_s)
            own = np.flatnonzero((abs(piece.start_s - at_s) >= MIN_APART_S) & (piece.remaining_s >= LEAST_AFTER_S))
            within += [_total(context, piece, int(chunk), (0,)) for chunk in dice.choice(own, JOINS)]
            for number in dice.choice([index for index, one in enumerate(pieces) if one is not piece], JOINS):
                other = pieces[number]
                chunk = int(dice.choice(np.flatnonzero(other.remaining_s >= LEAST_AFTER_S)))
                random.append(_total(context, other, chunk, transpositions(RetrieveSettings().max_semitones)))
    return JoinTotals(np.array(within), np.array(random))


def _total(context: JoinContext, piece: Described, chunk: int, semitones: tuple[int, ...]) -> float:
    pairs = [Pair(described=piece, chunk=chunk, semitones=step) for step in semitones]
    return float(measure(context, pairs, RetrieveSettings()).total.max())


def told_apart(totals: JoinTotals) -> float:
    """How often a join within a song scores more than a random one: 0.5 is chance, 1 is always."""
    above = np.searchsorted(np.sort(totals.random), totals.within, side="left")
    return float(above.mean() / len(totals.random))


def corpus() -> list[Described]:
    """Every piece of the shipped corpus, indexed now if it never was."""
    folder = Path(indexed_corpus().folder)
    ledger = Ledger(folder, is_writer=False)
    return [ledger[sha256] for sha256 in sorted(ledger)]


def main() -> None:
    """Print the tables, and how well half of the pieces tell the joins of the other half apart."""
    pieces = corpus()
    totals = join_totals(pieces)
    percents = np.arange(0, 100 + STEP_PERCENT, STEP_PERCENT)
    for name, found in zip(("WITHIN_SONGS", "AMONG_RANDOM"), totals, strict=True):
        print(f"{name} = ({', '.join(f'{value:.3f}' for value in np.percentile(found, percents))})")
    print(f"{len(totals.within)} joins of each kind; told apart {told_apart(totals):.2f} of the time")
    for half in (0, 1):
        mine, others = join_totals(pieces[half::2]), join_totals(pieces[1 - half :: 2])
        floor = np.percentile(others.within, 50)
        print(f"half {half}: above the other half's median {100 * (mine.within >= floor).mean():.0f} % of joins within")


if __name__ == "__main__":
    main()

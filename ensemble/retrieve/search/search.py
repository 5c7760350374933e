"""Search: one batched query to the store, then exact scores for the nearest chunks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ensemble.retrieve.library.store import Match, Store, StoreFilter
from ensemble.retrieve.search.context import JoinContext
from ensemble.retrieve.search.diversity import spread
from ensemble.retrieve.search.gather import Pair
from ensemble.retrieve.search.query import queries
from ensemble.retrieve.search.rerank import measure, vetoes
from ensemble.retrieve.settings import RetrieveSettings
from ensemble.types.continuation import SeamScore
from ensemble.types.described import Described, IndexedRecording

RELAXING = (1.0, 2.0, 4.0, None)
"""Multiples of the level tolerance, tried one after the other; None allows any level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A chunk that could follow, as it would be played."""

    recording: IndexedRecording
    """Its file."""
    chunk: int
    """Its number in the recording."""
    start_s: float
    """Where it begins in the recording."""
    semitones: int
    """How far it is transposed."""
    tempo_ratio: float
    """1.03 is played 3 % faster than recorded."""
    score: SeamScore
    """With every term."""
    rank: int = 0
    """Its place in the store's own order, 0 for the nearest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search found."""

    candidates: tuple[Candidate, ...]
    """Those without a veto, in the order of choice: the best, then the best in view of those already chosen."""
    level_tolerance_db: float | None
    """The tolerance that was used, None where any level was allowed."""
    num_scored: int
    """How many were scored exactly."""
    vetoed: dict[str, int]
    """How many of them were refused, by reason."""
    recall_proxy: float | None = None
    """See `recall_proxy`; None where nothing was scored."""


def recall_proxy(ranks: Sequence[int]) -> float | None:
    """Share of the ten best by exact score that the first half of the store's list held already.

    Near 1, a list of twice the length would probably find nothing better; near a half, the store's order says nothing
    about the exact one. It is no recall: that would take exact scores of every chunk.

    Args:
        ranks: places in the store's list, in the order of the exact scores.
    """
    best = ranks[:10]
    return sum(2 * rank < len(ranks) for rank in best) / len(best) if best else None


class Search:
    """Finds chunks that could come next.

    Args:
        store: of the chunks' vectors.
        described: returns a recording's description by its sha256.
        settings: weights and limits.
    """

    def __init__(self, store: Store, described: Callable[[str], Described], settings: RetrieveSettings) -> None:
        self._store, self._described, self._settings = store, described, settings

    def candidates(self, context: JoinContext, limit: int, *, min_remaining_s: float) -> Found:
        """Find the chunks that follow best, at different spots and preferably of different recordings.

        The level tolerance is widened until there are enough; vetoes are never lifted.

        Args:
            context: what came before the join.
            limit: how many at most; fewer may be found.
            min_remaining_s: music that a candidate must have left.
        """
        found = Found(candidates=(), level_tolerance_db=None, num_scored=0, vetoed={})
        for multiple in RELAXING:
            if multiple is not None and context.is_silent:
                continue
            tolerance_db = None if multiple is None else multiple * self._settings.level_tolerance_db
            ranked = self.ranked(context, tolerance_db, min_remaining_s=min_remaining_s)
            allowed = [candidate for candidate in ranked if not candidate.score.vetoes]
            places = [(candidate.recording.sha256, candidate.start_s) for candidate in allowed]
            kept = spread(places, [candidate.score.total for candidate in allowed], limit)
            found = Found(
                candidates=tuple(allowed[number] for number in kept),
                level_tolerance_db=tolerance_db,
                num_scored=len(ranked),
                vetoed=dict(Counter(reason for candidate in ranked for reason in candidate.score.vetoes)),
                recall_proxy=recall_proxy([candidate.rank for candidate in ranked]),
            )
            if len(kept) >= limit:
                break
        return found

    def ranked(
        self,
        context: JoinContext,
        level_tolerance_db: float | None,
        *,
        min_remaining_s: float,
    ) -> list[Candidate]:
        """The nearest chunks with exact scores, best first, neighbours and vetoed ones included.

        Args:
            context: what came before the join.
            level_tolerance_db: how far a chunk's level may lie from the context's; None: any distance.
            min_remaining_s: music that a candidate must have left.
        """
        where = StoreFilter(
            min_level_db=None if level_tolerance_db is None else context.level_db - level_tolerance_db,
            max_level_db=None if level_tolerance_db is None else context.level_db + level_tolerance_db,
            min_remaining_s=min_remaining_s,
        )
        rows, which = queries(context, self._settings)
        answers = self._store.search(rows, max(self._settings.rerank // 2, 1), where)
        pairs = self._pairs(answers, which)
        if not pairs:
            return []
        measured = measure(context, pairs, self._settings)
        order = np.argsort(-measured.total, kind="stable")
        return [
            Candidate(
                recording=pairs[place].described.recording,
                chunk=pairs[place].chunk,
                start_s=float(pairs[place].described.start_s[pairs[place].chunk]),
                semitones=pairs[place].semitones,
                tempo_ratio=float(measured.tempo_ratio[place]),
                score=measured.score(place, vetoes(context, pairs[place], measured, place, self._settings)),
                rank=place,
            )
            for place in order.tolist()
        ]

    def _pairs(self, answers: list[list[Match]], which: list[tuple[float, int]]) -> list[Pair]:
        """The best pairs of chunk and transposition, in turn from each look-back: products have no common scale."""
        by_look_back: dict[float, list[tuple[float, int, int, Match]]] = {}
        for (look_back_s, semitones), matches in zip(which, answers, strict=True):
            rows = by_look_back.setdefault(look_back_s, [])
            rows.extend((-match.score, match.id, semitones, match) for match in matches)
        rankings = [sorted(rows, key=lambda row: row[:3]) for rows in by_look_back.values()]
        taken: dict[tuple[int, int], Match] = {}
        for rank in range(max((len(ranking) for ranking in rankings), default=0)):
            for ranking in rankings:
                if rank < len(ranking) and len(taken) < self._settings.rerank:
                    _, key, semitones, match = ranking[rank]
                    taken.setdefault((key, semitones), match)
        return [
            Pair(described=self._described(match.recording), chunk=match.chunk, semitones=semitones)
            for (_, semitones), match in taken.items()
        ]

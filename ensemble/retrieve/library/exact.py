"""A store in memory that compares every row: the reference that other engines are tested against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ensemble.errors import StoreError
from ensemble.retrieve.library.store import Match, StoreFilter, StoreRow
from ensemble.types.arrays import FloatArray


class ExactStore:
    """All vectors in one matrix; a search is one product with it. Nothing outlives the process."""

    def __init__(self) -> None:
        self._rows: dict[int, StoreRow] = {}
        self._columns: dict[str, np.ndarray] = {}
        """The rows by column, built at the first search after a change."""

    def add(self, rows: Sequence[StoreRow]) -> None:
        """Insert or replace rows.

        Raises:
            StoreError: a vector has another length than those before it, or holds NaN or infinity.
        """
        shape = next(iter([*self._rows.values(), *rows])).vector.shape if rows else ()
        for row in rows:
            if row.vector.shape != shape or not np.isfinite(row.vector).all():
                problem = f"its vector is not {shape[0]} finite numbers"
                raise StoreError(f"chunk {row.chunk} of {row.recording}", problem, "describe it again")
        self._rows.update((row.id, row) for row in rows)
        self._columns.clear()

    def remove(self, recordings: Sequence[str]) -> int:
        """Delete every row of these recordings; returns how many there were."""
        removed = [row.id for row in self._rows.values() if row.recording in set(recordings)]
        for key in removed:
            del self._rows[key]
        self._columns.clear()
        return len(removed)

    def search(self, queries: FloatArray, limit: int, where: StoreFilter) -> list[list[Match]]:
        """Find the rows with the largest inner product, best first, for each query; equal scores by rising id.

        Args:
            queries: [queries, dimensions].
            limit: rows per query.
            where: which rows may be returned.
        """
        rows = list(self._rows.values())
        if not rows:
            return [[] for _ in queries]
        if not self._columns:
            names = ("vector", "id", "level_db", "remaining_s")
            self._columns = {name: np.stack([getattr(row, name) for row in rows]) for name in names}
        allowed = np.flatnonzero(self._allowed(where))
        ids, scores = self._columns["id"][allowed], queries @ self._columns["vector"][allowed].T
        answers = []
        for row_scores in scores:
            found = [(rows[allowed[place]], float(row_scores[place])) for place in _best(row_scores, ids, limit)]
            answers.append([Match(row.id, row.recording, row.chunk, score) for row, score in found])
        return answers

    def count(self) -> int:
        """Number of rows."""
        return len(self._rows)

    def recordings(self) -> dict[str, int]:
        """Number of rows by recording."""
        return dict(Counter(row.recording for row in self._rows.values()))

    def close(self) -> None:
        """Forget everything."""
        self._rows.clear()
        self._columns.clear()

    def _allowed(self, where: StoreFilter) -> np.ndarray:
        level_db, remaining_s = self._columns["level_db"], self._columns["remaining_s"]
        lowest_db = -np.inf if where.min_level_db is None else where.min_level_db
        highest_db = np.inf if where.max_level_db is None else where.max_level_db
        least_s = -np.inf if where.min_remaining_s is None else where.min_remaining_s
        allowed: np.ndarray = (level_db >= lowest_db) & (level_db <= highest_db) & (remaining_s >= least_s)
        return allowed


def _best(scores: FloatArray, ids: np.ndarray, limit: int) -> np.ndarray:
    """Places of the highest scores, best first, equal ones by rising id."""
    places = np.arange(len(scores))
    if limit < len(scores):  # sort only those that can be among the best
        places = np.flatnonzero(scores >= np.partition(scores, -limit)[-limit])
    best: np.ndarray = places[np.lexsort((ids[places], -scores[places]))][:limit]
    return best

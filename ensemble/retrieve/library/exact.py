"""A store in memory that compares with every row: the reference other engines are held to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ensemble.errors import StoreError
from ensemble.retrieve.library.store import Match, StoreFilter, StoreRow
from ensemble.types.arrays import FloatArray

_COLUMNS = ("level_db", "low_db", "tempo_bpm", "remaining_s")


class ExactStore:
    """Every vector in one matrix, every question one product with it. Nothing outlives the process."""

    def __init__(self) -> None:
        self._rows: dict[int, StoreRow] = {}
        self._matrix: FloatArray | None = None
        self._columns: dict[str, np.ndarray] = {}

    def add(self, rows: Sequence[StoreRow]) -> None:
        """Insert or replace rows.

        Raises:
            StoreError: a vector has another length than those before it, or holds NaN or infinity.
        """
        known = next(iter(self._rows.values()), None) or (rows[0] if rows else None)
        for row in rows:
            problem = None
            if known is not None and row.vector.shape != known.vector.shape:
                problem = f"a vector of shape {row.vector.shape} among {known.vector.shape}"
            elif not np.isfinite(row.vector).all():
                problem = "a vector that is not finite"
            if problem:
                raise StoreError(f"chunk {row.chunk} of {row.recording}", problem, "describe it again")
        self._rows.update((row.id, row) for row in rows)
        self._matrix = None

    def remove(self, recordings: Sequence[str]) -> int:
        """Delete every row of these recordings; how many there were."""
        doomed = [row.id for row in self._rows.values() if row.recording in set(recordings)]
        for key in doomed:
            del self._rows[key]
        self._matrix = None
        return len(doomed)

    def search(self, questions: FloatArray, limit: int, where: StoreFilter) -> list[list[Match]]:
        """The nearest rows by inner product, best first, for each question; equal scores by rising id.

        Args:
            questions: [questions, dimensions].
            limit: of rows per question.
            where: which rows may answer.
        """
        if not self._rows:
            return [[] for _ in questions]
        matrix = self._table()
        allowed = np.flatnonzero(self._allowed(where))
        ids, scores = self._columns["id"][allowed], questions @ matrix[allowed].T
        rows = list(self._rows.values())
        answers = []
        for row_scores in scores:
            best = _best(row_scores, ids, limit)
            found = [(rows[allowed[place]], float(row_scores[place])) for place in best]
            answers.append([Match(row.id, row.recording, row.chunk, score) for row, score in found])
        return answers

    def count(self) -> int:
        """Rows."""
        return len(self._rows)

    def recordings(self) -> dict[str, int]:
        """Rows by recording."""
        counts: dict[str, int] = {}
        for row in self._rows.values():
            counts[row.recording] = counts.get(row.recording, 0) + 1
        return counts

    def close(self) -> None:
        """Forget everything."""
        self._rows.clear()
        self._matrix = None

    def _table(self) -> FloatArray:
        if self._matrix is None:
            rows = self._rows.values()
            self._matrix = np.stack([row.vector for row in rows])
            self._columns = {name: np.array([getattr(row, name) for row in rows]) for name in (*_COLUMNS, "id")}
            self._columns["recording"] = np.array([row.recording for row in rows])
        return self._matrix

    def _allowed(self, where: StoreFilter) -> np.ndarray:
        column = self._columns
        allowed = np.ones(len(self._rows), dtype=np.bool_)
        if where.min_level_db is not None:
            allowed &= column["level_db"] >= where.min_level_db
        if where.max_level_db is not None:
            allowed &= column["level_db"] <= where.max_level_db
        if where.min_remaining_s is not None:
            allowed &= column["remaining_s"] >= where.min_remaining_s
        if where.tempo_bpm:
            tempo = column["tempo_bpm"][:, None]
            low, high = np.array(where.tempo_bpm).T
            allowed &= ((tempo >= low) & (tempo <= high)).any(axis=1)
        if where.exclude_recordings:
            allowed &= ~np.isin(column["recording"], where.exclude_recordings)
        return allowed


def _best(scores: FloatArray, ids: np.ndarray, limit: int) -> np.ndarray:
    """Places of the highest scores, best first, equal ones by rising id."""
    if limit < len(scores):
        lowest = np.partition(scores, len(scores) - limit)[len(scores) - limit]
        places = np.flatnonzero(scores >= lowest)
    else:
        places = np.arange(len(scores))
    best: np.ndarray = places[np.lexsort((ids[places], -scores[places]))][:limit]
    return best

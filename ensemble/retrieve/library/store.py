"""A place that finds the vectors nearest to a question: `Store`, its rows, and the filter that every engine reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ensemble.types.arrays import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRow:
    """One chunk in a store."""

    id: int
    vector: FloatArray
    recording: str
    """sha256 of the recording's content."""
    chunk: int
    level_db: float
    low_db: float
    tempo_bpm: float
    remaining_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFilter:
    """Which rows may answer; `None` asks for nothing. All bounds are inclusive."""

    min_level_db: float | None = None
    max_level_db: float | None = None
    min_remaining_s: float | None = None
    tempo_bpm: tuple[tuple[float, float], ...] = ()
    """Ranges, any of which will do."""
    exclude_recordings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """One answer: which chunk, and its inner product with the question."""

    id: int
    recording: str
    chunk: int
    score: float


class Store(Protocol):
    """Vectors by key, searched by inner product."""

    def add(self, rows: Sequence[StoreRow]) -> None:
        """Insert or replace rows; on return they survive the death of this process.

        Raises:
            StoreError: a vector has another length or holds NaN or infinity, or the store cannot be written.
        """

    def remove(self, recordings: Sequence[str]) -> int:
        """Delete every row of these recordings; how many there were."""

    def search(self, questions: FloatArray, limit: int, where: StoreFilter) -> list[list[Match]]:
        """The nearest rows by inner product, best first, for each question.

        Args:
            questions: [questions, dimensions].
            limit: of rows per question, 1 to 16384.
            where: which rows may answer.
        """

    def count(self) -> int:
        """Rows."""

    def recordings(self) -> dict[str, int]:
        """Rows by recording."""

    def close(self) -> None:
        """Let go of it: another process may open it now."""

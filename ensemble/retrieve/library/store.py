"""What a vector store must do: the `Store` protocol, the rows it keeps and the filter it applies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ensemble.types.arrays import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRow:
    """One chunk in a store."""

    id: int
    """See `ensemble.types.described.chunk_id`."""
    vector: FloatArray
    """float32, the same length in every row.  [dimensions]"""
    recording: str
    """sha256 of the recording's content."""
    chunk: int
    """Its number in the recording."""
    level_db: float
    """A-weighted level of its first two seconds."""
    low_db: float
    """Level of the bass band there."""
    tempo_bpm: float
    """Of the recording, 0 without a beat."""
    remaining_s: float
    """Seconds from the chunk to the recording's end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFilter:
    """Which rows a search may return. Bounds are inclusive; `None` sets no bound."""

    min_level_db: float | None = None
    """Lowest level."""
    max_level_db: float | None = None
    """Highest level."""
    min_remaining_s: float | None = None
    """Least music left."""


@dataclass(frozen=True, slots=True)
class Match:
    """One row that a search returned."""

    id: int
    """The row's id."""
    recording: str
    """sha256 of its recording."""
    chunk: int
    """Its number in the recording."""
    score: float
    """Its inner product with the query."""


class Store(Protocol):
    """Vectors by id, searched by inner product."""

    def add(self, rows: Sequence[StoreRow]) -> None:
        """Insert or replace rows; once this returns they survive the end of the process.

        Raises:
            StoreError: a vector has another length or holds NaN or infinity, or the store cannot be written.
        """

    def remove(self, recordings: Sequence[str]) -> int:
        """Delete every row of these recordings (sha256); returns how many there were."""

    def search(self, queries: FloatArray, limit: int, where: StoreFilter) -> list[list[Match]]:
        """Find the rows with the largest inner product, best first, for each query; equal scores by rising id.

        Args:
            queries: [queries, dimensions].
            limit: rows per query, 1 to 16384.
            where: which rows may be returned.
        """

    def count(self) -> int:
        """Number of rows."""

    def recordings(self) -> dict[str, int]:
        """Number of rows by recording."""

    def close(self) -> None:
        """Close it, so that another process may open it."""

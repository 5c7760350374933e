"""A library: the vector store that is searched, and the ledger that describes its recordings, kept in step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from ensemble.events import OnProgress, unheard
from ensemble.retrieve.library.ledger import Ledger
from ensemble.retrieve.library.ledger_log import LedgerEntry
from ensemble.retrieve.library.store import Match, Store, StoreFilter, StoreRow
from ensemble.types.arrays import FloatArray
from ensemble.types.described import Described, chunk_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How the store differs from what the ledger says it should hold."""

    ledger_rows: int
    """Rows that the ledger promises."""
    store_rows: int
    """Rows that the store holds."""
    missing: tuple[str, ...]
    """Recordings of which the store has fewer or more rows than it should."""
    stray: tuple[str, ...]
    """Recordings whose rows should not be there; mending deletes them."""
    foreign: tuple[str, ...]
    """Recordings that this ledger never knew, on a server that others use too; mending leaves them."""

    @property
    def is_whole(self) -> bool:
        """Whether every row that should be there is there, and none that should not."""
        return not (self.missing or self.stray)


class Library:
    """Recordings that continuations may come from. Closed by `close`, or at the end of a `with`.

    Args:
        store: of the chunks' vectors.
        ledger: of the recordings' descriptions.
        is_shared: the store is a server, which other ledgers may use as well: what this one never knew stays.
    """

    def __init__(self, store: Store, ledger: Ledger, *, is_shared: bool = False) -> None:
        self.store, self.ledger, self._is_shared = store, ledger, is_shared

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, recordings: Sequence[tuple[Described, LedgerEntry]]) -> int:
        """Add recordings: once this returns they can be found and survive the end of the process.

        Returns:
            Rows added.
        """
        for described, entry in recordings:
            self.ledger.add(described, entry)
        rows = [row for described, _ in recordings for row in rows_of(described)]
        self.store.add(rows)
        return len(rows)

    def remove(self, recordings: Sequence[str]) -> int:
        """Forget recordings; returns how many rows went. If the process dies half way, `mend` finishes it."""
        self.ledger.remove(recordings)
        return self.store.remove(recordings)

    def restate(self, entry: LedgerEntry) -> None:
        """Note that a known recording has moved, or has another title or licence."""
        self.ledger.restate(entry)

    def described(self, sha256: str) -> Described:
        """A recording's description.

        Raises:
            StoreError: it is gone or damaged.
        """
        return self.ledger[sha256]

    def known_rows(self) -> Store:
        """The store; of a shared one, only the rows of recordings that the ledger knows."""
        return KnownRows(self.store, self.ledger) if self._is_shared else self.store

    def compare(self) -> Comparison:
        """Count what the ledger promises and what the store holds."""
        held = self.store.recordings()
        expected = {sha256: entry.num_chunks for sha256, entry in self.ledger.entries.items()}
        unknown = sorted(held.keys() - expected.keys())
        foreign = [sha256 for sha256 in unknown if self._is_shared and sha256 not in self.ledger.removed]
        return Comparison(
            ledger_rows=self.ledger.num_rows,
            store_rows=sum(held.values()),
            missing=tuple(sha256 for sha256, rows in expected.items() if held.get(sha256, 0) != rows),
            stray=tuple(sorted(set(unknown) - set(foreign))),
            foreign=tuple(foreign),
        )

    def mend(self, on_progress: OnProgress = unheard) -> Comparison:
        """Add what the store lacks and delete what it should not have; returns the comparison from before.

        Raises:
            StoreError: a description is needed that is gone or damaged, or the store cannot be written.
        """
        before = self.compare()
        self.store.remove(before.stray)
        for done, sha256 in enumerate(before.missing):
            on_progress("repair", done, len(before.missing))
            described = self.ledger[sha256]
            self.store.remove([sha256])
            self.store.add(rows_of(described))
        return before

    def close(self) -> None:
        """Close the store and the ledger."""
        self.store.close()
        self.ledger.close()


class KnownRows:
    """A shared store as one ledger sees it: rows of recordings that the ledger does not know are left out.

    Args:
        store: of any number of ledgers.
        ledger: this one; read again when a search returns a recording that is new to it.
    """

    def __init__(self, store: Store, ledger: Ledger) -> None:
        self._store, self._ledger = store, ledger
        self.add, self.remove, self.close = store.add, store.remove, store.close

    def search(self, queries: FloatArray, limit: int, where: StoreFilter) -> list[list[Match]]:
        """Find the rows with the largest inner product, of recordings that are known."""
        answers = self._store.search(queries, limit, where)
        if not all(match.recording in self._ledger for matches in answers for match in matches):
            self._ledger.refresh()
        return [[match for match in matches if match.recording in self._ledger] for matches in answers]

    def count(self) -> int:
        """Number of rows."""
        return sum(self.recordings().values())

    def recordings(self) -> dict[str, int]:
        """Number of rows by recording."""
        return {sha256: rows for sha256, rows in self._store.recordings().items() if sha256 in self._ledger}


def rows_of(described: Described) -> list[StoreRow]:
    """The rows that a store keeps of a recording."""
    sha256 = described.recording.sha256
    return [
        StoreRow(
            id=chunk_id(sha256, chunk),
            vector=described.vectors[chunk],
            recording=sha256,
            chunk=chunk,
            level_db=float(described.level_db[chunk]),
            low_db=float(described.low_db[chunk]),
            tempo_bpm=described.tempo_bpm,
            remaining_s=float(described.remaining_s[chunk]),
        )
        for chunk in range(described.num_chunks)
    ]

"""A library: the store that finds and the ledger that knows, kept in step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ensemble.retrieve.library.ledger import Ledger
from ensemble.retrieve.library.ledger_log import LedgerEntry
from ensemble.retrieve.library.store import Match, Store, StoreFilter, StoreRow
from ensemble.types.arrays import FloatArray
from ensemble.types.described import Described, chunk_id

OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How ledger and store stand to each other.

    missing: recordings of which the store has fewer or more rows than it should; stray: recordings whose rows nobody
    asked for, that are to go; foreign: rows of recordings that this ledger never knew, on a store that others use too.
    """

    ledger_rows: int
    store_rows: int
    missing: tuple[str, ...]
    stray: tuple[str, ...]
    foreign: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether every row that should be there is there, and none that should not."""
        return not (self.missing or self.stray)


class Library:
    """Recordings that continuations may come from.

    Args:
        store: of the chunks' vectors.
        ledger: of the recordings' descriptions.
        is_shared: the store is a server, which other ledgers may use as well: what this one never knew stays.
    """

    def __init__(self, store: Store, ledger: Ledger, *, is_shared: bool = False) -> None:
        self.store, self.ledger, self._is_shared = store, ledger, is_shared

    def add(self, recordings: Sequence[tuple[Described, LedgerEntry]]) -> int:
        """Take recordings in: on return they are known, found, and survive the death of this process.

        Returns:
            Rows added.
        """
        for described, entry in recordings:
            self.ledger.add(described, entry)
        rows = [row for described, _ in recordings for row in rows_of(described)]
        self.store.add(rows)
        return len(rows)

    def remove(self, recordings: Sequence[str]) -> int:
        """Forget recordings; how many rows went. Killed half way, mending goes on from there."""
        self.ledger.remove(recordings)
        return self.store.remove(recordings)

    def restate(self, entry: LedgerEntry) -> None:
        """A known recording has moved, or is called otherwise."""
        self.ledger.restate(entry)

    def described(self, sha256: str) -> Described:
        """A recording's description.

        Raises:
            StoreError: it is gone or damaged.
        """
        return self.ledger[sha256]

    def known_rows(self) -> Store:
        """The store, as far as the ledger knows it."""
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

    def mend(self, on_progress: OnProgress | None = None) -> Comparison:
        """Put back what the store lacks and drop what it should not have; the comparison is from before.

        Raises:
            StoreError: a description is needed that is gone or damaged, or the store cannot be written.
        """
        before = self.compare()
        self.store.remove(before.stray)
        for done, sha256 in enumerate(before.missing):
            if on_progress:
                on_progress("repair", done, len(before.missing))
            described = self.ledger[sha256]
            self.store.remove([sha256])
            self.store.add(list(rows_of(described)))
        return before

    def close(self) -> None:
        """Let go of both."""
        self.store.close()
        self.ledger.close()


class KnownRows:
    """A store that others use too, seen from one ledger: what that does not know does not answer.

    Args:
        store: of any number of ledgers.
        ledger: this one; read again when an answer is new to it.
    """

    def __init__(self, store: Store, ledger: Ledger) -> None:
        self._store, self._ledger = store, ledger
        self.add, self.remove, self.close = store.add, store.remove, store.close

    def search(self, questions: FloatArray, limit: int, where: StoreFilter) -> list[list[Match]]:
        """The nearest rows by inner product, of recordings that are known."""
        answers = self._store.search(questions, limit, where)
        if not all(match.recording in self._ledger for matches in answers for match in matches):
            self._ledger.refresh()
        return [[match for match in matches if match.recording in self._ledger] for matches in answers]

    def count(self) -> int:
        """Rows."""
        return sum(self.recordings().values())

    def recordings(self) -> dict[str, int]:
        """Rows by recording."""
        return {sha256: rows for sha256, rows in self._store.recordings().items() if sha256 in self._ledger}


def rows_of(described: Described) -> Iterator[StoreRow]:
    """What a store keeps of a recording."""
    sha256 = described.recording.sha256
    for chunk in range(described.num_chunks):
        yield StoreRow(
            id=chunk_id(sha256, chunk),
            vector=described.vectors[chunk],
            recording=sha256,
            chunk=chunk,
            level_db=float(described.level_db[chunk]),
            low_db=float(described.low_db[chunk]),
            tempo_bpm=described.tempo_bpm,
            remaining_s=float(described.remaining_s[chunk]),
        )

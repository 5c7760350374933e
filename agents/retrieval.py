"""The two actors that may open a library: one answers what comes next, one writes what is indexed."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from agents.gauges import RetrievalMetrics
from agents.node_check import Stamp, check_packages, stamped
from agents.status import Reporter, Status
from ensemble import events
from ensemble.retrieve.default_library import open_filled
from ensemble.retrieve.library.ledger_log import LedgerEntry
from ensemble.retrieve.library.library import Library
from ensemble.retrieve.library.opening import LibraryPlace, open_library
from ensemble.retrieve.retriever import Retriever
from ensemble.retrieve.search.search import Found
from ensemble.retrieve.settings import RetrieveSettings
from ensemble.threads import one_thread
from ensemble.types.continuation import Continuation, ContinuationQuery
from ensemble.types.described import Described
from ensemble.types.music import Heard
from ensemble.wire import Message, pack, unpack


class RetrievalAgent(Reporter):
    """Finds what comes next. It alone opens the store while it lives.

    The library is opened at the first call and not in the constructor: Ray reports an error of a constructor as a dead
    actor. Every method may be repeated: nothing is changed.

    Args:
        settings: `RetrieveSettings` as JSON.
    """

    def __init__(self, settings: str) -> None:
        self._settings = RetrieveSettings.model_validate_json(settings)
        self._opened = ExitStack()
        self._status = Status("retrieval", _place_name(self._settings.uri))
        self._metrics = RetrievalMetrics()

    @cached_property
    def _library(self) -> Library:
        check_packages()
        return self._opened.enter_context(open_filled(self._settings))

    @cached_property
    def _retriever(self) -> Retriever:
        rows, described = self._library.known_rows(), self._library.described
        return Retriever(rows, described, self._settings, self._skip, self._searched)

    def ready(self) -> int:
        """Open the library, and put back what the store has lost.

        Returns:
            The number of recordings.

        Raises:
            StoreBusyError: another process has it open.
            StoreError: it cannot be used, or holds nothing.
        """
        return len(self._library.ledger)

    def retrieve(
        self, heard: Message[Heard], query: Message[ContinuationQuery]
    ) -> tuple[Message[tuple[Continuation, ...]], Stamp]:
        """Find what could come next, best first: a tuple of `Continuation` as a message, and a stamp.

        Raises:
            RetrieveError: nothing can follow.
            StoreError: the store cannot be asked.
        """
        with stamped() as stamp, one_thread():
            chosen = self._retriever.continuations(unpack(heard, Heard), unpack(query, ContinuationQuery))
            found = pack(chosen)
        self._status.stage("retrieve", stamp["busy_s"])
        for continuation in chosen:
            self._metrics.seams(continuation)
        return found, stamp

    def _skip(self, line: str) -> None:
        events.emit("skipped", why=line)

    def _searched(self, found: Found) -> None:
        self._metrics.searched(found.num_scored, found.recall_proxy)

    def close(self) -> None:
        """Let another process open the library."""
        self._opened.close()
        for opened in ("_library", "_retriever"):
            self.__dict__.pop(opened, None)


class LibraryWriter(Reporter):
    """Writes into a library what many describers found. Every method may be repeated: rows are keyed by content.

    Args:
        uri: of the store, a folder or an address.
        folder: of the ledger.
    """

    def __init__(self, uri: str, folder: str) -> None:
        self._place = LibraryPlace.of(uri, folder)
        self._status = Status("library writer", _place_name(uri))

    @cached_property
    def _library(self) -> Library:
        check_packages()
        library = open_library(self._place)
        if library.store.count() != library.ledger.num_rows:
            library.mend()
        return library

    def ready(self) -> int:
        """Open the library, and put back what the store has lost.

        Returns:
            The number of rows that the ledger counts.

        Raises:
            StoreBusyError: another process has it open.
            StoreError: it cannot be used.
        """
        return self._library.ledger.num_rows

    def add(self, entries: list[LedgerEntry], *recordings: bytes) -> int:
        """Take recordings in; the number of rows. They are on the disk when it returns."""
        with stamped() as stamp:
            described = [unpack(recording, Described) for recording in recordings]
            rows = self._library.add(list(zip(described, entries, strict=True)))
        self._status.count("library writer", 0, stamp["busy_s"])
        return rows

    def remove(self, recordings: list[str]) -> int:
        """Forget recordings; the number of rows."""
        return self._library.remove([sha256 for sha256 in recordings if sha256 in self._library.ledger])

    def restate(self, entry: LedgerEntry) -> None:
        """A known recording has moved, or is called otherwise."""
        self._library.restate(entry)

    def close(self) -> None:
        """Let another process open the library."""
        self._library.close()
        self.__dict__.pop("_library", None)


def _place_name(uri: str) -> str:
    """A store's name without user or token: a folder's last part, or a server's host and port."""
    if not uri:
        return "the corpus in the box"
    address = urlsplit(uri)
    return f"{address.hostname}:{address.port}" if address.hostname else Path(uri).name

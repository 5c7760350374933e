"""Maintenance of a library: say what it holds, remove recordings, repair it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ensemble.errors import EnsembleError, StoreBusyError, StoreError
from ensemble.events import OnProgress, unheard
from ensemble.files.digest import recording_digest
from ensemble.retrieve.index_local import describe_file
from ensemble.retrieve.library.indexer import IndexJob
from ensemble.retrieve.library.ledger import LEDGER_FILE, Ledger
from ensemble.retrieve.library.ledger_log import LedgerEntry
from ensemble.retrieve.library.library import Comparison, Library
from ensemble.retrieve.library.opening import LibraryPlace, nothing_known, open_library
from ensemble.retrieve.library.sources import Skipped, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryStats:
    """What a library holds."""

    uri: str
    """Of the store."""
    ledger: str
    """The ledger's folder."""
    recordings: int
    """Number of recordings."""
    minutes: float
    """Of music."""
    licences: dict[str, int]
    """Number of recordings by licence, the most frequent first."""
    comparison: Comparison
    """How the store differs from the ledger."""
    unplayable: tuple[Skipped, ...]
    """Recordings whose file is gone or has changed."""
    described_bytes: int
    """Size of the descriptions on the disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What was removed."""

    recordings: int
    """Number of recordings."""
    rows: int
    """Number of rows in the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What a repair did."""

    before: Comparison
    """How the store differed from the ledger."""
    is_rebuilt: bool
    """Whether the store could not be used and was made again."""
    described: int
    """Recordings that were described again."""
    adopted: int
    """Descriptions that the ledger's log did not list, and lists now."""
    given_up: tuple[Skipped, ...]
    """Recordings that were removed: neither the description nor the file is left."""


def library_stats(place: LibraryPlace) -> LibraryStats:
    """Compare what the ledger promises with what the store holds; changes nothing.

    Raises:
        StoreBusyError: another process has the library open.
        StoreError: it cannot be used, or there is none.
    """
    _check_exists(place)
    with open_library(place, is_writer=not place.is_server) as library:
        entries = library.ledger.entries.values()
        return LibraryStats(
            uri=place.uri,
            ledger=str(place.folder),
            recordings=len(entries),
            minutes=round(sum(entry.recording.duration_s for entry in entries) / 60, 2),
            licences=dict(Counter(entry.recording.licence for entry in entries).most_common()),
            comparison=library.compare(),
            unplayable=tuple(
                Skipped(path=entry.recording.path, reason=problem)
                for entry in entries
                if (problem := _problem_with_file(entry))
            ),
            described_bytes=sum(path.stat().st_size for path in place.folder.glob("described/??/*")),
        )


def remove_recordings(paths: Iterable[Path], place: LibraryPlace) -> Removed:
    """Forget recordings by the paths they were added from: files that need not exist any more, and folders.

    Raises:
        StoreBusyError: another process has the library open.
        StoreError: it cannot be used, or a path was never added.
    """
    _check_exists(place)
    with open_library(place) as library:
        chosen: dict[str, None] = {}
        for path in paths:
            entries = library.ledger.entries.items()
            below = [sha256 for sha256, entry in entries if Path(entry.recording.path).is_relative_to(path.absolute())]
            if not below:
                raise StoreError(str(path), "nothing of it is in the library", "see `ensemble index stats`")
            chosen.update(dict.fromkeys(below))
        return Removed(recordings=len(chosen), rows=library.remove(list(chosen)))


def _check_exists(place: LibraryPlace) -> None:
    """Refuse to open a library that does not exist: opening would create it.

    Raises:
        StoreError: nothing was ever indexed at this place, or its server cannot be reached.
    """
    if not (place.folder / LEDGER_FILE).exists() and not (place.folder / "described").exists():
        raise nothing_known(place)


def repair(place: LibraryPlace, on_progress: OnProgress = unheard) -> Repair:
    """Bring ledger and store back into step: every row that was ever acknowledged is there again.

    Raises:
        StoreBusyError: another process has the library open.
        StoreError: the store cannot be reached.
    """
    _check_exists(place)
    is_rebuilt = False
    try:
        opened = open_library(place, is_mending=True)
    except StoreBusyError:
        raise
    except StoreError:
        opened, is_rebuilt = open_library(place, is_mending=True, is_fresh=True), True
    with opened as library:
        adopted = _adopt(library.ledger)
        described, given_up = _describe_again(library, on_progress)
        before = library.mend(on_progress)
    return Repair(before=before, is_rebuilt=is_rebuilt, described=described, adopted=adopted, given_up=given_up)


def _adopt(ledger: Ledger) -> int:
    """List the descriptions whose line in the log was lost, or was never written; returns how many."""
    adopted = 0
    for sha256 in set(ledger.on_disk()) - set(ledger.entries) - ledger.removed:
        described = ledger.load(sha256)
        if described is None:
            continue
        try:
            status = Path(described.recording.path).stat()
        except OSError:
            continue
        ledger.restate(
            LedgerEntry(
                recording=described.recording,
                num_chunks=described.num_chunks,
                size_bytes=status.st_size,
                mtime_ns=status.st_mtime_ns,
            )
        )
        adopted += 1
    return adopted


def _describe_again(library: Library, on_progress: OnProgress) -> tuple[int, tuple[Skipped, ...]]:
    """Replace descriptions that are gone, damaged or of another version, as long as the file is the same."""
    lost = [entry for sha256, entry in library.ledger.entries.items() if library.ledger.load(sha256) is None]
    given_up = []
    for done, entry in enumerate(lost):
        on_progress("describe again", done, len(lost))
        recording = entry.recording
        source = Source(path=Path(recording.path), title=recording.title, licence=recording.licence)
        job = IndexJob(source=source, sha256=recording.sha256, size_bytes=entry.size_bytes, mtime_ns=entry.mtime_ns)
        try:
            if recording_digest(source.path) == recording.sha256:
                described = describe_file(job)
                library.ledger.add(described, replace(entry, num_chunks=described.num_chunks))
                continue
            reason = "has changed since it was indexed"
        except EnsembleError as error:
            reason = error.problem
        library.remove([recording.sha256])
        given_up.append(Skipped(path=recording.path, reason=reason))
    return len(lost) - len(given_up), tuple(given_up)


def _problem_with_file(entry: LedgerEntry) -> str | None:
    """Why a recording's file can no longer be played from, by its name, size and time; None where it can."""
    try:
        status = Path(entry.recording.path).stat()
    except OSError as error:
        return f"is gone ({error.strerror})"
    if (status.st_size, status.st_mtime_ns) != (entry.size_bytes, entry.mtime_ns):
        return "has changed since it was indexed"
    return None

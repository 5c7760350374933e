"""An indexing run: which files are known already, which are to be described, which recordings replace others.

Describing is left to a function that is given: in this process (`ensemble.retrieve.index_local`) or in many
(`cluster.batch.index`).
"""

from __future__ import annotations

import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from ensemble.audio.files import printable
from ensemble.errors import AudioError
from ensemble.events import OnProgress, unheard
from ensemble.files.digest import recording_digest
from ensemble.files.replace import replacing
from ensemble.retrieve.library.ledger_log import LedgerEntry, writing
from ensemble.retrieve.library.sources import Skipped, Source, Sources
from ensemble.types.described import IndexedRecording

BATCH_CHUNKS = 2_000
BATCH_S = 5.0
"""Descriptions are added together once they have this many chunks or the last batch is this long ago."""

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexJob:
    """A file whose content is new to the library."""

    source: Source
    """The file."""
    sha256: str
    """Of its content."""
    size_bytes: int
    """Its size."""
    mtime_ns: int
    """Its time of change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexOutcome(Generic[T]):
    """What came of a job: a description, or the reason why there is none."""

    job: IndexJob
    """The job."""
    reason: str = ""
    """Why there is no description."""
    described: T | None = None
    """The description, or a reference to it that the library accepts."""
    duration_s: float = 0.0
    """Length of the recording."""
    num_chunks: int = 0
    """Number of chunks in the description."""


class IndexTarget(Protocol[T_contra]):
    """Where descriptions are added: a `Library` in this process, or an actor that owns one."""

    def add(self, recordings: Sequence[tuple[T_contra, LedgerEntry]]) -> int:
        """Add recordings; returns the number of rows."""

    def remove(self, recordings: Sequence[str]) -> int:
        """Forget recordings; returns the number of rows."""

    def restate(self, entry: LedgerEntry) -> None:
        """Note that a known recording has moved, or has another title or licence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexReport:
    """What an indexing run did."""

    added: int
    """Recordings described and added."""
    kept: int
    """Recordings known before."""
    moved: int
    """Recordings known before, found at another path."""
    replaced: int
    """Recordings whose file has other content now."""
    skipped: tuple[Skipped, ...]
    """What was not indexed."""
    chunks: int
    """Chunks of the added recordings."""
    music_s: float
    """Length of the added recordings together."""
    wall_s: float
    """How long the run took."""

    @property
    def times_realtime(self) -> float:
        """Seconds of music per second."""
        return self.music_s / self.wall_s if self.wall_s else 0.0


class Indexer(Generic[T]):
    """One run.

    Args:
        target: where descriptions are added.
        known: what is there already, by sha256.
        copies: the folder that recordings are copied into; if absent, the library refers to the files where they lie.
        on_progress: told how many files are done.
    """

    def __init__(
        self, target: IndexTarget[T], known: Mapping[str, LedgerEntry], *, copies: Path | None = None,
        on_progress: OnProgress = unheard,
    ) -> None:  # fmt: skip
        self._target, self._copies = target, copies
        self._tell = on_progress
        self._known = dict(known)
        self._at = {entry.recording.path: sha256 for sha256, entry in known.items()}
        self._count: dict[str, int] = defaultdict(int)
        self._skipped: list[Skipped] = []
        self._waiting: list[tuple[T, LedgerEntry]] = []
        self._flushed_s = time.monotonic()
        self._music_s = 0.0

    def run(
        self, sources: Sources, describe_all: Callable[[Iterable[IndexJob]], Iterator[IndexOutcome[T]]]
    ) -> IndexReport:
        """Add what is new. If the process is stopped or killed, the next run continues from there.

        Args:
            sources: what was found.
            describe_all: describes files, in any order.
        """
        began, total = time.perf_counter(), len(sources.files)
        self._skipped += sources.skipped
        self._tell("index", 0, total)
        for outcome in describe_all(self._new(sources.files)):
            self._settle(outcome)
            self._tell("index", self._num_done, total)
        self._flush()
        self._tell("index", total, total)
        return IndexReport(
            added=self._count["added"], kept=self._count["kept"], moved=self._count["moved"],
            replaced=self._count["replaced"], skipped=tuple(self._skipped), chunks=self._count["chunks"],
            music_s=round(self._music_s, 2), wall_s=round(time.perf_counter() - began, 2),
        )  # fmt: skip

    @property
    def _num_done(self) -> int:
        return sum(self._count[name] for name in ("added", "kept", "moved", "refused"))

    def _new(self, files: Sequence[Source]) -> Iterator[IndexJob]:
        """The files whose content is not known; those that are known are counted, and noted if they have moved."""
        for source in files:
            try:
                status = source.path.stat()
                known = self._known.get(self._at.get(str(source.path), ""))
                if known and (known.size_bytes, known.mtime_ns) == (status.st_size, status.st_mtime_ns):
                    self._keep(known, source)
                    continue
                sha256 = recording_digest(source.path)
            except (OSError, AudioError) as error:
                self._refuse(source, getattr(error, "problem", None) or f"cannot be read ({error})")
                continue
            job = IndexJob(source=source, sha256=sha256, size_bytes=status.st_size, mtime_ns=status.st_mtime_ns)
            if sha256 in self._known:
                self._recognise(self._known[sha256], job)
            else:
                self._known[sha256] = _entry(job, 0.0, 0)  # a second file of this content is not described again
                yield job

    def _keep(self, known: LedgerEntry, source: Source) -> None:
        self._count["kept"] += 1
        if known.recording.licence != source.licence:
            self._restate(replace(known, recording=replace(known.recording, licence=source.licence)))

    def _recognise(self, known: LedgerEntry, job: IndexJob) -> None:
        """Known content in a file that is not known: it was moved, was touched, or there are two such files."""
        path = known.recording.path
        if path == str(job.source.path) or (known.num_chunks and not known.is_copied and not Path(path).exists()):
            self._count["kept" if path == str(job.source.path) else "moved"] += 1
            self._restate(_entry(job, known.recording.duration_s, known.num_chunks))
        else:
            self._count["kept"] += 1

    def _settle(self, outcome: IndexOutcome[T]) -> None:
        """Keep one description for the next batch, or note why there is none."""
        job = outcome.job
        if outcome.described is None or not outcome.num_chunks:
            del self._known[job.sha256]
            self._refuse(job.source, outcome.reason or "is too short to continue anything")
            return
        entry = _entry(job, outcome.duration_s, outcome.num_chunks)
        if self._copies is not None:
            entry = copied(entry, self._copies)
        before = self._at.get(str(job.source.path))
        if before is not None and self._known[before].recording.path == str(job.source.path):
            self._target.remove([before])
            del self._known[before]
            self._count["replaced"] += 1
        self._known[job.sha256] = entry
        self._waiting.append((outcome.described, entry))
        self._count["added"] += 1
        self._count["chunks"] += outcome.num_chunks
        self._music_s += outcome.duration_s
        late = time.monotonic() - self._flushed_s > BATCH_S
        if late or sum(entry.num_chunks for _, entry in self._waiting) >= BATCH_CHUNKS:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._target.add(self._waiting)
            self._waiting = []
        self._flushed_s = time.monotonic()

    def _restate(self, entry: LedgerEntry) -> None:
        self._target.restate(entry)
        self._known[entry.recording.sha256] = entry

    def _refuse(self, source: Source, reason: str) -> None:
        self._count["refused"] += 1
        self._skipped.append(Skipped(path=printable(source.path), reason=reason))


def recording_of(job: IndexJob, duration_s: float) -> IndexedRecording:
    """The recording that a file holds."""
    source = job.source
    return IndexedRecording(
        sha256=job.sha256, path=str(source.path), title=source.title, licence=source.licence, duration_s=duration_s
    )


def copied(entry: LedgerEntry, folder: Path) -> LedgerEntry:
    """Copy a recording into a folder, under the hash of its content.

    Raises:
        StoreError: the folder cannot be written.
    """
    source = Path(entry.recording.path)
    target = folder / f"{entry.recording.sha256}{source.suffix.lower()}"
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(target) as aside:
            shutil.copyfile(source, aside)
        status = target.stat()
    return replace(
        entry, recording=replace(entry.recording, path=str(target)), is_copied=True,
        size_bytes=status.st_size, mtime_ns=status.st_mtime_ns,
    )  # fmt: skip


def _entry(job: IndexJob, duration_s: float, num_chunks: int) -> LedgerEntry:
    return LedgerEntry(
        recording=recording_of(job, duration_s), num_chunks=num_chunks, size_bytes=job.size_bytes,
        mtime_ns=job.mtime_ns,
    )  # fmt: skip

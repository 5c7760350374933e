"""The ledger: what is known of every recording, in plain files, so that a store can always be made again from it.

    described/ab/abcd....msgpack    one recording's description, a message of `ensemble.wire`
    ledger.jsonl                    the log of recordings, with the number of rows that the store should have of each
    audio/abcd....flac              the recordings themselves, where they were copied

A description is written before its line in the log, and the line before the store's rows: a process killed in between
leaves nothing that `Library.mend` or `repair` does not find.
"""

from __future__ import annotations

import fcntl
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO

from ensemble.errors import StoreBusyError, StoreError, WireError
from ensemble.files.replace import write_whole
from ensemble.retrieve.library.ledger_log import LedgerEntry, LedgerLog, writing
from ensemble.types.described import DESCRIPTORS_VERSION, Described
from ensemble.wire import pack, unpack

CACHE_BYTES = 256 << 20
LEDGER_FILE = "ledger.jsonl"


class Ledger(Mapping[str, Described]):
    """Descriptions by the sha256 of their recording's content.

    Args:
        folder: made if absent.
        is_writer: hold the right to change it until `close`; there is one writer, and any number of readers.
        is_mending: skip damaged lines of the log.
        cache_bytes: size of the descriptions kept in memory; the least recently used is dropped first.

    Raises:
        StoreBusyError: another process is changing it.
        StoreError: it cannot be read, is damaged, or is of another version.
    """

    def __init__(
        self, folder: Path, *, is_writer: bool = False, is_mending: bool = False, cache_bytes: int = CACHE_BYTES
    ) -> None:
        self.folder = folder
        self._cache: OrderedDict[str, tuple[Described, int]] = OrderedDict()
        self._cache_bytes = cache_bytes
        self._lock = _locked(folder) if is_writer else None
        try:
            self._log = LedgerLog(folder / LEDGER_FILE, is_mending=is_mending)
        except BaseException:
            self.close()
            raise

    @property
    def entries(self) -> Mapping[str, LedgerEntry]:
        """Every recording, by sha256."""
        return self._log.entries

    @property
    def removed(self) -> frozenset[str]:
        """The recordings that were removed from it."""
        return frozenset(self._log.removed)

    @property
    def num_rows(self) -> int:
        """Number of rows that the store should have."""
        return sum(entry.num_chunks for entry in self.entries.values())

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __contains__(self, sha256: object) -> bool:
        return sha256 in self.entries

    def __getitem__(self, sha256: str) -> Described:
        """A recording's description, with its path, title and licence as they are now.

        Raises:
            KeyError: it is not in the ledger.
            StoreError: its description is gone, damaged or of another version.
        """
        entry = self.entries[sha256]
        if sha256 in self._cache:
            self._cache.move_to_end(sha256)
            return self._cache[sha256][0]
        described = self.load(sha256)
        if described is None:
            problem = f"the description of {entry.recording.title} is gone, damaged or of another version"
            raise StoreError(str(self.folder), problem, f"run `ensemble index repair --index {self.folder}`")
        described = replace(described, recording=entry.recording)
        self._remember(sha256, described)
        return described

    def load(self, sha256: str) -> Described | None:
        """What a description's file holds, listed in the log or not; None where it is gone, damaged or out of date."""
        try:
            described = unpack(self._path(sha256).read_bytes(), Described)
        except (OSError, WireError):
            return None
        is_it = described.version == DESCRIPTORS_VERSION and described.recording.sha256 == sha256
        return described if is_it else None

    def on_disk(self) -> list[str]:
        """The sha256 of every description in the folder, listed in the log or not."""
        return sorted(path.stem for path in self.folder.glob("described/??/*.msgpack"))

    def refresh(self) -> None:
        """Read the log again: another process may have added to it."""
        self._log = LedgerLog(self.folder / LEDGER_FILE)

    def add(self, described: Described, entry: LedgerEntry) -> None:
        """Keep a description: on return it and its line are on the disk.

        Raises:
            StoreError: the folder cannot be written.
        """
        path = self._path(entry.recording.sha256)
        with writing(self.folder):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, pack(described))
        self.restate(entry)

    def restate(self, entry: LedgerEntry) -> None:
        """Write an entry into the log, of a recording whose description is there already."""
        self._log.add(entry)
        self._cache.pop(entry.recording.sha256, None)

    def remove(self, recordings: Iterable[str]) -> None:
        """Forget recordings, and delete what was copied of them."""
        for sha256 in recordings:
            entry = self._log.remove(sha256)
            self._cache.pop(sha256, None)
            with writing(self.folder):
                self._path(sha256).unlink(missing_ok=True)
                if entry.is_copied:
                    Path(entry.recording.path).unlink(missing_ok=True)

    def close(self) -> None:
        """Release the right to change it."""
        if self._lock:
            self._lock.close()
            self._lock = None

    def _path(self, sha256: str) -> Path:
        return self.folder / "described" / sha256[:2] / f"{sha256}.msgpack"

    def _remember(self, sha256: str, described: Described) -> None:
        num_bytes = described.vectors.nbytes + sum(array.nbytes for array in described.details.values())
        self._cache[sha256] = described, num_bytes
        while len(self._cache) > 1 and sum(size for _, size in self._cache.values()) > self._cache_bytes:
            self._cache.popitem(last=False)


def _locked(folder: Path) -> IO[str]:
    """Take the right to change a folder; it is held as long as the returned file is open."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "ledger.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise
    except BlockingIOError as error:
        raise StoreBusyError(str(folder), "is being changed by another process", "wait until it has ended") from error
    except OSError as error:
        raise StoreError(str(folder), f"cannot be opened ({error.strerror})", "name another folder") from error
    return lock

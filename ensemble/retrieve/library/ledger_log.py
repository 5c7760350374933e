"""The log of a ledger: a line of JSON for every recording added, moved or removed. A torn last line is ignored."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ensemble.errors import StoreError
from ensemble.files.replace import write_whole
from ensemble.types.described import IndexedRecording

LEDGER_VERSION = 1
_SPARE_LINES = 1_000
"""A log with this many more lines than recordings is rewritten without the outdated ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One recording in the ledger."""

    recording: IndexedRecording
    """Its file."""
    num_chunks: int
    """Number of rows in the store."""
    size_bytes: int
    """Size of the file when it was described."""
    mtime_ns: int
    """Its time of change then; a file that still has this size and time is taken to be the same."""
    is_copied: bool = False
    """Whether the file is a copy in the ledger's own folder."""


def entry_of(document: dict[str, Any]) -> LedgerEntry:
    """The inverse of `dataclasses.asdict`."""
    return LedgerEntry(**document | {"recording": IndexedRecording(**document["recording"])})


class LedgerLog:
    """Which recordings there are (`entries`, by sha256), and which were removed (`removed`).

    Args:
        path: of the file; need not exist.
        is_mending: skip damaged lines.

    Raises:
        StoreError: it cannot be read, is damaged, or is of another version.
    """

    def __init__(self, path: Path, *, is_mending: bool = False) -> None:
        self.path = path
        self.entries: dict[str, LedgerEntry] = {}
        self.removed: set[str] = set()
        try:
            lines = path.read_bytes().split(b"\n")
        except FileNotFoundError:
            lines = [b""]
        except OSError as error:
            raise StoreError(str(path), f"cannot be read ({error.strerror})", "check its permissions") from error
        for number, line in enumerate(lines[:-1], 1):
            try:
                self._take(json.loads(line))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                if not is_mending:
                    cure = f"run `ensemble index repair --index {path.parent}`"
                    raise StoreError(f"{path}:{number}", "is damaged", cure) from error
        torn = lines[-1] != b""  # its writer was killed before it acknowledged the line
        self._is_outdated = torn or is_mending or len(lines) > len(self.entries) + _SPARE_LINES

    def add(self, entry: LedgerEntry) -> None:
        """Append a recording, new or changed."""
        self._append({"add": asdict(entry)})
        self.entries[entry.recording.sha256] = entry
        self.removed.discard(entry.recording.sha256)

    def remove(self, sha256: str) -> LedgerEntry:
        """Append that a recording was removed."""
        self._append({"remove": sha256})
        self.removed.add(sha256)
        return self.entries.pop(sha256)

    def _take(self, line: dict[str, Any]) -> None:
        """Read one line."""
        if "ledger" in line:
            if line["ledger"] != LEDGER_VERSION:
                problem = f"is of version {line['ledger']}, this release reads {LEDGER_VERSION}"
                raise StoreError(str(self.path), problem, "name another folder and index again")
        elif "remove" in line:
            self.entries.pop(line["remove"], None)
            self.removed.add(line["remove"])
        else:
            entry = entry_of(line["add"])
            self.entries[entry.recording.sha256] = entry
            self.removed.discard(entry.recording.sha256)

    def _append(self, line: dict[str, Any]) -> None:
        with writing(self.path.parent):
            if self._is_outdated or not self.path.exists():
                self._rewrite()
            with self.path.open("ab") as file:
                file.write(_line(line))
                file.flush()
                os.fsync(file.fileno())

    def _rewrite(self) -> None:
        """Write the whole log again, one line for each recording."""
        lines: list[dict[str, Any]] = [{"ledger": LEDGER_VERSION}]
        lines += [{"remove": sha256} for sha256 in sorted(self.removed)]
        lines += [{"add": asdict(entry)} for entry in self.entries.values()]
        write_whole(self.path, b"".join(map(_line, lines)))
        self._is_outdated = False


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn an error of the operating system while a folder is written into a `StoreError`.

    Raises:
        StoreError: the disk is full, or the folder may not be written.
    """
    try:
        yield
    except OSError as error:
        raise StoreError(str(folder), f"cannot be written ({error.strerror})", "make room, or name another") from error


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode() + b"\n"

"""What a render remembers, so that `redo` need not compute it again: records that are found by what they came from."""

from __future__ import annotations

import errno
import os
import zlib
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from ensemble.files.replace import replacing
from ensemble.machine import ensemble_version, fingerprint
from ensemble.wire import pack

_KEY_BYTES = 16
_HEAD_BYTES = _KEY_BYTES + 8 + 4
"""A record's key, the length of its value and the checksum of both; the value's digest follows, then the value."""
_LEAST_USED = 0.25
"""Where less than this share of the file was of use to a render, it is written anew without the rest."""


def digest(*facts: object) -> bytes:
    """The digest of values that `wire.pack` knows.  [16 bytes]"""
    return blake2b(pack(facts), digest_size=_KEY_BYTES).digest()


class _Place(NamedTuple):
    """Where the value of a record lies in the file."""

    start: int
    length: int


class Memory:
    """Values by the digest of everything that they were computed from, here or by an earlier render.

    A record that is damaged or incomplete is as good as absent. Records of another release or another kind of machine
    are not found, since their keys differ.

    Args:
        path: the file; made with the first record.

    Raises:
        OSError: the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places: dict[bytes, _Place] = {}
        self._used: set[bytes] = set()
        self._here = digest(ensemble_version(), fingerprint())
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+b", buffering=0)
        self._end = self._scan()
        self._is_full = False
        self.is_warm = bool(self._places)
        """Whether an earlier render has left something."""

    def key(self, *facts: object) -> bytes:
        """The key of what is computed from these facts, on this machine and by this release."""
        return digest(self._here, *facts)

    def recall(self, key: bytes) -> bytes | None:
        """The value of a key, if it is there and undamaged."""
        place = self._places.get(key)
        if place is None:
            return None
        self._file.seek(place.start)
        kept = self._file.read(_KEY_BYTES + place.length)
        value = kept[_KEY_BYTES:]
        if len(value) < place.length or _check(key, value) != kept[:_KEY_BYTES]:
            del self._places[key]
            return None
        self._used.add(key)
        return value

    def keep(self, key: bytes, value: bytes) -> None:
        """Add a value, unless it is there. Where the disk is full everything is forgotten, to leave room for music."""
        self._used.add(key)
        if key in self._places or self._is_full:
            return
        head = key + len(value).to_bytes(8, "big")
        record = head + zlib.crc32(head).to_bytes(4, "big") + _check(key, value) + value
        if not self._append(record):
            self._is_full = True
            self.forget()
            return
        self._places[key] = _Place(self._end + _HEAD_BYTES, len(value))
        self._end += len(record)

    def forget_unused(self) -> None:
        """Where most of the file was not used since it was opened, write it anew without that."""
        used = {key: place for key in self._used if (place := self._places.get(key)) is not None}
        if sum(place.length for place in used.values()) < _LEAST_USED * self._end:
            with replacing(self._path) as aside:
                fresh = Memory(aside)
                for key in sorted(used, key=lambda key: used[key].start):
                    if (value := self.recall(key)) is not None:
                        fresh.keep(key, value)
                fresh.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def forget(self) -> None:
        """Remove everything."""
        self._file.truncate(0)
        self._places, self._end = {}, 0

    def _append(self, record: bytes) -> bool:
        """Write a record at the end; returns whether there was room."""
        self._file.seek(self._end)
        try:
            return self._file.write(record) == len(record)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            return False

    def _scan(self) -> int:
        """Find every record, and cut off what was not written to its end; returns the length of the file."""
        size, at = os.fstat(self._file.fileno()).st_size, 0
        while at + _HEAD_BYTES <= size:
            self._file.seek(at)
            head = self._file.read(_HEAD_BYTES)
            length = int.from_bytes(head[_KEY_BYTES : _KEY_BYTES + 8], "big")
            start = at + _HEAD_BYTES
            stop = start + _KEY_BYTES + length
            if zlib.crc32(head[:-4]) != int.from_bytes(head[-4:], "big") or stop > size:
                break
            self._places[head[:_KEY_BYTES]] = _Place(start, length)
            at = stop
        self._file.truncate(at)
        return at


def _check(key: bytes, value: bytes) -> bytes:
    return blake2b(value, key=key, digest_size=_KEY_BYTES).digest()

"""A file read as if its bytes were others: parts of it, in order, with bytes put in between. Nothing is copied."""

from __future__ import annotations

import io
import os
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import BinaryIO

Part = bytes | tuple[int, int]
"""Bytes that are put in, or where bytes of the file begin and end."""


class SplicedFile(io.RawIOBase):
    """A readable file made of parts of another.

    Args:
        stream: the other; it stays open, and its position is changed.
        parts: in order.
    """

    def __init__(self, stream: BinaryIO, parts: Sequence[Part]) -> None:
        super().__init__()
        self._stream = stream
        self._parts = [part for part in parts if _length(part)]
        self._ends = [*accumulate(_length(part) for part in self._parts)]
        self._position = 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """The position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position."""
        length = self._ends[-1] if self._ends else 0
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: length}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def readinto(self, buffer: object) -> int:
        """Fill a buffer; it stays partly filled only at the end."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        filled = 0
        while filled < len(view) and (piece := self._piece(len(view) - filled)):
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
            self._position += len(piece)
        return filled

    def _piece(self, wanted: int) -> bytes:
        """Bytes at the position, at most as far as its part goes; empty at the end."""
        index = bisect_right(self._ends, self._position)
        if index == len(self._ends):
            return b""
        part = self._parts[index]
        at = self._position - (self._ends[index] - _length(part))
        if isinstance(part, bytes):
            return part[at : at + wanted]
        start, stop = part
        self._stream.seek(start + at)
        return self._stream.read(min(wanted, stop - start - at))


def _length(part: Part) -> int:
    return len(part) if isinstance(part, bytes) else part[1] - part[0]

"""What may stand in any file of sound: tags in front of it, and marks in the middle of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

_SEARCHED_BYTES = 1 << 16


def marks(stream: BinaryIO, mark: re.Pattern[bytes], mark_bytes: int, position: int) -> Iterator[int]:
    """Where a mark stands, from a position on.

    Args:
        stream: the file; its position is changed.
        mark: what to look for.
        mark_bytes: its length.
        position: where to begin.
    """
    while True:
        stream.seek(position)
        found = stream.read(_SEARCHED_BYTES)
        yield from (position + match.start() for match in mark.finditer(found))
        if len(found) < _SEARCHED_BYTES:
            return
        position += len(found) - mark_bytes + 1


def behind_tags(stream: BinaryIO, position: int = 0) -> int:
    """Where the sound begins behind all tags that stand at a position."""
    stream.seek(position)
    while skipped := tag_bytes(stream.read(10), stream):
        stream.seek(position := position + skipped)
    return position


def tag_bytes(head: bytes, stream: BinaryIO) -> int:
    """Length of a tag with text or pictures that begins with `head`; 0 where none does.

    Source: ID3v2.4.0, section 3.1; APEv2, header.
    """
    if head[:3] == b"ID3" and len(head) == 10:
        size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        return 10 + size + (10 if head[5] & 0x10 else 0)
    if head[:3] == b"TAG":
        return 128
    if head[:8] == b"APETAGEX":
        rest = stream.read(14)
        is_header = len(rest) == 14 and rest[13] & 0x20
        return 32 + (int.from_bytes(rest[2:6], "little") if is_header else 0)
    return 0

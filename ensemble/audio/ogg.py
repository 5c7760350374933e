"""Ogg files: the links of a chain, as streaming programs and `cat` make them; each is a whole file of its own."""

from __future__ import annotations

from itertools import pairwise
from typing import BinaryIO

from ensemble.audio.layout import Layout

_MARK = b"OggS"
_BEGINS, _ENDS = 2, 4
_SEARCHED_BYTES = 1 << 16
"""A page is at most so long."""


def read_layout(stream: BinaryIO, file_bytes: int) -> Layout | None:
    """Find the links of an Ogg file; None for any other.

    Args:
        stream: the file; its position is changed.
        file_bytes: the file's size.

    Source: RFC 3533, section 6 (pages), and section 4 (chaining).
    """
    stream.seek(0)
    if stream.read(4) != _MARK:
        return None
    starts: list[int] = []
    position, was_begin, has_ended = 0, False, False
    while (position := _page_at(stream, position)) >= 0:
        stream.seek(position)
        head = stream.read(27)
        body = sum(stream.read(head[26])) if len(head) == 27 else 0
        if len(head) < 27 or position + 27 + head[26] + body > file_bytes:
            has_ended = False
            break
        is_begin = bool(head[5] & _BEGINS)
        if is_begin and not was_begin:
            starts.append(position)
        was_begin, has_ended = is_begin, bool(head[5] & _ENDS)
        position += 27 + head[26] + body
    links = tuple((link,) for link in pairwise([*starts, file_bytes]))
    return Layout(links=links if len(links) > 1 else (), is_open=not has_ended)


def _page_at(stream: BinaryIO, position: int) -> int:
    """Where the next page begins, -1 at the end; bytes that belong to no page are skipped."""
    stream.seek(position)
    if stream.read(len(_MARK)) == _MARK:  # as a rule pages follow each other
        return position
    while True:
        stream.seek(position)
        found = stream.read(_SEARCHED_BYTES)
        at = found.find(_MARK)
        if at >= 0:
            return position + at
        if len(found) < _SEARCHED_BYTES:
            return -1
        position += len(found) - len(_MARK)

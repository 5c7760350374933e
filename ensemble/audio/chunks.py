"""Files with chunks (WAV, RF64, W64, AIFF, CAF) or a plain head (AU): a length in it is held against the file's."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import BinaryIO, Literal, NamedTuple

from ensemble.audio.layout import Layout

PLACEHOLDER = 0x7FFFF000
"""A length of 0, or from here on, that the file cannot hold was written by a program that did not know it."""
MAX_CHUNKS = 4096
"""Chunks of a file that are read at most."""
_UNKNOWN = 0xFFFFFFFF
"""In place of a length: in RF64 it is in the `ds64` chunk, in AU it is not known."""
_AU_ORDER: dict[bytes, Literal["big", "little"]] = {b".snd": "big", b"dns.": "little"}
_W64_RIFF = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
_W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"


class _Form(NamedTuple):
    """How a format writes its chunks."""

    sound: bytes
    """Id of the chunk that holds the sound."""
    order: Literal["big", "little"]
    """Byte order of lengths."""
    first_at: int
    """Where the first chunk begins."""
    size_bytes: int = 4
    """Length of a length."""
    padded_to: int = 2
    """Chunks begin at multiples of this."""
    counts_head: bool = False
    """Whether a length includes the chunk's id and the length itself."""


class _Chunk(NamedTuple):
    """One chunk."""

    id: bytes
    """Its id."""
    size: int
    """Bytes of its body, by its head."""
    body_at: int
    """Where its body begins."""
    lacks_pad: bool
    """Whether the byte is missing that should follow a body of odd length."""


def read_layout(stream: BinaryIO, file_bytes: int) -> Layout | None:
    """Read the header of a file made of chunks; None for any other.

    Args:
        stream: the file; its position is changed.
        file_bytes: the file's size.

    Source: EBU Tech 3306 (RF64: a length of 2^32-1 is found in the `ds64` chunk).
    """
    stream.seek(0)
    head = stream.read(40)
    form = _form(head)
    if form is None:
        return _read_au(head, file_bytes)
    long_size_at = long_size = 0
    unpadded: list[int] = []
    chunks = _chunks(stream, form, file_bytes)
    for chunk in chunks:
        if chunk.id == b"ds64":
            stream.seek(long_size_at := chunk.body_at + 8)
            long_size = int.from_bytes(stream.read(8), "little")
        if chunk.id == form.sound:
            is_long = bool(long_size_at) and (long_size > 0 or chunk.size == _UNKNOWN)
            size, there = long_size if is_long else chunk.size, file_bytes - chunk.body_at
            head_bytes = len(chunk.id) + form.size_bytes if form.counts_head else 0
            is_known = size > 0 and (size + head_bytes < PLACEHOLDER or size <= there)
            if is_known and long_size_at and not is_long:  # a decoder believes `ds64` alone
                patch = min(size, there).to_bytes(8, "little")
                link = ((0, long_size_at), patch, (long_size_at + 8, file_bytes))
                return Layout(links=(link,), declared=size, present=min(size, there), is_counted=True)
            if is_known:
                is_only = all(later.id != form.sound for later in chunks)  # a decoder may take the last
                stop = file_bytes if is_only else chunk.body_at + size
                spliced = [part for span in pairwise([0, *unpadded, stop]) for part in (span, b"\0")][:-1]
                links = () if is_only and not unpadded else (tuple(spliced),)
                return Layout(links=links, declared=size, present=min(size, there), is_counted=True)
            if long_size_at:
                size_at, patch = long_size_at, there.to_bytes(8, "little")
            else:
                size_at = chunk.body_at - form.size_bytes
                patch = min(there + head_bytes, 2 ** (8 * form.size_bytes) - 1).to_bytes(form.size_bytes, form.order)
            link = ((0, size_at), patch, (size_at + len(patch), file_bytes))
            return Layout(links=(link,), is_counted=True)
        if chunk.lacks_pad:
            unpadded.append(chunk.body_at + chunk.size)
    return Layout(is_counted=True)


def _read_au(head: bytes, file_bytes: int) -> Layout | None:
    """Read the header of an AU file, whose sound is all that follows; None for any other.

    Source: the header file audio/au.h of SunOS 4.1.
    """
    order = _AU_ORDER.get(head[:4])
    if order is None:
        return None
    start, size = int.from_bytes(head[4:8], order), int.from_bytes(head[8:12], order)
    there = file_bytes - start
    if size > 0 and (size < PLACEHOLDER or size <= there):
        return Layout(declared=size, present=min(size, there), is_counted=True)
    return Layout(links=(((0, 8), _UNKNOWN.to_bytes(4, order), (12, file_bytes)),), is_counted=True)


def _form(head: bytes) -> _Form | None:
    if head[8:12] == b"WAVE" and head[:4] in (b"RIFF", b"RF64", b"BW64"):
        return _Form(b"data", "little", 12)
    if head[8:12] == b"WAVE" and head[:4] == b"RIFX":
        return _Form(b"data", "big", 12)
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return _Form(b"SSND", "big", 12)
    if head[:16] == _W64_RIFF:
        return _Form(_W64_DATA, "little", 40, size_bytes=8, padded_to=8, counts_head=True)
    if head[:4] == b"caff":
        return _Form(b"data", "big", 8, size_bytes=8, padded_to=1)
    return None


def _chunks(stream: BinaryIO, form: _Form, file_bytes: int) -> Iterator[_Chunk]:
    """The chunks in order, as far as their lengths lead."""
    id_bytes, position = len(form.sound), form.first_at
    for _ in range(MAX_CHUNKS):
        if position >= file_bytes:
            return
        stream.seek(position)
        head = stream.read(id_bytes + form.size_bytes)
        if len(head) < id_bytes + form.size_bytes:
            return
        size = int.from_bytes(head[id_bytes:], form.order) - (len(head) if form.counts_head else 0)
        end = position + len(head) + size
        lacks_pad = size > 0 and form.padded_to == 2 and size % 2 == 1 and _begins_unpadded(stream, end)
        yield _Chunk(head[:id_bytes], size, position + len(head), lacks_pad)
        if size < 0:
            return
        position = end + (0 if lacks_pad else -size % form.padded_to)


def _begins_unpadded(stream: BinaryIO, position: int) -> bool:
    """Whether the id of a chunk stands at an odd position, and none a byte later."""
    stream.seek(position)
    head = stream.read(5)
    return _is_id(head[:4]) and not _is_id(head[1:])


def _is_id(word: bytes) -> bool:
    return len(word) == 4 and word.isascii() and word.decode().isprintable()

"""FLAC files: several in a row are all heard, and a header that tells too few samples ends none early."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import BinaryIO, NamedTuple

from ensemble.audio.layout import Layout
from ensemble.audio.mpeg import tag_bytes
from ensemble.audio.spliced import Part

_BEGINS = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22", re.DOTALL)
"""The mark, and the head of the block that comes first, STREAMINFO."""
_MARK_BYTES = 8
_TOTAL_AT, _TOTAL_BYTES = 21, 5
"""Where in a stream the number of its samples stands: in the lower 36 bits of so many bytes."""
_MAX_TOTAL = 2**36 - 1
_SYNC = re.compile(rb"\xff[\xf8\xf9][^\x00-\x0f]", re.DOTALL)
_SEARCHED_BYTES = 1 << 20
_TAIL_BYTES = 1 << 17
"""No frame is longer in practice: 65,535 samples of two channels of 16 bits compress to less."""
_HEAD_BYTES = 16
"""The head of a frame is at most so long."""
_BLOCK_SAMPLES = (0, 192, 576, 1152, 2304, 4608, 0, 0, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
"""Samples in a frame by their code; 6 and 7 stand for a number of one or two bytes behind the frame's own."""
_RATE_BYTES = {12: 1, 13: 2, 14: 2}
"""Bytes of the sample rate behind it, by its code."""


class _Link(NamedTuple):
    """One stream."""

    parts: tuple[Part, ...]
    """Where it lies, with its header put right."""
    num_samples: int
    """By its last frame, where its header tells no more; 0 where it does, or where no frame tells."""


def read_layout(stream: BinaryIO, file_bytes: int) -> Layout | None:
    """Find the streams of a FLAC file, and hold what each tells of its length against its last frame.

    None for any other file.

    Args:
        stream: the file; its position is changed.
        file_bytes: the file's size.

    Source: RFC 9639, sections 8.2 (STREAMINFO) and 9.1 (frame header).
    """
    first = 0
    stream.seek(0)
    while skipped := tag_bytes(stream.read(10), stream):
        stream.seek(first := first + skipped)
    stream.seek(first)
    if not _BEGINS.match(stream.read(_MARK_BYTES)):
        return None
    starts = [first, *_marks(stream, first + _MARK_BYTES, file_bytes)]
    links = [_link(stream, start, stop) for start, stop in pairwise([*starts, file_bytes])]
    is_as_it_should_be = len(links) == 1 and len(links[0].parts) == 1
    present = sum(link.num_samples for link in links) if all(link.num_samples for link in links) else 0
    return Layout(
        links=() if is_as_it_should_be else tuple(link.parts for link in links), declared=present, present=present
    )


def _marks(stream: BinaryIO, position: int, file_bytes: int) -> Iterator[int]:
    """Where further streams begin."""
    while position < file_bytes:
        stream.seek(position)
        found = stream.read(_SEARCHED_BYTES)
        yield from (position + match.start() for match in _BEGINS.finditer(found))
        if len(found) < _SEARCHED_BYTES:
            return
        position += len(found) - _MARK_BYTES + 1


def _link(stream: BinaryIO, start: int, stop: int) -> _Link:
    """A stream, with the number of samples that it holds where its header tells a smaller one."""
    stream.seek(start + _TOTAL_AT)
    told = int.from_bytes(stream.read(_TOTAL_BYTES), "big")
    total = told & _MAX_TOTAL
    held = _samples(stream, start, stop)
    if not 0 < total < held:
        return _Link(((start, stop),), held if held >= total else 0)
    patch = (told - total + min(held, _MAX_TOTAL)).to_bytes(_TOTAL_BYTES, "big")
    return _Link(((start, start + _TOTAL_AT), patch, (start + _TOTAL_AT + _TOTAL_BYTES, stop)), held)


def _samples(stream: BinaryIO, start: int, stop: int) -> int:
    """How many samples a stream holds, by the last frame that follows another; 0 where none is found."""
    stream.seek(start + _MARK_BYTES)
    least, block_samples = int.from_bytes(stream.read(2), "big"), int.from_bytes(stream.read(2), "big")
    tail_at = max(start, stop - _TAIL_BYTES)
    stream.seek(tail_at)
    tail = stream.read(stop - tail_at)
    heads = (tail[at : at + _HEAD_BYTES].ljust(_HEAD_BYTES) for at in (one.start() for one in _SYNC.finditer(tail)))
    spans = [span for head in heads if (span := _span(head, block_samples if least == block_samples else 0))]
    ends = {span[1] for span in spans}
    return max((span[1] for span in spans if span[0] in ends), default=0)  # a chance head follows none


def _span(head: bytes, block_samples: int) -> tuple[int, int] | None:
    """The numbers of a frame's first sample and of the one after it; None where this is not the head of a frame."""
    ones = 8 - (~head[4] & 0xFF).bit_length()  # the number is written as in UTF-8, with up to 36 bits
    if ones in (1, 8):
        return None
    at = 5 + max(ones - 1, 0)
    number = head[4] & 0x7F >> ones
    for byte in head[5:at]:
        number = number << 6 | byte & 0x3F
    kind, rate_kind = head[2] >> 4, head[2] & 15
    size_bytes = kind - 5 if kind in (6, 7) else 0
    size = int.from_bytes(head[at : at + size_bytes], "big") + 1 if size_bytes else _BLOCK_SAMPLES[kind]
    crc_at = at + size_bytes + _RATE_BYTES.get(rate_kind, 0)
    if crc_at >= _HEAD_BYTES or _crc8(head[:crc_at]) != head[crc_at]:
        return None
    first = number if head[1] & 1 else number * block_samples
    return first, first + size


def _crc8(data: bytes) -> int:
    """RFC 9639, section 9.1.8: polynomial x^8 + x^2 + x + 1."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc

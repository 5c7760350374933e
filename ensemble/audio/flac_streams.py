"""FLAC files: several in a row are all heard, and a header that tells too few samples ends none early."""

from __future__ import annotations

import re
from itertools import pairwise
from operator import itemgetter
from typing import BinaryIO, NamedTuple

from ensemble.audio.layout import Layout
from ensemble.audio.marks import behind_tags, marks
from ensemble.audio.spliced import Part

_BEGINS = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22", re.DOTALL)
"""The mark, and the head of the block that comes first, STREAMINFO."""
_MARK_BYTES = 8
_TOTAL_AT, _TOTAL_BYTES = 21, 5
"""Where in a stream the number of its samples stands: in the lower 36 bits of so many bytes."""
_MAX_TOTAL = 2**36 - 1
_SYNC = re.compile(rb"\xff[\xf8\xf9][^\x00-\x0f]", re.DOTALL)
_TAIL_BYTES = 1 << 17
"""No frame is longer in practice: 65,535 samples of two channels of 16 bits compress to less."""
_HEAD_BYTES = 16
"""The head of a frame is at most so long."""
_MAX_BLOCKS = 4096
"""Blocks in front of the frames that are passed over at most: damage may look like any number of empty ones."""
_BLOCK_SAMPLES = (0, 192, 576, 1152, 2304, 4608, 0, 0, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
"""Samples in a frame by their code; 6 and 7 stand for a number of one or two bytes behind the frame's own."""
_RATE_BYTES = {12: 1, 13: 2, 14: 2}
"""Bytes of the sample rate behind it, by its code."""


class _Link(NamedTuple):
    """One stream."""

    parts: tuple[Part, ...]
    """Where it lies, with its header put right."""
    reach: int
    """Samples before its last frame that was found; 0 where none was."""
    is_numbered: bool
    """Whether its frames are numbered from its beginning on."""


class _Heads(NamedTuple):
    """What the frames of a stream tell, in samples."""

    first: int
    """Number of the first one of the first frame."""
    last: int
    """Number of the first one of the last frame."""
    stop: int
    """Number of the one after the last frame."""


def read_layout(stream: BinaryIO, file_bytes: int) -> Layout | None:
    """Find the streams of a FLAC file, and hold what each tells of its length against its last frame.

    None for any other file.

    Args:
        stream: the file; its position is changed.
        file_bytes: the file's size.

    Source: RFC 9639, sections 8.2 (STREAMINFO) and 9.1 (frame header).
    """
    first = behind_tags(stream)
    stream.seek(first)
    if not _BEGINS.match(stream.read(_MARK_BYTES)):
        return None
    starts = [first, *marks(stream, _BEGINS, _MARK_BYTES, first + _MARK_BYTES)]
    links = [_link(stream, start, stop) for start, stop in pairwise([*starts, file_bytes])]
    is_as_it_should_be = len(links) == 1 and len(links[0].parts) == 1
    return Layout(
        links=() if is_as_it_should_be else tuple(link.parts for link in links),
        reach=links[-1].reach,
        is_numbered=links[0].is_numbered,
    )


def _link(stream: BinaryIO, start: int, stop: int) -> _Link:
    """A stream, with a header that tells how many samples there should be where it tells another number."""
    stream.seek(start + _TOTAL_AT)
    told = int.from_bytes(stream.read(_TOTAL_BYTES), "big")
    total = told & _MAX_TOTAL
    heads = _heads(stream, start, stop)
    # a part that was copied out of a longer file has the numbers, and may have the header, of that file
    whole = max(total - heads.first if total >= heads.stop else total, heads.stop - heads.first) if total else 0
    reach = heads.last - heads.first
    if whole == total:
        return _Link(((start, stop),), reach, heads.first == 0)
    patch = (told - total + min(whole, _MAX_TOTAL)).to_bytes(_TOTAL_BYTES, "big")
    parts = ((start, start + _TOTAL_AT), patch, (start + _TOTAL_AT + _TOTAL_BYTES, stop))
    return _Link(parts, reach, heads.first == 0)


def _heads(stream: BinaryIO, start: int, stop: int) -> _Heads:
    """What the first frame of a stream and the last one that follows another tell; zeros where none is found."""
    stream.seek(start + _MARK_BYTES)
    least, most = int.from_bytes(stream.read(2), "big"), int.from_bytes(stream.read(2), "big")
    block_samples = most if least == most else 0
    tail_at = max(start, stop - _TAIL_BYTES)
    stream.seek(tail_at)
    tail = stream.read(stop - tail_at)
    heads = (tail[at : at + _HEAD_BYTES].ljust(_HEAD_BYTES) for at in (one.start() for one in _SYNC.finditer(tail)))
    spans = [span for head in heads if (span := _span(head, block_samples))]
    ends = {span[1] for span in spans}
    last = max(
        (span for span in spans if span[0] in ends), key=itemgetter(1), default=None
    )  # a chance head follows none
    if last is None:
        return _Heads(0, 0, 0)
    stream.seek(_first_frame_at(stream, start))
    first = _span(stream.read(_HEAD_BYTES).ljust(_HEAD_BYTES), block_samples) or (0, 0)
    return _Heads(min(first[0], last[0]), *last)


def _first_frame_at(stream: BinaryIO, start: int) -> int:
    """Where the blocks end that stand before the frames: each tells its length, and whether it is the last."""
    position = start + 4
    for _ in range(_MAX_BLOCKS):
        stream.seek(position)
        head = stream.read(4)
        position += 4 + int.from_bytes(head[1:], "big")
        if len(head) < 4 or head[0] >= 0x80:
            break
    return position


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

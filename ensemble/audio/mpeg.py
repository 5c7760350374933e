"""MPEG audio (MP3) files: frames are counted, since few headers say how many there are, and not all of them truly.

Where the header says none or a wrong number, the file is read with one that holds the count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from ensemble.audio.layout import Layout
from ensemble.audio.marks import behind_tags, marks, tag_bytes
from ensemble.audio.spliced import Part

_SYNC = re.compile(rb"\xff[\xe2-\xff][^\xf0-\xff]", re.DOTALL)
_SYNC_BYTES = 3
_SEARCHED_BYTES = 1 << 16
_KBPS = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Bit rates by MPEG version (2.5 counts as 2) and layer."""
_RATE_HZ = {0b11: (44100, 48000, 32000), 0b10: (22050, 24000, 16000), 0b00: (11025, 12000, 8000)}
"""Sample rates by the version's bits."""
_SURE_FRAMES = 4
"""So many frames in a row are no chance, wherever they lie."""
_ROOMY = 9
"""Index of a bit rate whose frames have room for a count."""


class _Frame(NamedTuple):
    """The header of a frame."""

    num_bytes: int
    """Length of the frame."""
    tag_at: int
    """Where in it a count of frames may lie."""


@dataclass(kw_only=True)
class _Link:
    """A stream within the file."""

    head: bytes
    """Header of its first frame."""
    tag: bytes = b""
    """What a frame with a count begins with, from there on to the end of the count of bytes."""
    tag_at: int = 0
    """Where it lies in the file."""
    num_frames: int = 0
    """Frames of sound that were counted."""
    spans: list[tuple[int, int]] = field(default_factory=list)
    """Where frames follow each other: what lies between is none."""

    @property
    def declared_frames(self) -> int:
        """What the header counts; 0 where it does not."""
        return int.from_bytes(self.tag[8:12], "big") if self.tag and self.tag[7] & 1 else 0

    @property
    def is_older(self) -> bool:
        """Whether it is of layer I or II, for which decoders know no count; their bit rate is constant."""
        return self.head[1] >> 1 & 3 != 1

    @property
    def is_right(self) -> bool:
        """Whether the header's count is what was counted; some programs count the header's own frame, too."""
        return self.declared_frames - self.num_frames in (0, 1)

    def parts(self) -> tuple[Part, ...]:
        """The stream with a true count."""
        count = self.num_frames.to_bytes(4, "big")
        if self.declared_frames:
            at = self.tag_at + 8
            size = sum(stop - start for start, stop in self.spans).to_bytes(4, "big") if self.tag[7] & 2 else b""
            (start, stop), *others = self.spans
            return (start, at), count + size, (at + 4 + len(size), stop), *others
        return _counting_frame(self.head, count), *self.spans

    def add(self, start: int, stop: int) -> None:
        """Go on by a frame."""
        if self.spans and self.spans[-1][1] == start:
            start = self.spans.pop()[0]
        self.spans.append((start, stop))


def read_layout(stream: BinaryIO, file_bytes: int) -> Layout | None:
    """Count the frames of an MPEG audio file; None for any other.

    A file may hold several streams one after the other, each with its own header.

    Args:
        stream: the file; its position is changed.
        file_bytes: the file's size.

    Source: ISO/IEC 11172-3, section 2.4.1.3; the `Xing` and `Info` headers as LAME writes them.
    """
    links: list[_Link] = []
    position = sound_at = _first_frame(stream, file_bytes)
    is_new = True
    while position < file_bytes:
        stream.seek(position)
        head = stream.read(10)
        if skipped := tag_bytes(head, stream):
            position, is_new = position + skipped, True
            continue
        frame = _frame(head)
        if frame is None:
            position = _next_sync(stream, position + 1, file_bytes) if links else file_bytes
            continue
        stream.seek(position + frame.tag_at)
        tag = stream.read(16)
        is_header = tag[:4] in (b"Xing", b"Info") and len(tag) == 16
        if is_new or is_header:
            links.append(_Link(head=head[:4]))
            is_new = False
        start, position = position, position + frame.num_bytes
        if is_header:
            links[-1].tag, links[-1].tag_at = tag, start + frame.tag_at
        elif tag[:4] == b"VBRI":
            continue
        else:
            links[-1].num_frames += position <= file_bytes
        links[-1].add(start, min(position, file_bytes))
    links = [link for link in links if link.num_frames]
    if not links:
        return None
    if any(link.is_older for link in links):
        return Layout()
    declared = sum(link.declared_frames or link.num_frames for link in links)
    gaps = sum(len(link.spans) - 1 for link in links)
    is_as_it_should_be = len(links) == 1 and links[0].is_right and not gaps and not sound_at
    return Layout(
        links=() if is_as_it_should_be else tuple(link.parts() for link in links),
        declared=0 if is_as_it_should_be else declared,
        present=sum(link.num_frames for link in links),
        is_counted=len(links) == 1,
        gaps=0 if all(link.is_right for link in links) else gaps,
    )


def _first_frame(stream: BinaryIO, file_bytes: int) -> int:
    """Where tags and frames begin: 0, or behind zeros, or behind a tag that tells a length that it has not."""
    start = 0
    while start < file_bytes:
        stream.seek(start)
        if found := stream.read(_SEARCHED_BYTES).lstrip(b"\0"):
            start = stream.tell() - len(found)
            break
        start += _SEARCHED_BYTES
    position = behind_tags(stream, start)
    if position == start or (position < file_bytes and _is_followed(stream, position, file_bytes)):
        return start
    syncs = marks(stream, _SYNC, _SYNC_BYTES, start + 10)
    return next((at for at in syncs if _are_frames(stream, at, file_bytes, _SURE_FRAMES)), start)


def _frame(head: bytes) -> _Frame | None:
    """Read the header of a frame; None where there is none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    kbps_index, rate_index = head[2] >> 4, head[2] >> 2 & 3
    if version == 0b01 or layer == 4 or kbps_index in (0, 15) or rate_index == 3:
        return None
    is_first = version == 0b11
    bits_per_s = 1000 * _KBPS[1 if is_first else 2, layer][kbps_index - 1]
    padding, rate_hz = head[2] >> 1 & 1, _RATE_HZ[version][rate_index]
    if layer == 1:
        num_bytes = 4 * (12 * bits_per_s // rate_hz + padding)
    else:
        num_bytes = (144 if is_first or layer == 2 else 72) * bits_per_s // rate_hz + padding
    is_mono = head[3] >> 6 == 3
    return _Frame(num_bytes, 4 + ((17 if is_mono else 32) if is_first else (9 if is_mono else 17)))


def _is_followed(stream: BinaryIO, position: int, file_bytes: int) -> bool:
    """Whether another frame or the end of the file follows: chance seldom looks like two frames in a row."""
    if position >= file_bytes:
        return position == file_bytes
    stream.seek(position)
    head = stream.read(10)
    return _frame(head) is not None or bool(tag_bytes(head, stream))


def _next_sync(stream: BinaryIO, position: int, file_bytes: int) -> int:
    """Where the next two frames in a row begin; the end of the file where there are none."""
    syncs = marks(stream, _SYNC, _SYNC_BYTES, position)
    return next((at for at in syncs if _are_frames(stream, at, file_bytes, 1)), file_bytes)


def _are_frames(stream: BinaryIO, position: int, file_bytes: int, number: int) -> bool:
    """Whether so many frames follow each other, and something that may follow a frame."""
    for _ in range(number):
        stream.seek(position)
        frame = _frame(stream.read(4))
        if frame is None:
            return False
        position += frame.num_bytes
    return _is_followed(stream, position, file_bytes)


def _counting_frame(head: bytes, count: bytes) -> bytes:
    """A frame without sound that holds a count of frames, for a stream whose first frame begins with `head`."""
    roomy = bytes([head[0], head[1] | 1, _ROOMY << 4 | head[2] & 0x0C, head[3]])  # no checksum, no padding
    frame = _frame(roomy)
    if frame is None:
        return b""
    tag = b"Info" + (1).to_bytes(4, "big") + count
    return roomy + bytes(frame.tag_at - 4) + tag + bytes(frame.num_bytes - frame.tag_at - len(tag))

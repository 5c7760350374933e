"""Chunks at the end of a WAV file, by which a DAW places it: `bext`, `acid`, `cue ` and the cues' labels.

Source: EBU Tech 3285, Broadcast Wave Format, version 1 (bext); Microsoft, Multimedia Programming Interface and Data
Specifications 1.0 (cue, LIST adtl). The acid chunk has no public standard; its fields are those that libsndfile prints.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

_STRETCHES = 4
"""Flag of the acid chunk: the sound has a tempo and may be stretched to another."""
_ACID_UNKNOWN = 0x8000
"""What other programs write into a field that nobody has explained."""


class WavMarker(NamedTuple):
    """A named place in a file."""

    sample: int
    """Samples per channel before it."""
    name: str


class SteadyTempo(NamedTuple):
    """The one tempo of a file."""

    bpm: float
    """Quarters a minute."""
    num_quarters: int
    """How long the file is."""
    numerator: int
    """Upper number of the time signature."""
    denominator: int
    """Its lower number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WavNotes:
    """What is told of a file beside its sound."""

    description: str
    """Title, tempo and key; 256 characters at most are kept."""
    originator: str
    """The program that wrote it; 32 characters at most are kept."""
    origin_sample: int
    """Where the file begins on the recording's time line, in samples per channel."""
    markers: Sequence[WavMarker]
    """In order."""
    tempo: SteadyTempo | None
    """None where the tempo follows a player."""


def append_chunks(path: Path, notes: WavNotes) -> None:
    """Append chunks to a WAV file that is whole; its sound stays as it is.

    Raises:
        OSError: it cannot be written.
    """
    chunks = [(b"bext", _bext(notes))]
    if notes.tempo is not None:
        tempo = notes.tempo
        fields = _STRETCHES, 0, _ACID_UNKNOWN, 0.0, tempo.num_quarters, tempo.denominator, tempo.numerator, tempo.bpm
        chunks.append((b"acid", struct.pack("<IHHfIHHf", *fields)))
    if notes.markers:
        chunks += [(b"cue ", _cues(notes.markers)), (b"LIST", _labels(notes.markers))]
    with path.open("r+b") as file:
        end = file.seek(0, 2)
        file.write(b"\0" * (end % 2) + b"".join(_chunk(name, body) for name, body in chunks))
        size = file.tell()
        file.seek(4)
        file.write(struct.pack("<I", size - 8))


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack("<4sI", name, len(body)) + body + b"\0" * (len(body) % 2)


def _bext(notes: WavNotes) -> bytes:
    """Without a date, so that the same export gives the same bytes."""
    texts = _ascii(notes.description), _ascii(notes.originator), b"", b"", b""
    return struct.pack("<256s32s32s10s8sQH64s190s", *texts, notes.origin_sample, 1, b"", b"")


def _cues(markers: Sequence[WavMarker]) -> bytes:
    points = (
        struct.pack("<II4sIII", number, marker.sample, b"data", 0, 0, marker.sample)
        for number, marker in enumerate(markers, 1)
    )
    return struct.pack("<I", len(markers)) + b"".join(points)


def _labels(markers: Sequence[WavMarker]) -> bytes:
    labels = (
        _chunk(b"labl", struct.pack("<I", number) + _ascii(marker.name) + b"\0")
        for number, marker in enumerate(markers, 1)
    )
    return b"adtl" + b"".join(labels)


def _ascii(text: str) -> bytes:
    return text.encode("ascii", "replace")

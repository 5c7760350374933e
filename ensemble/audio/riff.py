"""Compares the length in a WAV header with the file's, since libsndfile does not report files that are cut short."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

UNKNOWN = 0xFFFFFFFF
"""In place of a length: a streaming tool did not know it, or it is in the `ds64` chunk."""
LONG_UNKNOWN = 0xFFFFFFFFFFFFFFFF
"""In place of a length in the `ds64` chunk: a streaming tool did not know it."""
MAX_CHUNKS = 4096
"""Chunks of a file that are read at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderClaim:
    """How the length in a WAV header differs from the file's."""

    missing_bytes: int = 0
    """Bytes of sound that the header declares beyond the end of the file."""
    unsized_at: int | None = None
    """Where the header holds the length 0 although sound follows, as streaming tools leave it; else None."""


def read_promise(stream: BinaryIO, file_bytes: int) -> HeaderClaim:
    """Read a RIFF, RIFX, RF64 or BW64 header; of other formats nothing is checked.

    Args:
        stream: the file; its position is changed.
        file_bytes: the file's size.

    Source: EBU Tech 3306 (RF64: a length of 2^32-1 is found in the `ds64` chunk).
    """
    stream.seek(0)
    head = stream.read(12)
    if len(head) < 12 or head[:4] not in (b"RIFF", b"RIFX", b"RF64", b"BW64") or head[8:] != b"WAVE":
        return HeaderClaim()
    order: Literal["big", "little"] = "big" if head[:4] == b"RIFX" else "little"
    long_data_bytes = LONG_UNKNOWN
    position = 12
    for _ in range(MAX_CHUNKS):
        stream.seek(position)
        chunk = stream.read(8)
        if len(chunk) < 8:
            break
        size = int.from_bytes(chunk[4:], order)
        position += 8
        if chunk[:4] == b"ds64":
            sizes = stream.read(16)
            long_data_bytes = int.from_bytes(sizes[8:], "little") if len(sizes) == 16 else LONG_UNKNOWN
        if chunk[:4] == b"data":
            if size == 0 and position < file_bytes:
                return HeaderClaim(unsized_at=position - 4)
            if size == UNKNOWN:
                size = 0 if long_data_bytes == LONG_UNKNOWN else long_data_bytes
            return HeaderClaim(missing_bytes=max(0, position + size - file_bytes))
        position += size + size % 2
    return HeaderClaim()


@contextmanager
def sized(path: Path, unsized_at: int) -> Iterator[Path]:
    """A temporary copy whose header gives the length as unknown, which libsndfile reads as "to the end of the file"."""
    with tempfile.TemporaryDirectory(prefix="ensemble-") as folder:
        copy = Path(folder) / "sized.wav"
        shutil.copyfile(path, copy)
        with copy.open("r+b") as stream:
            stream.seek(unsized_at)
            stream.write(UNKNOWN.to_bytes(4, "little"))
        yield copy

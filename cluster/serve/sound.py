"""Sound for the page: spans of WAV files as 16-bit samples, and their peaks; of files that are being written, too."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.sound import regrouped
from ensemble.errors import AudioError
from ensemble.types.music import FloatArray

PEAKS_HZ = 50
"""Pairs of peaks a second."""
MAX_SPAN = 480_000
"""Samples per channel that are sent at once."""
_SAMPLE_BYTES = 3
_HEADER_BYTES = 4096
_PEAK_COLUMNS = 500
_PEAK_SCALE = 127
FULL_SCALE = np.float32(2**15)


class WavPlace(NamedTuple):
    """Where the samples of a 24-bit WAV file lie."""

    path: Path
    """The file."""
    start: int
    """Bytes before the first sample."""
    num_channels: int
    """1 or 2."""
    sample_rate: int
    """In Hz."""
    num_samples: int
    """Per channel, once it is whole."""

    @property
    def available(self) -> int:
        """Samples per channel that are written."""
        frame_bytes = self.num_channels * _SAMPLE_BYTES
        return max(0, min(self.num_samples, (self.path.stat().st_size - self.start) // frame_bytes))

    def stereo(self, start: int, count: int) -> NDArray[np.int16]:
        """Samples from `start` on, 16-bit, at most `count` per channel and no more than are written.  [samples, 2]"""
        frame_bytes = self.num_channels * _SAMPLE_BYTES
        with self.path.open("rb") as file:
            file.seek(self.start + start * frame_bytes)
            raw = file.read(max(0, min(count, self.num_samples - start)) * frame_bytes)
        whole = len(raw) // frame_bytes
        fine = np.frombuffer(raw, np.uint8, whole * frame_bytes).reshape(-1, _SAMPLE_BYTES)
        coarse = np.ascontiguousarray(fine[:, 1:]).view("<i2").reshape(whole, self.num_channels)
        return np.repeat(coarse, 2, axis=1) if self.num_channels == 1 else coarse


def wav_place(path: Path) -> WavPlace:
    """Read the header of a 24-bit WAV file of ours.

    Raises:
        AudioError: it is none.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    at, form = 12, (0, 0, 0)
    while head[:4] == b"RIFF" and at + 8 <= len(head):
        name, size = head[at : at + 4], int.from_bytes(head[at + 4 : at + 8], "little")
        if name == b"fmt ":
            channels, bits = (int.from_bytes(head[at + off : at + off + 2], "little") for off in (10, 22))
            form = (channels, int.from_bytes(head[at + 12 : at + 16], "little"), bits)
        if name == b"data" and form[0] in (1, 2) and form[2] == 8 * _SAMPLE_BYTES:
            return WavPlace(path, at + 8, form[0], form[1], size // (form[0] * _SAMPLE_BYTES))
        at += 8 + size + size % 2
    raise AudioError(path.name, "is no 24-bit WAV file", "render again")


def peaks(path: Path) -> bytes:
    """The lowest and the highest sample of each 50th of a second, both channels together, as pairs of int8.

    Raises:
        AudioError: it is no WAV file of ours.
        OSError: it cannot be read.
    """
    facts = path.stat()
    return _peaks(path, facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=128)
def _peaks(path: Path, _mtime_ns: int, _size: int) -> bytes:
    place = wav_place(path)
    column = place.sample_rate // PEAKS_HZ
    starts = range(0, place.available, column * _PEAK_COLUMNS)
    pieces = (place.stereo(start, column * _PEAK_COLUMNS).reshape(1, -1).astype(np.float32) for start in starts)
    return pairs_of(
        (piece / FULL_SCALE for piece in pieces), 2 * place.sample_rate
    )  # as one channel: five times faster


def pairs_of(pieces: Iterable[FloatArray], sample_rate: int) -> bytes:
    """The peaks of sound in pieces of any length; see `peaks`.  [channels, samples]"""
    column = max(1, sample_rate // PEAKS_HZ)
    found = list[NDArray[np.int8]]()
    for piece in regrouped(pieces, column * _PEAK_COLUMNS):
        starts = np.arange(0, piece.shape[1], column)
        low, high = np.minimum.reduceat(piece.min(axis=0), starts), np.maximum.reduceat(piece.max(axis=0), starts)
        steps = np.stack([np.floor(low * _PEAK_SCALE), np.ceil(high * _PEAK_SCALE)], axis=1)
        found.append(np.clip(np.nan_to_num(steps), -_PEAK_SCALE, _PEAK_SCALE).astype(np.int8))
    return np.concatenate(found).tobytes() if found else b""

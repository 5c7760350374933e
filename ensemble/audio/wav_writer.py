"""Writes a 24-bit WAV file of known length: the header is complete from the start, and the bytes are hashed."""

from __future__ import annotations

import errno
import hashlib
import os
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ensemble.types.music import FloatArray

HEADER_BYTES = 44
SAMPLE_BYTES = 3
PCM_STEPS = 2**23
"""Full scale in 24-bit steps: exact in float32, so the samples that are read back are those that were written."""
Steps = NDArray[np.int32]
"""Samples as 24-bit steps.  [samples, channels]"""


def steps_of(samples: FloatArray) -> Steps:
    """Sound as 24-bit steps, clipped at full scale; libsndfile converts floating-point sound in the same way.

    Args:
        samples: float32, full scale is 1.  [channels, samples]
    """
    fine = np.rint(samples.T.astype(np.float64) * 2.0**31)  # 32 bits, of which the upper 24 are kept
    steps: Steps = np.clip(fine, -(2.0**31), 2.0**31 - 1).astype(np.int64).__rshift__(8).astype(np.int32)
    return steps


def hashed_of(steps: Steps) -> bytes:
    """What the sha256 of samples is taken of: 32-bit integers, little-endian."""
    return (np.ascontiguousarray(steps, np.dtype("<i4")) << 8).tobytes()


def header_of(sample_rate: int, num_channels: int, num_samples: int) -> bytes:
    """The first `HEADER_BYTES` of a file of `num_samples` per channel."""
    frame_bytes = num_channels * SAMPLE_BYTES
    data_bytes = num_samples * frame_bytes
    sizes = (1, num_channels, sample_rate, sample_rate * frame_bytes, frame_bytes, 8 * SAMPLE_BYTES)
    padded = data_bytes + data_bytes % 2
    return (
        struct.pack("<4sI4s", b"RIFF", HEADER_BYTES - 8 + padded, b"WAVE")
        + struct.pack("<4sIHHIIHH", b"fmt ", 16, *sizes)
        + struct.pack("<4sI", b"data", data_bytes)
    )


def bytes_of(steps: Steps) -> bytes:
    """Sound as it lies in the file."""
    flat = np.ascontiguousarray(steps, np.dtype("<i4")).reshape(-1).view(np.dtype("<u4"))
    four = np.zeros((-(-len(flat) // 4), 4), np.dtype("<u4"))
    four.reshape(-1)[: len(flat)] = flat & 0xFFFFFF
    first, second, third, fourth = four.T
    words = np.empty((len(four), 3), np.dtype("<u4"))  # four samples are three words: much faster than byte by byte
    words[:, 0] = first | second << 24
    words[:, 1] = second >> 8 | third << 16
    words[:, 2] = third >> 16 | fourth << 8
    return words.tobytes()[: len(flat) * SAMPLE_BYTES]


class WavWriter:
    """Writes one file without buffering: samples that were written stay when the process is killed.

    Args:
        path: the file; replaced if it exists.
        sample_rate: in Hz.
        num_channels: number of channels.
        num_samples: samples per channel that will be written.

    Raises:
        OSError: the file cannot be written, or (by any method) the disk is full.
    """

    def __init__(self, path: Path, sample_rate: int, num_channels: int, num_samples: int) -> None:
        self.path = path
        self.num_samples = 0
        """Samples per channel written so far."""
        self._length = num_samples
        self._file_hash, self._samples_hash = hashlib.sha256(), hashlib.sha256()
        self._file = path.open("wb", buffering=0)
        self._write(header_of(sample_rate, num_channels, num_samples))

    def write(self, steps: Steps) -> None:
        """Append sound."""
        self._samples_hash.update(hashed_of(steps))
        self._write(bytes_of(steps))
        self.num_samples += len(steps)

    def close(self) -> tuple[str, str]:
        """Close the file.

        Returns:
            sha256 of the file, and of its samples as 32-bit integers.

        Raises:
            ValueError: fewer or more samples were written than announced.
        """
        if self.num_samples != self._length:
            raise ValueError(f"{self.path} holds {self.num_samples} of {self._length} samples")
        if self._file.tell() % 2:
            self._write(b"\0")
        self._file.close()
        return self._file_hash.hexdigest(), self._samples_hash.hexdigest()

    def abandon(self) -> None:
        """Close the file, incomplete as it may be."""
        self._file.close()

    def _write(self, data: bytes) -> None:
        if self._file.write(data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        self._file_hash.update(data)

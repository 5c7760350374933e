"""A 24-bit WAV file of known length: its header is right from the start, its hashes are taken while it is written."""

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
"""Full scale, in steps of 24 bits."""
Steps = NDArray[np.int32]
"""Samples in steps of 24 bits.  [samples, channels]"""


def steps_of(samples: FloatArray) -> Steps:
    """Sound as 24-bit steps, clipped at full scale; libsndfile cuts floating-point sound in the same way.

    Args:
        samples: float32, full scale is 1.  [channels, samples]
    """
    fine = np.rint(samples.T.astype(np.float64) * 2.0**31)  # 32 bits, of which the upper 24 are kept
    steps: Steps = np.clip(fine, -(2.0**31), 2.0**31 - 1).astype(np.int64).__rshift__(8).astype(np.int32)
    return steps


class WavWriter:
    """Writes one file, unbuffered: what was written is there after the process is killed.

    Args:
        path: of the file, replaced if it is there.
        sample_rate: in Hz.
        num_channels: of the sound.
        num_samples: that will be written, per channel.

    Raises:
        OSError: the file cannot be written, or (by any method) the disk is full.
    """

    def __init__(self, path: Path, sample_rate: int, num_channels: int, num_samples: int) -> None:
        self.path = path
        self.num_samples = 0
        """Written so far."""
        self._length = num_samples
        self._file_hash, self._samples_hash = hashlib.sha256(), hashlib.sha256()
        self._file = path.open("wb", buffering=0)
        frame_bytes = num_channels * SAMPLE_BYTES
        data_bytes = num_samples * frame_bytes
        sizes = (1, num_channels, sample_rate, sample_rate * frame_bytes, frame_bytes, 8 * SAMPLE_BYTES)
        padded = data_bytes + data_bytes % 2
        self._write(
            struct.pack("<4sI4s", b"RIFF", HEADER_BYTES - 8 + padded, b"WAVE")
            + struct.pack("<4sIHHIIHH", b"fmt ", 16, *sizes)
            + struct.pack("<4sI", b"data", data_bytes)
        )

    def write(self, steps: Steps) -> None:
        """Append sound."""
        wide = np.ascontiguousarray(steps, np.dtype("<i4")) << 8
        self._samples_hash.update(wide.tobytes())
        self._write(wide.view(np.uint8).reshape(-1, 4)[:, 1:].tobytes())
        self.num_samples += len(steps)

    def close(self) -> tuple[str, str]:
        """End the file.

        Returns:
            sha256 of the file, and of its samples as 32-bit integers.

        Raises:
            ValueError: it holds less or more than was announced.
        """
        if self.num_samples != self._length:
            raise ValueError(f"{self.path} holds {self.num_samples} of {self._length} samples")
        if self._file.tell() % 2:
            self._write(b"\0")
        self._file.close()
        return self._file_hash.hexdigest(), self._samples_hash.hexdigest()

    def abandon(self) -> None:
        """Close the file as it is."""
        self._file.close()

    def _write(self, data: bytes) -> None:
        if self._file.write(data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        self._file_hash.update(data)

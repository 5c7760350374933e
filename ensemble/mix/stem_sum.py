"""The sum of a take's stems, kept while they are played, so that mixing does not read them again."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.wav_writer import PCM_STEPS, Steps
from ensemble.types.music import PIECE_SAMPLES

_CHANNELS = 2
_STEP = np.dtype("<i4")
_SAMPLE_BYTES = _CHANNELS * _STEP.itemsize


class StemSum:
    """Adds up 24-bit stereo in a temporary file of 32-bit steps: exact in any order, up to 255 stems.

    The file has no name, so nothing of it is left when the process ends.

    Args:
        folder: on the disk that shall hold the file.
        num_samples: samples per channel of every stem.

    Raises:
        OSError: the file cannot be made, or (by any method) the disk is full.
    """

    def __init__(self, folder: Path, num_samples: int) -> None:
        self.num_samples = num_samples
        """Samples per channel."""
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115  closed by `close`

    def add(self, start: int, steps: Steps) -> None:
        """Add a piece of one stem that begins at sample `start`."""
        total = steps.astype(_STEP)
        so_far = self._read(start, len(steps))
        total[: len(so_far)] += so_far
        data = total.tobytes()
        self._file.seek(start * _SAMPLE_BYTES)
        if self._file.write(data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def pieces(self) -> Iterator[NDArray[np.float64]]:
        """The sum so far from its first sample, full scale is 1.  [2, samples]"""
        for start in range(0, self.num_samples, PIECE_SAMPLES):
            yield self._read(start, min(PIECE_SAMPLES, self.num_samples - start)).T / PCM_STEPS

    def close(self) -> None:
        """Delete the file."""
        self._file.close()

    def _read(self, start: int, num_samples: int) -> Steps:
        """What was added from `start` on: fewer samples where nothing was added yet."""
        self._file.seek(start * _SAMPLE_BYTES)
        raw = self._file.read(num_samples * _SAMPLE_BYTES)
        return np.frombuffer(raw, _STEP).reshape(-1, _CHANNELS)

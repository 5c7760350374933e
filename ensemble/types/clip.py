"""Sound in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ensemble.types.arrays import FloatArray, check_array

PIECE_SAMPLES = 65_536
"""Long sound is processed in pieces of this length, counted from its first sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioClip:
    """Sound in memory."""

    samples: FloatArray
    """Full scale is 1.  [channels, samples]"""
    sample_rate: int
    """Samples per second."""

    def __post_init__(self) -> None:
        check_array(self.samples, (None, None), "samples")
        if self.samples.shape[0] < 1 or self.sample_rate < 1:
            raise ValueError(f"a clip of {self.samples.shape[0]} channels at {self.sample_rate} Hz is not audio")

    @property
    def num_channels(self) -> int:
        """Number of channels."""
        return int(self.samples.shape[0])

    @property
    def num_samples(self) -> int:
        """Samples per channel."""
        return int(self.samples.shape[1])

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.num_samples / self.sample_rate

    @property
    def digest(self) -> str:
        """sha256 of the samples, their shape and their rate."""
        whole = hashlib.sha256(f"{self.sample_rate}:{self.samples.shape}".encode())
        whole.update(np.ascontiguousarray(self.samples).data)
        return whole.hexdigest()

    def pieces(self) -> Iterator[FloatArray]:
        """All samples in order, `PIECE_SAMPLES` at a time.  [channels, samples]"""
        for start in range(0, self.num_samples, PIECE_SAMPLES):
            yield self.samples[:, start : start + PIECE_SAMPLES]

    def span(self, start: int, stop: int) -> AudioClip:
        """The samples from `start` (included) to `stop` (excluded), both from 0 to `num_samples`."""
        return AudioClip(samples=np.ascontiguousarray(self.samples[:, start:stop]), sample_rate=self.sample_rate)

    def mono(self) -> FloatArray:
        """The mean of the channels.  [samples]"""
        mean: FloatArray = self.samples.mean(axis=0, dtype=np.float32)
        return mean

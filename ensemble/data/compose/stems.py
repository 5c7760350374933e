"""Levels and sums: stems at a common level, in whole 24-bit steps, so that their sum is exactly the mix."""

from __future__ import annotations

import numpy as np

from ensemble.audio.files import PCM_STEPS
from ensemble.clock import hop_samples
from ensemble.types.music import FloatArray

LEVEL_DB = -23.0
"""RMS of the samples in which a stem sounds."""
ACTIVE_RANGE_DB = 50.0
"""A 10 ms block sounds when it is not further than this below the stem's loudest."""
CEILING = 10 ** (-1.5 / 20)
"""Highest sample of the mix: leaves room for the peaks between samples."""


def active_rms_db(samples: FloatArray, sample_rate: int) -> float:
    """RMS over the 10 ms blocks that sound, in dB; -inf for silence."""
    hop = hop_samples(sample_rate)
    blocks = samples[: len(samples) // hop * hop].reshape(-1, hop)
    power = np.square(blocks, dtype=np.float32).mean(axis=1, dtype=np.float64)
    active = power[power > power.max(initial=0.0) * 10 ** (-ACTIVE_RANGE_DB / 10)]
    return float(10 * np.log10(active.mean())) if len(active) else float("-inf")


def levelled(samples: FloatArray, sample_rate: int) -> FloatArray:
    """Bring a stem to `LEVEL_DB`."""
    return samples * np.float32(10 ** ((LEVEL_DB - active_rms_db(samples, sample_rate)) / 20))


def headroom_gain(stems: list[FloatArray]) -> float:
    """The gain, at most 1, that keeps the sum of all stems and every stem under `CEILING`."""
    peak = max(float(np.abs(signal).max()) for signal in (np.sum(stems, axis=0), *stems))
    return min(1.0, CEILING / peak) if peak > 0 else 1.0


def quantised(samples: FloatArray) -> FloatArray:
    """On the nearest whole 24-bit steps, which a file holds exactly."""
    return (np.rint(samples.astype(np.float64) * PCM_STEPS) / PCM_STEPS).astype(np.float32)


def mixed(stems: list[FloatArray]) -> FloatArray:
    """The exact sum of quantised stems that have headroom."""
    return np.asarray(np.sum(stems, axis=0, dtype=np.float64).astype(np.float32))

"""Measures sound while it is written: peaks, loudness, clipping, and clicks at the joins of its blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.clicks import JoinMeter
from ensemble.audio.loudness import LoudnessMeter
from ensemble.files.receipts import StemFacts
from ensemble.mix.true_peak import HALF_TAPS, TruePeak, decibels
from ensemble.types.music import PIECE_SAMPLES, SILENCE_DB

FULL_SCALE = 1.0 - 2.0**-23
"""The largest sample that 24 bits can hold."""


class LevelMeter:
    """Measures one stem or mix piece by piece; the lengths of the pieces do not change the result.

    Args:
        sample_rate: in Hz.
        num_channels: number of channels.
        join_samples: the first sample after every join of two blocks; empty for sound that was not made in blocks.
    """

    def __init__(self, sample_rate: int, num_channels: int, join_samples: Sequence[int] | range = ()) -> None:
        self._loudness = LoudnessMeter(sample_rate)
        self._true_peak = TruePeak(num_channels)
        self._joins = JoinMeter(sample_rate, join_samples)
        self._num_channels = num_channels
        self._waiting: list[NDArray[np.float64]] = []
        self._num_waiting = 0
        self._peak = self._highest = 0.0
        self._num_clipped = 0

    def push(self, samples: NDArray[np.float64]) -> None:
        """Measure the next piece.  [samples, channels]"""
        self._waiting.append(samples)
        self._num_waiting += len(samples)
        if self._num_waiting >= PIECE_SAMPLES:
            whole = np.concatenate(self._waiting)
            stop = len(whole) // PIECE_SAMPLES * PIECE_SAMPLES
            for start in range(0, stop, PIECE_SAMPLES):
                self._measure(whole[start : start + PIECE_SAMPLES])
            self._waiting, self._num_waiting = [whole[stop:]], len(whole) - stop

    @property
    def loudness_lufs(self) -> float:
        """The integrated loudness, after `facts`; -inf when nothing passed the gate."""
        return self._loudness.lufs()

    def facts(self) -> StemFacts:
        """End the measurement and return its results; the levels of silence are `SILENCE_DB`."""
        if self._num_waiting:
            self._measure(np.concatenate(self._waiting))
        tail = self._true_peak.push(np.zeros((self._num_channels, 2 * HALF_TAPS)))
        highest = max(self._highest, float(tail.max(initial=0.0)))
        loudness_lufs, worst_join = self._loudness.lufs(), self._joins.worst()
        return StemFacts(
            peak_dbfs=_shown(decibels(self._peak)),
            true_peak_dbtp=_shown(decibels(highest)),
            loudness_lufs=None if math.isinf(loudness_lufs) else round(loudness_lufs, 3),
            click_ratio=None if worst_join is None else round(worst_join, 4),
            clipped_samples=self._num_clipped,
        )

    def _measure(self, samples: NDArray[np.float64]) -> None:
        chunk = np.ascontiguousarray(samples.T)
        magnitude = np.abs(chunk)
        self._peak = max(self._peak, float(magnitude.max(initial=0.0)))
        self._num_clipped += int((magnitude >= FULL_SCALE).sum())
        self._highest = max(self._highest, float(self._true_peak.push(chunk, self._highest).max(initial=0.0)))
        self._loudness.push(chunk)
        self._joins.push(samples)


def _shown(level_db: float) -> float:
    """A level as it is written into a manifest: finite, rounded to a thousandth of a decibel."""
    return round(max(level_db, SILENCE_DB), 3)

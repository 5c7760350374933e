"""A look-ahead limiter for true peaks: the gain bends before the peak arrives and never has a corner."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from ensemble.mix.true_peak import HALF_TAPS, TruePeak

LOOK_AHEAD_S = 0.005
RELEASE_S = 0.08
MARGIN_DB = 0.03
"""The gain moves a little between a sample and its neighbours; this keeps the points between them below the ceiling."""

Signal = NDArray[np.float64]


class Limiter:
    """Keeps a stereo signal's true peak at or below a ceiling; where it never comes near, nothing changes at all.

    The reduction that each sample needs is held over the look-ahead, let go exponentially, and smoothed by two moving
    averages that together are as long as the look-ahead: wherever a peak stands, every value that the average sees is
    at least what the peak needs.

    `push` gives back what is decided, `latency` samples late; `flush` gives the rest, so that the output is as long
    as the input. Feed it pieces of one length from sample 0 on: then equal input gives equal bytes.
    """

    def __init__(self, ceiling_dbtp: float, sample_rate: int, num_channels: int = 2) -> None:
        self._ceiling = 10 ** ((ceiling_dbtp - MARGIN_DB) / 20)
        self._peak = TruePeak(num_channels)
        self._span = 4 * round(LOOK_AHEAD_S * sample_rate / 4)
        self._release = 1 / (RELEASE_S * sample_rate)
        self._waiting = np.zeros((num_channels, 0))
        self._needed = np.zeros(0)
        self._last = 0.0
        self._released = np.zeros(0)
        self.latency = HALF_TAPS + self._span

    def push(self, chunk: Signal) -> Signal:
        """Limit the next piece.  [channels, samples] -> [channels, samples that are decided]"""
        self._waiting = np.concatenate([self._waiting, chunk], axis=1)
        peaks = np.maximum(self._peak.push(chunk), self._ceiling)
        gain = 1 - self._smoothed(self._let_go(self._held(1 - self._ceiling / peaks)))
        decided = self._waiting[:, : len(gain)] * gain
        self._waiting = self._waiting[:, len(gain) :]
        return decided

    def flush(self) -> Signal:
        """The last `latency` samples."""
        silence = np.zeros((len(self._waiting), self.latency))
        num_left = self._waiting.shape[1]
        return self.push(silence)[:, :num_left]

    def _held(self, needed: Signal) -> Signal:
        """The largest reduction needed from each sample to the end of its look-ahead."""
        needed = np.concatenate([self._needed, needed])
        self._needed = needed[-self._span :]
        half = self._span // 2
        return np.asarray(maximum_filter1d(needed, self._span + 1))[half : len(needed) - half]

    def _let_go(self, held: Signal) -> Signal:
        """Fall from each reduction exponentially: in logarithms a running maximum against a slope."""
        if not held.any() and self._last < 1e-9:
            self._last = 0.0
            return held
        slope = self._release * np.arange(1, len(held) + 1)
        with np.errstate(divide="ignore"):  # nothing needed is minus infinity
            start = np.log(self._last)
            risen = np.log(held) + slope
        released = np.exp(np.maximum(np.maximum.accumulate(risen), start) - slope)
        self._last = float(released[-1])
        return np.asarray(released)

    def _smoothed(self, released: Signal) -> Signal:
        """Two moving averages in a row, over the last look-ahead."""
        if not len(self._released) and len(released):  # a peak at the very start: as if the gain were bent already
            self._released = np.full(self._span, released[0])
        released = np.concatenate([self._released, released])
        self._released = released[-self._span :]
        quarter = self._span // 4
        once = uniform_filter1d(released, 2 * quarter + 1)
        twice = np.asarray(uniform_filter1d(once, 2 * quarter + 1))
        return twice[2 * quarter : len(released) - 2 * quarter]

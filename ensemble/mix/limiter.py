"""A look-ahead limiter for true peaks: the gain falls smoothly before a peak arrives."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.mix.true_peak import HALF_TAPS, TruePeak

LOOK_AHEAD_S = 0.005
RELEASE_S = 0.08
MARGIN_DB = 0.03
"""Keeps the true peak below the ceiling although the gain changes a little between a sample and its neighbours."""

Signal = NDArray[np.float64]


class Limiter:
    """Keeps a signal's true peak at or below a ceiling; a signal that stays below it is not changed at all.

    The gain reduction that a sample needs is held over the look-ahead before it, released exponentially after it, and
    smoothed by two moving averages that together are as long as the look-ahead: at a peak, every value that is averaged
    is at least the reduction that the peak needs.

    `push` returns limited samples `latency` samples late; `flush` returns the rest, so that the output is as long as
    the input. Equal bytes need pieces of equal length, from sample 0 on.

    Args:
        ceiling_dbtp: highest true peak of the output.
        sample_rate: in Hz.
        num_channels: number of channels, which all get the same gain.

    Attributes:
        latency: samples between a sample's input and its output.
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
        """Add the next piece; returns the samples that are ready.  [channels, samples] -> [channels, ready samples]"""
        self._waiting = np.concatenate([self._waiting, chunk], axis=1)
        peaks = np.maximum(self._peak.push(chunk, self._ceiling), self._ceiling)
        gain = 1 - self._smoothed(self._let_go(self._held(1 - self._ceiling / peaks)))
        decided = self._waiting[:, : len(gain)] * gain
        self._waiting = self._waiting[:, len(gain) :]
        return decided

    def flush(self) -> Signal:
        """Return the samples that are left."""
        silence = np.zeros((len(self._waiting), self.latency))
        num_left = self._waiting.shape[1]
        return self.push(silence)[:, :num_left]

    def _held(self, needed: Signal) -> Signal:
        """The largest reduction that is needed within the look-ahead after each sample."""
        needed = np.concatenate([self._needed, needed])
        self._needed = needed[-self._span :]
        return _running_maximum(needed, self._span + 1)

    def _let_go(self, held: Signal) -> Signal:
        """Let each reduction decay exponentially: in logarithms, a running maximum of values plus a slope."""
        if not held.any() and self._last < 1e-9:
            self._last = 0.0
            return held
        slope = self._release * np.arange(1, len(held) + 1)
        with np.errstate(divide="ignore"):  # the logarithm of no reduction is minus infinity
            start = np.log(self._last)
            risen = np.log(held) + slope
        released = np.exp(np.maximum(np.maximum.accumulate(risen), start) - slope)
        self._last = float(released[-1])
        return np.asarray(released)

    def _smoothed(self, released: Signal) -> Signal:
        """Apply two moving averages, which together are as long as the look-ahead."""
        if not len(self._released) and len(released):  # as if the first reduction had held before the start
            self._released = np.full(self._span, released[0])
        released = np.concatenate([self._released, released])
        self._released = released[-self._span :]
        half = self._span // 2
        return _running_mean(_running_mean(released, half + 1), half + 1)


def _running_maximum(values: Signal, length: int) -> Signal:
    """The largest of every `length` values.  [values - length + 1]"""
    covered = 1
    while covered < length and len(values):
        step = min(covered, length - covered)
        values = np.maximum(values[:-step], values[step:])
        covered += step
    return values


def _running_mean(values: Signal, length: int) -> Signal:
    """The mean of every `length` values.  [values - length + 1]"""
    if len(values) < length:
        return np.zeros(0)
    first = values[:length].cumsum()[-1:]
    return np.asarray(np.concatenate([first, values[length:] - values[:-length]]).cumsum() / length)

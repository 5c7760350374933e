"""Integrated loudness by ITU-R BS.1770-4, measured piece by piece: ten numbers are kept per second of sound."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

STEPS_PER_GATE = 4
"""Steps of 100 ms per gating block: blocks of 400 ms begin every 100 ms."""
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
OFFSET_LU = -0.691
"""With this offset a full-scale 997 Hz sine in one channel measures -3.01 LUFS."""


def _k_weighting(sample_rate: int, num_samples: int) -> NDArray[np.complex128]:
    """The two filters of K-weighting (high shelf, high pass), at the frequencies of `np.fft.rfft`.

    Source: Brecht De Man, https://github.com/BrechtDeMan/loudness.py: the filters of BS.1770 as functions of the rate.
    """
    warped = 1j * np.tan(np.pi * np.arange(num_samples // 2 + 1) / num_samples)  # by the bilinear transform
    shelf_corner, corner = (math.tan(math.pi * hz / sample_rate) for hz in (1681.9744509555319, 38.13547087613982))
    gain, shelf_quality, quality = 10 ** (3.99984385397 / 20), 0.7071752369554193, 0.5003270373253953
    s = warped / shelf_corner
    shelf = (gain * s**2 + gain**0.499666774155 * s / shelf_quality + 1) / (s**2 + s / shelf_quality + 1)
    s = warped / corner
    high_pass = (1 + corner / quality + corner**2) * s**2 / (s**2 + s / quality + 1)
    return np.asarray(shelf * high_pass)


class LoudnessMeter:
    """Measures a signal piece by piece; the lengths of the pieces do not change the result.

    Each step of 100 ms is filtered at once, by a Fourier transform of it and the step before: within 100 ms what the
    filters ring on with has fallen by 200 dB.

    Source: ITU-R BS.1770-4, annex 1.
    """

    def __init__(self, sample_rate: int) -> None:
        self._step_samples = round(sample_rate / 10)
        self._weighting = _k_weighting(sample_rate, 2 * self._step_samples)
        self._rest: NDArray[np.float64] | None = None
        self._powers: list[NDArray[np.float64]] = []

    def push(self, chunk: NDArray[np.floating]) -> None:
        """Measure the next piece.  [channels, samples]"""
        step = self._step_samples
        before = np.zeros((len(chunk), step)) if self._rest is None else self._rest
        signal = np.concatenate([before, chunk], axis=1)
        num_steps = signal.shape[1] // step - 1
        self._rest = signal[:, num_steps * step :]
        if num_steps:
            pairs = np.lib.stride_tricks.sliding_window_view(signal, 2 * step, axis=1)[:, ::step]
            weighted = np.fft.irfft(np.fft.rfft(pairs) * self._weighting, 2 * step)[:, :, step:]
            self._powers.append(np.square(weighted).mean(axis=2).sum(axis=0))

    def lufs(self) -> float:
        """Integrated loudness so far; -inf while nothing has passed the gate."""
        steps = np.concatenate([np.zeros(0), *self._powers])
        if len(steps) < STEPS_PER_GATE:
            return -math.inf
        gates = np.lib.stride_tricks.sliding_window_view(steps, STEPS_PER_GATE).mean(axis=1)
        gates = gates[gates >= _power(ABSOLUTE_GATE_LUFS)]
        if not len(gates):
            return -math.inf
        passed = gates[gates > gates.mean() * 10 ** (RELATIVE_GATE_LU / 10)]
        return OFFSET_LU + 10 * math.log10(passed.mean())


def integrated_lufs(chunks: Iterable[NDArray[np.floating]], sample_rate: int) -> float:
    """Measure the integrated loudness of a whole signal.

    Args:
        chunks: the signal in order, in pieces of any length.  [channels, samples]
        sample_rate: in Hz.

    Returns:
        LUFS; -inf when nothing passes the gate, or the signal is shorter than 0.4 s.
    """
    meter = LoudnessMeter(sample_rate)
    for chunk in chunks:
        meter.push(chunk)
    return meter.lufs()


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - OFFSET_LU) / 10))

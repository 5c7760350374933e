"""Integrated loudness by ITU-R BS.1770-4, measured piece by piece: ten numbers are kept per second of sound."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import scipy.signal
from numpy.typing import NDArray

STEPS_PER_GATE = 4
"""Steps of 100 ms per gating block: blocks of 400 ms begin every 100 ms."""
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
OFFSET_LU = -0.691
"""With this offset a full-scale 997 Hz sine in one channel measures -3.01 LUFS."""


def _k_weighting(sample_rate: int) -> NDArray[np.float64]:
    """The two filters of K-weighting (high shelf, high pass), as pyloudnorm designs them.  [2 sections, 6]"""
    import pyloudnorm

    shelf = pyloudnorm.IIRfilter(3.99984385397, 0.7071752369554193, 1681.9744509555319, sample_rate, "high_shelf_DeMan")
    high_pass = pyloudnorm.IIRfilter(0.0, 0.5003270373253953, 38.13547087613982, sample_rate, "high_pass_DeMan")
    return np.array([[*section.b, *section.a] for section in (shelf, high_pass)])


class LoudnessMeter:
    """Measures a signal piece by piece; the lengths of the pieces do not change the result.

    Source: ITU-R BS.1770-4, annex 1.
    """

    def __init__(self, sample_rate: int) -> None:
        self._sections = _k_weighting(sample_rate)
        self._step_samples = round(sample_rate / 10)
        self._filter_state: NDArray[np.float64] | None = None
        self._rest = np.zeros((0, 0))
        self._powers: list[NDArray[np.float64]] = []

    def push(self, chunk: NDArray[np.floating]) -> None:
        """Measure the next piece.  [channels, samples]"""
        if self._filter_state is None:
            self._filter_state = np.zeros((len(self._sections), chunk.shape[0], 2))
            self._rest = np.zeros((chunk.shape[0], 0))
        weighted, self._filter_state = scipy.signal.sosfilt(self._sections, chunk, zi=self._filter_state)
        weighted = np.concatenate([self._rest, weighted], axis=1)
        num_steps = weighted.shape[1] // self._step_samples
        whole = weighted[:, : num_steps * self._step_samples].reshape(len(weighted), num_steps, self._step_samples)
        self._powers.append(np.square(whole).mean(axis=2).sum(axis=0))
        self._rest = weighted[:, num_steps * self._step_samples :]

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

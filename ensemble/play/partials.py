"""Sounds stretched partials, each at a frequency of its own."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ensemble.play.kernels import kernel
from ensemble.types.music import FloatArray

FAINT = 2.0**-24
"""Half a step of a 24-bit file: a partial that is softer is not sounded."""
_DIRECT = 16
"""Samples of a steady partial that are computed each by itself."""


@kernel
def add_partials(
    samples: FloatArray,
    start_hz: NDArray[np.float64],
    stop_hz: NDArray[np.float64],
    amplitudes: FloatArray,
    steep: NDArray[np.bool_],
    phase_cycles: NDArray[np.float64],
    sample_rate: float,
) -> None:
    """Add partials to `samples`, each at a frequency of its own, over consecutive intervals of one hop.

    Args:
        samples: changed in place.  [intervals * hop]
        start_hz: frequencies at the start of every interval, rising with the number.  [intervals, num_partials]
        stop_hz: at its end; linear between.  [intervals, num_partials]
        amplitudes: at the ends of the intervals, tapered.  [intervals + 1, num_partials]
        steep: where their ramp is smooth (see `oscillator.STEEP`) instead of straight.  [intervals]
        phase_cycles: of every partial, 0..1; those before the first sample become those after the last.  [num_partials]
        sample_rate: in Hz.

    Phases are float64 and wrapped once per hop, so that they are as exact after an hour as at the start. Every sine is
    computed from its own phase, since no partial is a multiple of another.
    """
    num_intervals, num_partials = start_hz.shape
    hop = len(samples) // num_intervals
    steps = np.arange(1.0, hop + 1.0)
    straight = (np.arange(hop) / hop).astype(np.float32)
    smooth = np.empty(hop, np.float32)
    for j in range(hop):
        smooth[j] = straight[j] * straight[j] * (np.float32(3.0) - np.float32(2.0) * straight[j])
    x, y = np.empty(hop, np.float32), np.empty(hop, np.float32)
    for interval in range(num_intervals):
        out = samples[interval * hop : (interval + 1) * hop]
        ramp = smooth if steep[interval] else straight
        for k in range(num_partials):
            start = start_hz[interval, k] / sample_rate
            bend = (stop_hz[interval, k] / sample_rate - start) / (2.0 * hop)
            low = amplitudes[interval, k]
            rise = amplitudes[interval + 1, k] - low
            phase = phase_cycles[k]
            is_below_nyquist = min(start_hz[interval, k], stop_hz[interval, k]) * 2.0 < sample_rate
            if is_below_nyquist and max(low, amplitudes[interval + 1, k]) > FAINT:
                if bend == 0.0:
                    _steady(x, y, phase, start)
                else:
                    for j in range(hop):
                        y[j] = sine(phase + (start + bend * (steps[j] - 1.0)) * steps[j])
                for j in range(hop):
                    out[j] += (low + ramp[j] * rise) * y[j]
            phase += (start + bend * (hop - 1.0)) * hop
            phase_cycles[k] = phase - math.floor(phase)


@kernel
def _steady(x: FloatArray, y: FloatArray, phase: float, step: float) -> None:
    """Cosine and sine of a phase that grows evenly: the first few from it, the others by rotating as many again.

    Args:
        x: is filled with cosines.  [hop]
        y: is filled with sines.  [hop]
        phase: one step before the first sample, in cycles.
        step: in cycles.
    """
    hop, known = len(x), _DIRECT
    for j in range(known):
        x[j], y[j] = sine(phase + step * (j + 1.0) + 0.25), sine(phase + step * (j + 1.0))
    while known < hop:
        c, s = sine(step * known + 0.25), sine(step * known)
        later_x, later_y = x[known : 2 * known], y[known : 2 * known]
        for j in range(len(later_x)):
            later_x[j] = x[j] * c - y[j] * s
            later_y[j] = x[j] * s + y[j] * c
        known *= 2


@kernel
def sine(cycles: float) -> np.float32:
    """Sine of a phase to 2e-7: its zeros times a polynomial, fitted at Chebyshev's nodes."""
    turn = np.float32(cycles - math.floor(cycles + 0.5))  # -1/2..1/2
    square = turn * turn
    series = np.float32(3.5124156) - np.float32(0.7904001) * square
    series = np.float32(-9.623970) + square * series
    series = np.float32(16.769157) + square * series
    series = np.float32(-16.208956) + square * series
    series = np.float32(6.2831855) + square * series
    return np.float32(turn * (np.float32(1.0) - np.float32(4.0) * square) * series)

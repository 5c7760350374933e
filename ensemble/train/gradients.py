"""Compiled gradients of the synthesizer and of the spectral distance: closed forms, nothing stored per harmonic.

Their sums may be reordered for speed (training needs no equal bytes between machines), unlike those of `play.kernels`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ensemble.play.partials import sine
from ensemble.types.music import FloatArray

F = TypeVar("F", bound=Callable[..., Any])


def fast_kernel(function: F) -> F:
    """Compile at the first call, sums in any order, and keep the result on disk."""
    return cast("F", njit(cache=True, nogil=True, error_model="numpy", fastmath=True)(function))


@fast_kernel
def project_harmonics(
    upstream: FloatArray,
    f0_start_hz: FloatArray,
    f0_stop_hz: FloatArray,
    steep: NDArray[np.bool_],
    gradient: FloatArray,
    sample_rate: float,
) -> None:
    """Gradient of `oscillator.add_harmonics`, from phase 0, with respect to its amplitudes.

    Args:
        upstream: gradient of the samples.  [intervals * hop]
        f0_start_hz: fundamental at the start of every interval.  [intervals]
        f0_stop_hz: at its end.  [intervals]
        steep: where the ramp of the amplitudes is smooth (see `oscillator.STEEP`).  [intervals]
        gradient: of the amplitudes, is added to; 0 where a harmonic cannot be heard.  [intervals + 1, num_harmonics]
        sample_rate: in Hz.

    But for the choice of its ramps the sum is linear in the amplitudes, so that the gradient is the upstream one
    against each harmonic's own sine, under the two ramps of the interpolation; the sines are made again by rotation
    instead of being kept.
    """
    num_intervals = len(f0_start_hz)
    hop = len(upstream) // num_intervals
    num_harmonics = gradient.shape[1]
    c, s = np.empty(hop, np.float32), np.empty(hop, np.float32)
    x, y = np.empty(hop, np.float32), np.empty(hop, np.float32)
    falling, rising = np.empty(hop, np.float32), np.empty(hop, np.float32)
    phase_cycles = 0.0
    for interval in range(num_intervals):
        start = np.float64(f0_start_hz[interval])
        bend = (np.float64(f0_stop_hz[interval]) - start) / (2.0 * hop)
        lowest = min(f0_start_hz[interval], f0_stop_hz[interval])
        audible = num_harmonics
        if lowest * num_harmonics * 2.0 > sample_rate:
            audible = int(0.5 * sample_rate / lowest)
        for j in range(hop):
            step = j + 1.0
            cycles = phase_cycles + (start * step + bend * step * (step - 1.0)) / sample_rate
            angle = np.float32(2.0 * math.pi * (cycles - math.floor(cycles + 0.5)))
            c[j], s[j] = math.cos(angle), math.sin(angle)
            x[j], y[j] = c[j], s[j]
            given, at = upstream[interval * hop + j], np.float32(j / hop)
            if steep[interval]:
                at = at * at * (np.float32(3.0) - np.float32(2.0) * at)
            falling[j], rising[j] = given * (np.float32(1.0) - at), given * at
        for k in range(audible):
            here, there = np.float32(0.0), np.float32(0.0)
            for j in range(hop):
                xk, yk = x[j], y[j]
                here += yk * falling[j]
                there += yk * rising[j]
                x[j] = xk * c[j] - yk * s[j]
                y[j] = xk * s[j] + yk * c[j]
            gradient[interval, k] += here
            gradient[interval + 1, k] += there
        phase_after = phase_cycles + (start * hop + bend * hop * (hop - 1.0)) / sample_rate
        phase_cycles = phase_after - math.floor(phase_after)


@fast_kernel
def project_partials(
    upstream: FloatArray,
    start_hz: NDArray[np.float64],
    stop_hz: NDArray[np.float64],
    steep: NDArray[np.bool_],
    gradient: FloatArray,
    sample_rate: float,
) -> None:
    """Gradient of `partials.add_partials`, from phases of 0, with respect to its amplitudes.

    Args:
        upstream: gradient of the samples.  [intervals * hop]
        start_hz: frequencies at the start of every interval.  [intervals, num_partials]
        stop_hz: at its end.  [intervals, num_partials]
        steep: where the ramp of the amplitudes is smooth (see `oscillator.STEEP`).  [intervals]
        gradient: of the amplitudes, is added to; 0 where a partial cannot be heard.  [intervals + 1, num_partials]
        sample_rate: in Hz.
    """
    num_intervals, num_partials = start_hz.shape
    hop = len(upstream) // num_intervals
    falling, rising = np.empty(hop, np.float32), np.empty(hop, np.float32)
    phases = np.zeros(num_partials)
    for interval in range(num_intervals):
        for j in range(hop):
            given, at = upstream[interval * hop + j], np.float32(j / hop)
            if steep[interval]:
                at = at * at * (np.float32(3.0) - np.float32(2.0) * at)
            falling[j], rising[j] = given * (np.float32(1.0) - at), given * at
        for k in range(num_partials):
            start = start_hz[interval, k] / sample_rate
            bend = (stop_hz[interval, k] / sample_rate - start) / (2.0 * hop)
            if min(start_hz[interval, k], stop_hz[interval, k]) * 2.0 < sample_rate:
                here, there = np.float32(0.0), np.float32(0.0)
                for j in range(hop):
                    wave = sine(phases[k] + (start + bend * j) * (j + 1.0))
                    here += wave * falling[j]
                    there += wave * rising[j]
                gradient[interval, k] += here
                gradient[interval + 1, k] += there
            phase = phases[k] + (start + bend * (hop - 1.0)) * hop
            phases[k] = phase - math.floor(phase)


@fast_kernel
def project_noise(upstream: FloatArray, white: FloatArray, gradient: FloatArray) -> None:
    """Gradient of `noise.add_noise` with respect to one side of every frame's impulse response.

    Args:
        upstream: gradient of the samples.  [intervals * hop]
        white: as `noise.add_noise` had it.  [intervals * hop + 2 * reach]
        gradient: is added to.  [intervals + 1, reach + 1]
    """
    num_intervals, reach = gradient.shape[0] - 1, gradient.shape[1] - 1
    hop = len(upstream) // num_intervals
    falling, rising = np.empty(hop, np.float32), np.empty(hop, np.float32)
    for interval in range(num_intervals):
        for j in range(hop):
            given, at = upstream[interval * hop + j], np.float32(j / hop)
            falling[j], rising[j] = given * (np.float32(1.0) - at), given * at
        centre = reach + interval * hop
        for tap in range(reach + 1):
            past = white[centre - tap : centre - tap + hop]
            future = white[centre + tap : centre + tap + hop]
            sides = np.float32(0.5) if tap == 0 else np.float32(1.0)  # the centre is one tap, not two
            here, there = np.float32(0.0), np.float32(0.0)
            for j in range(hop):
                both = past[j] + future[j]
                here += falling[j] * both
                there += rising[j] * both
            gradient[interval, tap] += sides * here
            gradient[interval + 1, tap] += sides * there


@fast_kernel
def compare_spectra(
    spectra: FloatArray,
    target: FloatArray,
    log_weight: FloatArray,
    scale: float,
    floor: float,
    linear_weight: float,
) -> tuple[float, float]:
    """L1 between magnitudes and between their logarithms, and its gradient, in one pass.

    Args:
        spectra: of what is heard, real and imaginary; is replaced by the loss's gradient, that of the outermost bins
            doubled, as an inverse transform of real sounds wants it.  [frames, bins, 2]
        target: of what is wanted.  [frames, bins, 2]
        log_weight: of every bin in the logarithmic term.  [bins]
        scale: what makes a magnitude of a spectrum's absolute value.
        floor: is added to the magnitudes before the logarithm.
        linear_weight: of the linear term in the gradient.

    Returns:
        The sums over frames and bins: linear, and logarithmic as weighted, to 1e-4.
    """
    num_frames, num_bins, _ = spectra.shape
    linear, logarithmic = 0.0, 0.0
    tiny, one = np.float32(1e-12), np.float32(1.0)
    unit, low, even = np.float32(scale), np.float32(floor), np.float32(linear_weight)
    ratio = np.empty(num_bins, np.float32)
    bits = ratio.view(np.int32)
    for frame in range(num_frames):
        heard, wanted = spectra[frame], target[frame]
        far: Any = np.float32(0.0)
        near: Any = np.float32(0.0)
        for j in range(num_bins):
            re, im = heard[j, 0], heard[j, 1]
            length = np.sqrt(re * re + im * im + tiny)
            magnitude = length * unit
            other = np.sqrt(wanted[j, 0] * wanted[j, 0] + wanted[j, 1] * wanted[j, 1]) * unit
            sign = one if magnitude > other else -one
            apart = sign * (magnitude - other)
            far = far + apart
            ratio[j] = one + apart / (min(magnitude, other) + low)
            slope = (even + log_weight[j] / (magnitude + low)) * sign * unit / length
            heard[j, 0], heard[j, 1] = slope * re, slope * im
        for end in (0, num_bins - 1):
            heard[end, 0] *= np.float32(2.0)
            heard[end, 1] *= np.float32(2.0)
        for j in range(num_bins):
            near = near + log_weight[j] * _logarithm(bits[j])
        linear += far
        logarithmic += near
    return linear, logarithmic


@fast_kernel
def _logarithm(bits: int) -> np.float32:
    """Natural logarithm of a float32 of 1 or more, given as its bits: exponent and a polynomial of the mantissa.

    Only the value of the loss that people see needs it, not the gradient.
    """
    exponent = np.float32((bits >> 23) - 127)
    x = np.float32(bits & 0x7FFFFF) * np.float32(2.0**-23)
    series = np.float32(0.0440048) * x - np.float32(0.19031926)
    series = series * x + np.float32(0.41234439)
    series = series * x - np.float32(0.70777023)
    series = series * x + np.float32(1.44174031)
    return np.float32((exponent + series * x) * np.float32(0.6931472))


@fast_kernel
def add_windows(gradient: FloatArray, frames: FloatArray, window: FloatArray) -> None:
    """Overlap and add windowed frames, a quarter of a frame apart.

    Args:
        gradient: is added to.  [samples]
        frames: [frames, size]
        window: [size]
    """
    num_frames, size = frames.shape
    hop = size // 4
    for frame in range(num_frames):
        part, row = gradient[frame * hop : frame * hop + size], frames[frame]
        for j in range(size):
            part[j] += row[j] * window[j]

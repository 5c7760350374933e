"""The harmonic oscillator on a CPU: sums sines at multiples of the fundamental, nothing at or above Nyquist."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import hop_samples
from ensemble.play.inharmonicity import Inharmonicity
from ensemble.play.kernels import kernel
from ensemble.play.partials import add_partials
from ensemble.types.music import FloatArray

TAPER_START = 0.45
"""Share of the sample rate from which harmonics fade; at one half they are silent."""
STEEP = 2.0
"""Where the sum of the amplitudes changes by more than this factor within one hop, their ramp r from 0 to 1 becomes
r * r * (3 - 2 * r), which has slope 0 at both ends.

The corners of a straight ramp are audible in low notes that end within 10 ms. Slower fades stay straight, since slopes
of 0 at every frame would make them ripple at 100 Hz.
"""


def is_steep(amplitudes: FloatArray) -> NDArray[np.bool_]:
    """Where the sum of all harmonics changes by more than `STEEP`.  [..., frames, num_harmonics] -> [..., intervals]"""
    total = amplitudes.sum(axis=-1)
    here, there = total[..., :-1], total[..., 1:]
    steep: NDArray[np.bool_] = np.maximum(here, there) > STEEP * np.minimum(here, there)
    return steep


def nyquist_taper(
    f0_hz: FloatArray, num_harmonics: int, sample_rate: int, inharmonicity: Inharmonicity | None = None
) -> FloatArray:
    """Weight of every harmonic: 1 up to 0.45 of the sample rate, falling to 0 at Nyquist.  [..., num_harmonics]

    The other harmonics are not raised in exchange, so that their level does not depend on the rate.
    """
    if inharmonicity is None:
        height = f0_hz[..., None] * (np.arange(1, num_harmonics + 1, dtype=np.float32) / np.float32(sample_rate))
    else:
        height = (inharmonicity.partial_hz(f0_hz, num_harmonics) / sample_rate).astype(np.float32)
    taper: FloatArray = np.clip((np.float32(0.5) - height) / np.float32(0.5 - TAPER_START), 0.0, 1.0)
    return taper


@kernel
def add_harmonics(
    samples: FloatArray,
    f0_start_hz: FloatArray,
    f0_stop_hz: FloatArray,
    amplitudes: FloatArray,
    steep: NDArray[np.bool_],
    phase_cycles: float,
    sample_rate: float,
) -> float:
    """Add one voice's harmonics to `samples`, over consecutive intervals of one hop.

    Args:
        samples: changed in place.  [intervals * hop]
        f0_start_hz: fundamental at the start of every interval.  [intervals]
        f0_stop_hz: fundamental at its end; linear between.  [intervals]
        amplitudes: of every harmonic at the ends of the intervals, tapered.  [intervals + 1, num_harmonics]
        steep: where the ramp of the amplitudes is smooth (see `STEEP`) instead of straight.  [intervals]
        phase_cycles: the fundamental's phase before the first sample.
        sample_rate: in Hz.

    Returns:
        The phase after the last sample, 0..1.

    The fundamental's phase is float64 and wrapped once per hop, so it is as exact after an hour as at the start. The
    first four harmonics are computed from it; each further group of four is rotated from the group before in float32,
    so the error grows with the harmonic's number and not with time.
    """
    num_intervals = len(f0_start_hz)
    hop = len(samples) // num_intervals
    num_harmonics = amplitudes.shape[1]
    steps = np.arange(1.0, hop + 1.0)
    straight = (np.arange(hop) / hop).astype(np.float32)
    smooth = np.empty(hop, np.float32)
    for j in range(hop):  # as one expression of arrays it keeps the compiler from vectorising the sums below
        smooth[j] = straight[j] * straight[j] * (np.float32(3.0) - np.float32(2.0) * straight[j])
    (s1, s2, s3, s4), (c1, c2, c3, c4) = np.empty((4, hop), np.float32), np.empty((4, hop), np.float32)
    x, y = np.empty(hop, np.float32), np.empty(hop, np.float32)
    low, rise = np.empty(num_harmonics + 3, np.float32), np.empty(num_harmonics + 3, np.float32)

    for interval in range(num_intervals):
        start = np.float64(f0_start_hz[interval])
        bend = (np.float64(f0_stop_hz[interval]) - start) / (2.0 * hop)
        per_sample = 1.0 / sample_rate
        phase_after = phase_cycles + (start * hop + bend * hop * (hop - 1)) * per_sample

        lowest = min(f0_start_hz[interval], f0_stop_hz[interval])
        audible = num_harmonics
        if lowest * num_harmonics * 2.0 > sample_rate:
            audible = int(0.5 * sample_rate / lowest)
        while audible > 0 and amplitudes[interval, audible - 1] == 0 and amplitudes[interval + 1, audible - 1] == 0:
            audible -= 1

        if audible > 0:
            for j in range(hop):
                step = steps[j]
                cycles = phase_cycles + (start * step + bend * step * (step - 1.0)) * per_sample
                half_turn = math.pi * (cycles - math.floor(cycles + 0.5))  # -pi/2..pi/2
                sine, cosine = _sine_cosine(half_turn)
                y1, x1 = 2.0 * sine * cosine, 1.0 - 2.0 * sine * sine
                y2, x2 = 2.0 * y1 * x1, 1.0 - 2.0 * y1 * y1
                s1[j], c1[j], s2[j], c2[j] = y1, x1, y2, x2
                s3[j], c3[j] = y2 * x1 + x2 * y1, x2 * x1 - y2 * y1
                s4[j], c4[j] = 2.0 * y2 * x2, 1.0 - 2.0 * y2 * y2
                x[j], y[j] = x1, y1
            out = samples[interval * hop : (interval + 1) * hop]
            low[:audible] = amplitudes[interval, :audible]
            rise[:audible] = amplitudes[interval + 1, :audible] - low[:audible]
            ramp = smooth if steep[interval] else straight
            low[audible : audible + 3], rise[audible : audible + 3] = 0.0, 0.0
            for k in range(0, audible, 4):
                low1, low2, low3, low4 = low[k], low[k + 1], low[k + 2], low[k + 3]
                rise1, rise2, rise3, rise4 = rise[k], rise[k + 1], rise[k + 2], rise[k + 3]
                for j in range(hop):
                    at, xk, yk = ramp[j], x[j], y[j]
                    total = yk * (low1 + at * rise1)
                    total += (yk * c1[j] + xk * s1[j]) * (low2 + at * rise2)
                    total += (yk * c2[j] + xk * s2[j]) * (low3 + at * rise3)
                    total += (yk * c3[j] + xk * s3[j]) * (low4 + at * rise4)
                    out[j] += total
                    x[j] = xk * c4[j] - yk * s4[j]
                    y[j] = xk * s4[j] + yk * c4[j]
        phase_cycles = phase_after - math.floor(phase_after)
    return phase_cycles


@kernel
def _sine_cosine(angle: float) -> tuple[float, float]:
    """Sine and cosine of an angle within -pi/2..pi/2 to 1e-9, by Taylor series, which the compiler can vectorise."""
    square = angle * angle
    sine = 1.0 - square / 156.0
    sine = 1.0 - square / 110.0 * sine
    sine = 1.0 - square / 72.0 * sine
    sine = 1.0 - square / 42.0 * sine
    sine = 1.0 - square / 20.0 * sine
    sine = angle * (1.0 - square / 6.0 * sine)
    cosine = 1.0 - square / 182.0
    cosine = 1.0 - square / 132.0 * cosine
    cosine = 1.0 - square / 90.0 * cosine
    cosine = 1.0 - square / 56.0 * cosine
    cosine = 1.0 - square / 30.0 * cosine
    cosine = 1.0 - square / 12.0 * cosine
    cosine = 1.0 - square / 2.0 * cosine
    return sine, cosine


def harmonic_bank(
    f0_start_hz: FloatArray,
    f0_stop_hz: FloatArray,
    amplitudes: FloatArray,
    phase_cycles: NDArray[np.float64],
    sample_rate: int,
    inharmonicity: Inharmonicity | None = None,
) -> tuple[FloatArray, NDArray[np.float64]]:
    """Sum the harmonics of several voices.

    Args:
        f0_start_hz: fundamental at the start of every interval.  [voices, intervals]
        f0_stop_hz: fundamental at its end; linear between.  [voices, intervals]
        amplitudes: at the ends of the intervals, tapered.  [voices, intervals + 1, num_harmonics]
        phase_cycles: phases before the first sample.  [voices], with stretched partials [voices, num_harmonics]
        sample_rate: in Hz.
        inharmonicity: stretches the partials; whole multiples where absent.

    Returns:
        samples [intervals * hop], and the phases after them, shaped as before.

    Source: Engel et al., DDSP, ICLR 2020 (arXiv:2001.04643), section 3.2.
    """
    samples = np.zeros(f0_start_hz.shape[1] * hop_samples(sample_rate), np.float32)
    after, steep, rate = phase_cycles.copy(), is_steep(amplitudes), float(sample_rate)
    for voice, phase in enumerate(phase_cycles):
        start, stop, levels = f0_start_hz[voice], f0_stop_hz[voice], amplitudes[voice]
        if inharmonicity is None:
            after[voice] = add_harmonics(samples, start, stop, levels, steep[voice], float(phase), rate)
        else:
            low_hz, high_hz = (inharmonicity.partial_hz(f0_hz, levels.shape[1]) for f0_hz in (start, stop))
            add_partials(samples, low_hz, high_hz, levels, steep[voice], after[voice], rate)
    return samples, after

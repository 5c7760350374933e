"""The inner loops of effects: filters of second order, a compressor's gain, and an oversampled valve."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ensemble.play.kernels import kernel
from ensemble.types.music import FloatArray

Array = NDArray[np.float64]
OVERSAMPLED = 4
"""Harmonics that a valve adds fold back from so many times the sample rate on."""
_TAPS = 16
"""Of the interpolating filter, in samples."""
HISTORY = (1 + OVERSAMPLED) * (_TAPS - 1)
"""What the valve keeps of the past."""
_LOWEST = 1e-6


def _interpolator() -> Array:
    """A low-pass at 0.45 of the sample rate, whose gain is 1; one row for each place between samples.  [4, taps]"""
    time = np.arange(_TAPS * OVERSAMPLED) - (_TAPS * OVERSAMPLED - 1) / 2
    response = np.sinc(0.9 * time / OVERSAMPLED) * np.kaiser(len(time), 8.0)
    return np.ascontiguousarray((response / response.sum()).reshape(_TAPS, OVERSAMPLED).T)


_RESPONSE = _interpolator()


@kernel
def filtered(samples: Array, sections: Array, memory: Array) -> Array:
    """Second-order sections in a row, each in transposed direct form II.

    Args:
        samples: [samples]
        sections: b0, b1, b2, a1, a2 of each, where a0 is 1.  [sections, 5]
        memory: two numbers of each; goes along in place.  [2 * sections]

    Returns:
        [samples]
    """
    out = samples.copy()
    for section in range(len(sections)):
        b0, b1, b2, a1, a2 = sections[section]
        first, second = memory[2 * section], memory[2 * section + 1]
        for n in range(len(out)):
            heard = out[n]
            given = b0 * heard + first
            first = b1 * heard - a1 * given + second
            second = b2 * heard - a2 * given
            out[n] = given
        memory[2 * section], memory[2 * section + 1] = first, second
    return out


@kernel
def compressed(
    samples: FloatArray, memory: Array, threshold_db: float, ratio: float, knee_db: float, attack: float,
    release: float, makeup_db: float,
) -> FloatArray:  # fmt: skip
    """Lower what is loud.

    Args:
        samples: [samples]
        memory: the reduction in dB so far; goes along in place.  [1]
        threshold_db: level of full scale from which on the gain falls.
        ratio: dB above it that become one.
        knee_db: width of the bend.
        attack: share of a reduction's distance that is left after one sample, while it grows.
        release: the same, while it falls.
        makeup_db: gain afterwards.

    Returns:
        [samples]
    """
    out = np.empty_like(samples)
    reduced_db = memory[0]
    slope = 1.0 - 1.0 / ratio
    for n in range(len(samples)):
        over_db = 20.0 * math.log10(max(abs(samples[n]), _LOWEST)) - threshold_db
        asked_db = 0.0
        if 2.0 * over_db >= knee_db:
            asked_db = slope * over_db
        elif 2.0 * over_db > -knee_db:
            asked_db = slope * (over_db + 0.5 * knee_db) ** 2 / (2.0 * knee_db)
        left = attack if asked_db > reduced_db else release
        reduced_db = left * reduced_db + (1.0 - left) * asked_db
        out[n] = samples[n] * 10.0 ** ((makeup_db - reduced_db) / 20.0)
    memory[0] = reduced_db
    return out


@kernel
def _tanh(x: float) -> float:
    """Hyperbolic tangent to 2e-7, without a branch: Lambert's fraction of x/4, doubled twice."""
    quarter = 0.25 * min(max(x, -9.0), 9.0)
    square = quarter * quarter
    t = quarter * (10395.0 + square * (1260.0 + square * 21.0))
    t /= 10395.0 + square * (4725.0 + square * (210.0 + square))
    t = 2.0 * t / (1.0 + t * t)
    return 2.0 * t / (1.0 + t * t)


@kernel
def driven(samples: Array, memory: Array, drive: float, bias: float, gain: float) -> Array:
    """A valve at four times the sample rate: gain * (tanh(drive * sample + bias) - tanh(bias)), 15 samples late.

    Args:
        samples: [samples]
        memory: the last inputs, and the last outputs of every place between samples; goes along in place.  [HISTORY]
        drive: gain into the valve.
        bias: added there.
        gain: out of the valve.

    Returns:
        [samples]
    """
    kept, num, middle = _TAPS - 1, len(samples), _tanh(bias)
    given = np.concatenate((memory[:kept], samples))
    out = np.zeros(num)
    bent = np.empty(kept + num)
    for place in range(OVERSAMPLED):
        bent[:kept] = memory[kept * (1 + place) : kept * (2 + place)]
        between = np.zeros(num)
        for tap in range(_TAPS):
            weight = OVERSAMPLED * _RESPONSE[place, tap]
            for n in range(num):
                between[n] += weight * given[kept + n - tap]
        for n in range(num):
            bent[kept + n] = gain * (_tanh(drive * between[n] + bias) - middle)
        for tap in range(_TAPS):
            weight = _RESPONSE[OVERSAMPLED - 1 - place, tap]
            for n in range(num):
                out[n] += weight * bent[kept + n - tap]
        memory[kept * (1 + place) : kept * (2 + place)] = bent[num:]
    memory[:kept] = given[num:]
    return out

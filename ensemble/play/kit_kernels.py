"""The inner loops of the fitted kit: decaying sines that begin sharp, and noise with a piecewise exponential level."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ensemble.play.kernels import kernel
from ensemble.types.music import FloatArray

Array = NDArray[np.float64]
_GLIDES = 8.0
"""Time constants after which a glide counts as over: less than a cent is left of it."""
_STEP = 32
"""Samples between two places at which the phase of a glide is computed exactly."""
_DECAYS = 9.2
"""Time constants after which a mode has fallen by 80 dB, and ends."""


@kernel
def add_modes(
    out: Array, frequency: Array, cosine: Array, sine: Array, decay: Array, glide: float, glide_samples: float
) -> None:
    """Add decaying sines that all begin sharp by the same share.

    Sample n of a mode is exp(-n / decay) (cosine cos p + sine sin p), where p = 2 pi frequency (n + glide
    glide_samples (1 - exp(-n / glide_samples))): it begins 1 + glide times as high as it ends. During the glide the
    phase is exact at every `_STEP` samples and linear between them.

    Args:
        out: [samples], changed in place.
        frequency: of the settled modes, in cycles per sample.  [modes]
        cosine: amplitudes of their cosines.  [modes]
        sine: amplitudes of their sines.  [modes]
        decay: samples in which each falls to 1/e.  [modes]
        glide: share by which the pitch begins too high.
        glide_samples: samples in which that share falls to 1/e.
    """
    turn = 2.0 * math.pi
    for mode in range(len(frequency)):
        end = min(len(out), int(_DECAYS * decay[mode]) + 1)
        settled = int(_GLIDES * glide_samples) if glide != 0.0 else 0
        fall = math.exp(-1.0 / decay[mode])
        real, imaginary = cosine[mode], -sine[mode]
        first = 0
        while first < end:
            last = min(first + _STEP, end) if first < settled else end
            reach = float(last - first)
            if first < settled:
                reach += glide * glide_samples * (math.exp(-first / glide_samples) - math.exp(-last / glide_samples))
            step = turn * frequency[mode] * reach / (last - first)
            along, across = fall * math.cos(step), fall * math.sin(step)
            for n in range(first, last):
                out[n] += real
                real, imaginary = real * along - imaginary * across, real * across + imaginary * along
            first = last


@kernel
def add_enveloped(out: Array, noise: FloatArray, knots: NDArray[np.int64], levels: Array) -> None:
    """Add noise whose level changes exponentially from each given point to the next.

    Args:
        out: [samples], changed in place.
        noise: at least as long as `out`.  [samples]
        knots: samples at which the level is given, rising from 0; the last one ends the sound.  [knots]
        levels: amplitudes at the knots, all above 0.  [knots]
    """
    for k in range(len(knots) - 1):
        length = knots[k + 1] - knots[k]
        ratio = math.exp(math.log(levels[k + 1] / levels[k]) / length)
        level = levels[k]
        for n in range(knots[k], knots[k + 1]):
            out[n] += level * noise[n]
            level *= ratio

"""Gain and pan of a stem."""

from __future__ import annotations

import math

import numpy as np

from ensemble.types.music import FloatArray

CENTRE = math.sqrt(0.5)
"""Gain of each channel for sound that is panned to the centre: -3 dB."""


def place(samples: FloatArray, gain_db: float, pan: float) -> FloatArray:
    """Apply gain and pan to a mono sound, by the equal-power law: the summed power does not depend on the pan.

    Every sample is computed on its own, so the bytes do not depend on the blocks.

    Args:
        samples: mono.  [samples]
        gain_db: gain of both channels.
        pan: -1 left, 0 centre (-3 dB in each channel), 1 right.

    Returns:
        Left and right channel.  [2, samples]
    """
    gain = 10 ** (gain_db / 20)  # two sines mirror each other to the last bit, a sine and a cosine do not
    left, right = gain * math.sin((1 - pan) * math.pi / 4), gain * math.sin((1 + pan) * math.pi / 4)
    return np.stack([samples * np.float32(left), samples * np.float32(right)])

"""A player's place in the stereo picture: a level and a pan."""

from __future__ import annotations

import math

import numpy as np

from ensemble.types.music import FloatArray

CENTRE = math.sqrt(0.5)
"""What the pan law leaves in each channel of something in the middle: -3 dB."""


def place(samples: FloatArray, gain_db: float, pan: float) -> FloatArray:
    """Put a mono sound into the stereo picture by the equal-power law: the summed power does not depend on the pan.

    Every sample stands alone, so placing in blocks equals placing whole.

    Args:
        samples: mono.  [samples]
        gain_db: level, before the pan.
        pan: -1 left, 0 centre (-3 dB in each channel), 1 right.

    Returns:
        left and right, float32.  [2, samples]
    """
    gain = 10 ** (gain_db / 20)
    left = gain * math.sin((1 - pan) * math.pi / 4)
    right = gain * math.sin(
        (1 + pan) * math.pi / 4
    )  # two sines mirror each other to the last bit; sine and cosine do not
    return np.stack([samples * np.float32(left), samples * np.float32(right)])

"""What a voice asks the synthesizer for, 100 times a second and independent of the sample rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ensemble.play.noise import WHITE_POWER
from ensemble.types.music import SILENCE_DB, FloatArray

NUM_HARMONICS = 100
LOUDNESS_GAIN = 8.0
"""K: what a network's full amplitude means beside the loudness asked for. A full-scale bass note at the bottom of its
range, hardly heard through the A curve, needs about that much."""
CEILING = 0.9
"""Bound on the sum of all harmonics' amplitudes and of the noise's usual peak, over all voices of a part."""
NOISE_CREST = 4.0
"""Filtered noise seldom exceeds this many times its root mean square."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """One voice's sound over one quantum.

    f0_hz [frames]; amplitude [frames], 0 where silent; harmonics [frames, num_harmonics], rows sum to 1;
    noise [frames, 65], magnitudes of the noise filter.
    """

    f0_hz: FloatArray
    amplitude: FloatArray
    harmonics: FloatArray
    noise: FloatArray


class ControlModel(Protocol):
    """An instrument's sound: what to ask the synthesizer for, given a pitch and a loudness."""

    def hidden(self) -> FloatArray:
        """The memory before the first frame.  [layers, hidden]"""

    def controls(self, f0_hz: FloatArray, loudness_db: FloatArray, hidden: FloatArray) -> tuple[Controls, FloatArray]:
        """Shape one quantum.

        Args:
            f0_hz: 0 only while the voice has never sounded; the last pitch through every rest.  [frames]
            loudness_db: A-weighted; at `SILENCE_DB` nothing sounds.  [frames]
            hidden: the memory before the quantum; is not changed.  [layers, hidden]

        Returns:
            The controls, and the memory after the quantum.
        """


def loudness_gain(loudness_db: FloatArray) -> FloatArray:
    """Amplitude of a loudness; exactly 0 at `SILENCE_DB`.  [frames]"""
    gain = np.power(np.float32(10.0), loudness_db / np.float32(20.0))
    return np.where(loudness_db > SILENCE_DB, gain, np.float32(0.0))


def noise_rms(magnitudes: FloatArray) -> FloatArray:
    """Root mean square, at 48 kHz, of noise under these magnitudes.  [..., bands] -> [...]"""
    power = np.square(magnitudes)
    ends = 0.5 * (power[..., 0] + power[..., -1])  # the outer bands are half as wide
    rms: FloatArray = np.sqrt(WHITE_POWER / (power.shape[-1] - 1) * (power.sum(axis=-1) - ends))
    return rms


def headroom(amplitude: FloatArray, noise: FloatArray) -> FloatArray:
    """Gain that keeps a part's sound below full scale, 1 where it already is.

    Args:
        amplitude: of every voice.  [voices, frames]
        noise: magnitudes, all voices together.  [frames, bands]

    Returns:
        [frames].
    """
    peak = amplitude.sum(axis=0) + np.float32(NOISE_CREST) * noise_rms(noise)
    gain: FloatArray = np.float32(CEILING) / np.maximum(peak, np.float32(CEILING))
    return gain

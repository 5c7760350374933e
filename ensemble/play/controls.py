"""The controls of the synthesizer: what a voice sets 100 times a second, whatever the sample rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ensemble.play.inharmonicity import Inharmonicity
from ensemble.play.noise import WHITE_POWER
from ensemble.types.music import SILENCE_DB, FloatArray

LOUDNESS_GAIN = 8.0
"""Amplitude that a network's full output stands for at 0 dB: what the lowest notes of a bass need, since A-weighting
counts so little of them."""
CEILING = 0.9
"""Highest sum of the amplitudes of all harmonics and of the noise's usual peak, over all voices of a part."""
NOISE_CREST = 4.0
"""Usual peak of filtered noise, as a multiple of its root mean square."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """The controls of all voices of a part over one quantum."""

    f0_hz: FloatArray
    """Fundamental frequency.  [voices, frames]"""
    amplitude: FloatArray
    """Amplitude of all harmonics together; 0 where silent.  [voices, frames]"""
    harmonics: FloatArray
    """Share of each harmonic in the amplitude; each frame sums to 1.  [voices, frames, num_harmonics]"""
    noise: FloatArray
    """Magnitude of the noise filter in each band.  [voices, frames, 65]"""


class ControlModel(Protocol):
    """A voice: computes the synthesizer's controls from pitch and loudness."""

    @property
    def inharmonicity(self) -> Inharmonicity | None:
        """How its partials are stretched; None where they are whole multiples."""

    @property
    def fundamental(self) -> float:
        """Of the pitch: the frequency whose multiples the partials are; see `VoiceCard`."""

    def hidden(self) -> FloatArray:
        """The hidden state of one voice before its first frame.  [layers, hidden]"""

    def controls(self, f0_hz: FloatArray, loudness_db: FloatArray, hidden: FloatArray) -> tuple[Controls, FloatArray]:
        """Compute the controls of one quantum, of all voices at once; none depends on how many there are.

        Args:
            f0_hz: `fundamental` of the pitch, in rests of the last; 0 only before the first note.  [voices, frames]
            loudness_db: A-weighted; `SILENCE_DB` in rests.  [voices, frames]
            hidden: the hidden states before the quantum; are not changed.  [voices, layers, hidden]

        Returns:
            The controls, and the hidden states after the quantum.
        """


def loudness_gain(loudness_db: FloatArray) -> FloatArray:
    """Loudness as an amplitude; exactly 0 at `SILENCE_DB`.  [frames]"""
    gain = np.power(np.float32(10.0), loudness_db / np.float32(20.0))
    return np.where(loudness_db > SILENCE_DB, gain, np.float32(0.0))


def noise_rms(magnitudes: FloatArray) -> FloatArray:
    """Root mean square at 48 kHz of noise that is filtered with these magnitudes.  [..., bands] -> [...]"""
    power = np.square(magnitudes)
    ends = 0.5 * (power[..., 0] + power[..., -1])  # the outer bands are half as wide
    rms: FloatArray = np.sqrt(WHITE_POWER / (power.shape[-1] - 1) * (power.sum(axis=-1) - ends))
    return rms


def headroom(amplitude: FloatArray, noise: FloatArray) -> FloatArray:
    """Gain that keeps a part's sound below full scale; 1 where it is below anyway.

    Args:
        amplitude: of every voice.  [voices, frames]
        noise: magnitudes of all voices together.  [frames, bands]

    Returns:
        The gain.  [frames]
    """
    peak = amplitude.sum(axis=0) + np.float32(NOISE_CREST) * noise_rms(noise)
    gain: FloatArray = np.float32(CEILING) / np.maximum(peak, np.float32(CEILING))
    return gain

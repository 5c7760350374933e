"""The naive voice: a fixed spectrum at the loudness asked for; the baseline that needs no training."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ensemble.audio.spectra import a_weighting
from ensemble.play.controls import Controls, loudness_gain
from ensemble.play.noise import BAND_HZ, WHITE_POWER
from ensemble.play.sizes import NUM_BANDS, NUM_HARMONICS
from ensemble.types.instruments import InstrumentSpec
from ensemble.types.music import FloatArray

MOST_AMPLITUDE = 0.7
"""Highest amplitude of one voice's harmonics together; the lowest notes stay softer than asked for."""
NOISE_CORNER_HZ = 2000.0
"""Above this frequency the noise falls."""
_HEARD_HZ = 20_000.0


def power_spectrum(brightness: float) -> FloatArray:
    """Harmonics k^-brightness that sum to 1.  [num_harmonics]"""
    levels = np.arange(1, NUM_HARMONICS + 1) ** -brightness
    return np.asarray(levels / levels.sum(), np.float32)


def unit_amplitude(f0_hz: FloatArray, harmonics: FloatArray) -> FloatArray:
    """The amplitude at which a spectrum has the A-weighted loudness of 0 dB, that of a full-scale 1 kHz sine.

    Args:
        f0_hz: above 0.  [...]
        harmonics: one spectrum that sums to 1.  [num_harmonics]

    Returns:
        The amplitude.  [...]
    """
    centre_hz = f0_hz[..., None].astype(np.float64) * np.arange(1, len(harmonics) + 1)
    weight = np.where(centre_hz < _HEARD_HZ, a_weighting(centre_hz), 0.0)
    power = (weight * np.square(harmonics, dtype=np.float64)).sum(axis=-1)
    return np.asarray(1.0 / np.sqrt(np.maximum(power, 1e-12)), np.float32)


def unit_noise(level_db: float) -> FloatArray:
    """Magnitudes of noise that is flat to 2 kHz and then falls, at an A-weighted level relative to full scale.  [65]"""
    centre_hz = np.maximum(BAND_HZ * np.arange(NUM_BANDS), 1.0)
    shape = 1.0 / np.sqrt(1.0 + np.square(centre_hz / NOISE_CORNER_HZ))
    sine_power = 0.5
    power = WHITE_POWER / (NUM_BANDS - 1) * (a_weighting(centre_hz) * np.square(shape)).sum() / sine_power
    return np.asarray(shape * 10.0 ** (level_db / 20.0) / np.sqrt(power), np.float32)


class NaiveVoice:
    """A voice with an instrument's brightness and noise from the catalogue, at the loudness asked for."""

    inharmonicity = None
    fundamental = 1.0

    def __init__(self, instrument: InstrumentSpec) -> None:
        self._instrument = instrument

    @cached_property
    def _harmonics(self) -> FloatArray:
        return power_spectrum(self._instrument.brightness)

    @cached_property
    def _noise(self) -> FloatArray:
        return unit_noise(self._instrument.noise_db)

    def hidden(self) -> FloatArray:
        """An empty state, since this voice has none.  [0, 0]"""
        return np.zeros((0, 0), np.float32)

    def controls(self, f0_hz: FloatArray, loudness_db: FloatArray, hidden: FloatArray) -> tuple[Controls, FloatArray]:
        """See `ControlModel.controls`."""
        gain = loudness_gain(loudness_db)
        unit = unit_amplitude(np.maximum(f0_hz, np.float32(10.0)), self._harmonics)
        amplitude = np.minimum(gain * unit, np.float32(MOST_AMPLITUDE))
        shaped = Controls(
            f0_hz=f0_hz,
            amplitude=amplitude,
            harmonics=np.broadcast_to(self._harmonics, (*f0_hz.shape, NUM_HARMONICS)),
            noise=(amplitude / unit)[..., None] * self._noise,
        )
        return shaped, hidden

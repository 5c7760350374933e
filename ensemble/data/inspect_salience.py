"""Which pitches sound, every tenth of a second: spectral peaks, summed over ten harmonics of every key of a piano.

Source: the harmonic sum is that of Klapuri, Multiple Fundamental Frequency Estimation by Summing Harmonic Amplitudes,
ISMIR 2006, without its search for several fundamentals: here it is known which notes to look for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from ensemble.listen.pitch import ANALYSIS_RATE_HZ
from ensemble.types.music import FloatArray

LOWEST_MIDI, HIGHEST_MIDI = 21, 108
STEP_SAMPLES = ANALYSIS_RATE_HZ // 10
STEP_S = STEP_SAMPLES / ANALYSIS_RATE_HZ
WINDOW_SAMPLES = 4096
BATCH = 64
"""Windows that are transformed at once."""
HARMONIC_FALL = 0.8
"""The weight of each harmonic, against that of the one below."""
NEAR_CENTS = (-30.0, 0.0, 30.0)
"""A harmonic is looked for so near to its place."""
FLOOR_BINS, ABOVE_FLOOR = 65, 1.5
"""What stands out is that much above the mean of its surroundings, in the square root of amplitude."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Salience:
    """How strongly each pitch sounds."""

    strength: FloatArray
    """0..3.6: 1 is a sine of that pitch and nothing else.  [steps, pitches from `LOWEST_MIDI`]"""
    power: FloatArray
    """Of the sound, in any unit.  [steps]"""


class SalienceMeter:
    """Measures a recording at 16 kHz piece by piece; the pieces' lengths change nothing."""

    def __init__(self) -> None:
        self._waiting = np.zeros(WINDOW_SAMPLES // 2, dtype=np.float32)
        self._strength: list[FloatArray] = []
        self._power: list[FloatArray] = []

    def hear(self, samples: FloatArray) -> None:
        """The next piece.  [samples]"""
        self._waiting = np.concatenate([self._waiting, samples])
        batch = (BATCH - 1) * STEP_SAMPLES + WINDOW_SAMPLES
        while len(self._waiting) >= batch:
            self._measure(self._waiting[:batch])
            self._waiting = self._waiting[BATCH * STEP_SAMPLES :]

    def finish(self) -> Salience:
        """No more comes: all that was measured."""
        rest = np.concatenate([self._waiting, np.zeros(WINDOW_SAMPLES // 2, dtype=np.float32)])
        if len(rest) >= WINDOW_SAMPLES:
            self._measure(rest)
        pitches = HIGHEST_MIDI - LOWEST_MIDI + 1
        strength = np.concatenate(self._strength) if self._strength else np.zeros((0, pitches), np.float32)
        power = np.concatenate(self._power) if self._power else np.zeros(0, np.float32)
        return Salience(strength=strength, power=power)

    def _measure(self, samples: FloatArray) -> None:
        windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW_SAMPLES)[::STEP_SAMPLES]
        amplitude = np.abs(np.fft.rfft(windows * _WINDOW)).astype(np.float32)
        root = np.sqrt(amplitude)
        peaks = np.maximum(root - ABOVE_FLOOR * uniform_filter1d(root, FLOOR_BINS, axis=1), 0.0)
        peaks /= np.sqrt(np.square(peaks).sum(axis=1, keepdims=True)) + 1e-9
        at = peaks[:, _BINS] * (1 - _BETWEEN) + peaks[:, _BINS + 1] * _BETWEEN
        self._strength.append((at.max(axis=3) * _WEIGHTS).sum(axis=2).astype(np.float32))
        self._power.append(np.square(amplitude).sum(axis=1))


def _places() -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
    """The bin below each harmonic's places, how far above it each is, and each harmonic's weight: 0 where there is no
    sound.  [pitches, harmonics, places], the weight without places
    """
    number = np.arange(1, 11)
    midi = np.arange(LOWEST_MIDI, HIGHEST_MIDI + 1)
    hz = 440.0 * 2.0 ** ((midi[:, None] - 69) / 12) * number
    place = hz[..., None] * 2.0 ** (np.array(NEAR_CENTS) / 1200) * WINDOW_SAMPLES / ANALYSIS_RATE_HZ
    bins = np.minimum(place.astype(np.int64), WINDOW_SAMPLES // 2 - 1)
    weights = np.where(hz < 0.475 * ANALYSIS_RATE_HZ, HARMONIC_FALL ** (number - 1), 0.0)
    return bins, np.minimum(place - bins, 1.0).astype(np.float32), weights.astype(np.float32)


_WINDOW = np.hanning(WINDOW_SAMPLES).astype(np.float32)
_BINS, _BETWEEN, _WEIGHTS = _places()

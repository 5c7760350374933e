"""What is beyond the pitch tracker: notes out of its range, and the hum of the mains, which is no note."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.spectra import bin_frequencies_hz, power_spectra
from ensemble.clock import FRAME_RATE_HZ
from ensemble.listen.pitch import Pitch
from ensemble.types.music import FloatArray

LOWEST_HZ, HIGHEST_HZ = 31.0, 2_100.0
"""Notes below are heard an octave too high; those above are not heard."""
MAINS_HZ = (50.0, 60.0, 100.0, 120.0)
"""The hum of the mains, and its octave, which is often louder."""
MAINS_RATIO = 0.012
"""The mains, and a recorder's speed, stray by less; the nearest notes, G and B flat, lie twice as far away."""
HUM_BELOW_PEAK_DB, HUM_SPREAD_DB, HUM_SHARE = 20.0, 3.0, 0.7
"""Hum lies so far below the loudest frame, and in this share of its frames varies by no more."""
MIN_FRAMES = 50
_LOW_WINDOW_SAMPLES, _LOW_EVERY_FRAMES = 4096, 10
_NUM_HARMONICS = 8
_BETWEEN_SHARE = 0.15
"""Between the harmonics of a note that was heard an octave too high there is more than this share of the power."""


class Hum(NamedTuple):
    """A steady hum."""

    frequency_hz: float
    """Its pitch."""
    is_alone: NDArray[np.bool_]
    """Where nothing else is heard.  [frames]"""


def find_hum(f0_hz: FloatArray, loudness_db: FloatArray) -> Hum | None:
    """The hum that is followed in the leader's rests; None without.

    Args:
        f0_hz: [frames], 0 is unvoiced.
        loudness_db: [frames]
    """
    for frequency_hz in MAINS_HZ:
        near = np.abs(f0_hz - frequency_hz) < MAINS_RATIO * frequency_hz
        near &= loudness_db < loudness_db.max() - HUM_BELOW_PEAK_DB
        levels = loudness_db[near]
        if len(levels) < MIN_FRAMES:
            continue
        if (np.abs(levels - np.median(levels)) < HUM_SPREAD_DB).mean() >= HUM_SHARE:
            return Hum(frequency_hz, near)
    return None


def without_hum(pitch: Pitch, hum: Hum | None) -> Pitch:
    """The pitch of the leader alone: unvoiced where only hum is heard."""
    if hum is None:
        return pitch
    silenced = np.where(hum.is_alone, np.float32(0.0), np.stack([pitch.f0_hz, pitch.confidence]))
    return Pitch(f0_hz=silenced[0], confidence=silenced[1])


def too_low(samples: FloatArray, sample_rate: int, f0_hz: FloatArray) -> float:
    """Share of the voiced frames whose note truly lies below `LOWEST_HZ`: an octave below the pitch that is followed.

    Args:
        samples: [samples], mono.
        sample_rate: its rate.
        f0_hz: [frames], 0 is unvoiced.
    """
    followed_hz = f0_hz[::_LOW_EVERY_FRAMES].astype(np.float64)
    may_be = (followed_hz > 0) & (followed_hz < 2 * LOWEST_HZ)
    if may_be.sum() * _LOW_EVERY_FRAMES < MIN_FRAMES:
        return 0.0
    frequency_hz = bin_frequencies_hz(_LOW_WINDOW_SAMPLES, sample_rate)
    low = frequency_hz < (_NUM_HARMONICS + 1) * 2 * LOWEST_HZ
    half_width_hz = 1.5 * sample_rate / _LOW_WINDOW_SAMPLES
    found = 0
    hop = _LOW_EVERY_FRAMES * sample_rate // FRAME_RATE_HZ
    for at, power in power_spectra(samples, len(followed_hz), hop, _LOW_WINDOW_SAMPLES):
        chosen = may_be[at]
        octave_below_hz = followed_hz[at][chosen][:, None] / 2
        number = np.rint(frequency_hz[low] / octave_below_hz)
        is_on = np.abs(frequency_hz[low] - number * octave_below_hz) <= half_width_hz
        is_on &= (number >= 1) & (number <= 2 * _NUM_HARMONICS)
        heard = power[chosen][:, low]
        between = (heard * (is_on & (number % 2 == 1))).sum(axis=1)
        found += int((between > _BETWEEN_SHARE * (heard * is_on).sum(axis=1)).sum())
    return found / max(int((followed_hz > 0).sum()), 1)

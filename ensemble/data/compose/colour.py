"""Brightness follows dynamics: a spectral tilt that deepens as a note gets softer, without moving its loudness.

Sampled instruments are recorded at one dynamic and only turned down. Played softly a real one loses its upper partials
faster than its fundamental. The tilt is a gain in dB that falls with the octaves above the fundamental, in proportion
to how far the loudness lies below a fixed reference, so that a brightness belongs to a loudness in every piece.
"""

from __future__ import annotations

import numpy as np
import scipy.ndimage
import scipy.signal
from numpy.typing import NDArray

from ensemble.audio.spectra import a_weighting, bin_frequencies_hz
from ensemble.clock import FRAME_RATE_HZ
from ensemble.types.music import FloatArray

WINDOW_S = 0.064 / 3
"""1024 samples at 48 kHz: short against a note, long enough for a smooth curve above any fundamental."""
OVERLAP = 4
TILT_RANGE_DB = (-12.0, 12.0)
"""Deepest and highest tilt, per octave; more would be a filter's effect, not an instrument's."""
DARK_REACH_OCTAVES, BRIGHT_REACH_OCTAVES = 3.5, 2.0
"""Above these the tilt is a shelf; brightening ends early, where a sample holds more hiss than tone."""
PARTIAL_WIDTH_HZ = 120.0
"""Brightening reaches no further from a partial than this: between the partials of a high note lies only hiss."""
SMOOTHING_S = 0.03
FLOOR_POWER = 1e-10


def tilted(
    samples: FloatArray, sample_rate: int, f0_hz: FloatArray, tilt_db_per_octave: float, neutral_db: float
) -> FloatArray:
    """Apply the tilt by overlap-add of short spectra with real gains: no phase is moved.

    Args:
        samples: [samples], levelled.
        sample_rate: in Hz.
        f0_hz: [frames] at 100 Hz, 0 where silent; held through silence.
        tilt_db_per_octave: for each dB of loudness above `neutral_db`.
        neutral_db: the loudness at which nothing changes.

    Returns:
        [samples], of the same A-weighted loudness, frame by frame.
    """
    window_samples = 2 ** round(np.log2(WINDOW_S * sample_rate))
    window = np.sqrt(scipy.signal.windows.hann(window_samples, sym=False))
    transform = scipy.signal.ShortTimeFFT(window, window_samples // OVERLAP, sample_rate)
    spectra, centre_s = transform.stft(samples).T, transform.t(len(samples))
    frequency_hz = bin_frequencies_hz(window_samples, sample_rate)
    heard = a_weighting(frequency_hz) * (8 / window_samples**2)  # a full-scale sine is 0 dB
    power = np.square(np.abs(spectra))
    before = np.maximum((power * heard).sum(axis=1), FLOOR_POWER)
    sigma = SMOOTHING_S * OVERLAP * sample_rate / window_samples
    loudness_db = 10 * np.log10(scipy.ndimage.gaussian_filter1d(before, sigma))
    tilt_db = np.clip(tilt_db_per_octave * (loudness_db - neutral_db), *TILT_RANGE_DB)[:, None]
    held_hz = _held(f0_hz, centre_s)[:, None]
    reach = np.where(tilt_db > 0, BRIGHT_REACH_OCTAVES, DARK_REACH_OCTAVES)
    octaves = np.clip(np.log2(np.maximum(frequency_hz, 1.0) / held_hz), 0.0, reach)
    octaves *= np.where(tilt_db > 0, _near_partials(frequency_hz, held_hz), 1.0)
    gain = np.exp(octaves * tilt_db * (np.log(10) / 20))
    after = np.maximum((power * np.square(gain) * heard).sum(axis=1), FLOOR_POWER)
    keep = np.exp(scipy.ndimage.gaussian_filter1d(0.5 * np.log(before / after), 1.0))
    return np.asarray(transform.istft((spectra * gain * keep[:, None]).T, k1=len(samples)), dtype=np.float32)


def _held(f0_hz: FloatArray, at_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """The pitch at some times; where nothing sounds, the pitch before (or the first one)."""
    voiced = np.flatnonzero(f0_hz > 0)
    if not len(voiced):
        return np.full(len(at_s), 440.0)
    frame = np.clip(np.rint(at_s * FRAME_RATE_HZ), 0, len(f0_hz) - 1).astype(int)
    last = np.clip(np.searchsorted(voiced, frame, side="right") - 1, 0, None)
    return f0_hz[voiced[last]].astype(np.float64)


def _near_partials(frequency_hz: NDArray[np.float64], f0_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 on every multiple of the fundamental, 0 from `PARTIAL_WIDTH_HZ` away, a cosine between.  [frames, bins]"""
    number = frequency_hz / f0_hz
    away_hz = np.abs(number - np.rint(number)) * f0_hz
    return np.asarray(np.square(np.cos(0.5 * np.pi * np.minimum(away_hz / PARTIAL_WIDTH_HZ, 1))))

"""Brightness follows dynamics: a spectral tilt that deepens as a note gets softer, without moving its loudness.

Sampled instruments are recorded at one dynamic and only turned down. Played softly a real one loses its upper partials
faster than its fundamental. The tilt is a gain in dB that falls with the octaves above the fundamental, in proportion
to how far the loudness lies below a fixed reference, so that a brightness belongs to a loudness in every piece.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
import scipy.ndimage
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
    hop = window_samples // OVERLAP
    window = np.sqrt(np.hanning(window_samples + 1)[:-1]).astype(np.float32)
    padded = np.pad(samples, (window_samples, 2 * window_samples))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window_samples)[::hop]
    frequency_hz = bin_frequencies_hz(window_samples, sample_rate)
    centre_s = (np.arange(len(frames)) * hop - window_samples / 2) / sample_rate
    spectra = scipy.fft.rfft(frames * window, axis=1)
    heard = (a_weighting(frequency_hz) * (8 / window_samples**2)).astype(np.float32)  # a full-scale sine is 0 dB
    power = np.square(spectra.real) + np.square(spectra.imag)
    before = np.maximum((power * heard).sum(axis=1), FLOOR_POWER)
    sigma = SMOOTHING_S * sample_rate / hop
    loudness_db = 10 * np.log10(scipy.ndimage.gaussian_filter1d(before, sigma))
    tilt_db = np.clip(tilt_db_per_octave * (loudness_db - neutral_db), *TILT_RANGE_DB)
    reach = np.where(tilt_db > 0, BRIGHT_REACH_OCTAVES, DARK_REACH_OCTAVES).astype(np.float32)
    held_hz = _held(f0_hz, centre_s)
    octaves = _octaves_above(frequency_hz, held_hz, reach)
    octaves *= np.where(tilt_db[:, None] > 0, _near_partials(frequency_hz, held_hz), np.float32(1))
    gain = np.exp(octaves * (tilt_db * np.log(10) / 20).astype(np.float32)[:, None])
    after = np.maximum((power * np.square(gain) * heard).sum(axis=1), FLOOR_POWER)
    keep = np.exp(scipy.ndimage.gaussian_filter1d(0.5 * np.log(before / after), 1.0)).astype(np.float32)
    spectra *= gain * keep[:, None]
    return _overlap_added(spectra, window, hop)[window_samples : window_samples + len(samples)]


def _held(f0_hz: FloatArray, at_s: NDArray[np.float64]) -> FloatArray:
    """The pitch at some times; where nothing sounds, the pitch before (or the first one)."""
    voiced = np.flatnonzero(f0_hz > 0)
    if not len(voiced):
        return np.full(len(at_s), 440.0, dtype=np.float32)
    frame = np.clip(np.rint(at_s * FRAME_RATE_HZ), 0, len(f0_hz) - 1).astype(int)
    last = np.clip(np.searchsorted(voiced, frame, side="right") - 1, 0, None)
    return f0_hz[voiced[last]].astype(np.float32)


def _octaves_above(frequency_hz: NDArray[np.float64], f0_hz: FloatArray, reach: FloatArray) -> FloatArray:
    """How far every bin lies above the fundamental: 0 at and below it, at most `reach`.  [frames, bins]"""
    bins = np.log2(np.maximum(frequency_hz, 1.0)).astype(np.float32)
    return np.clip(bins[None, :] - np.log2(f0_hz)[:, None], 0.0, reach[:, None])


def _near_partials(frequency_hz: NDArray[np.float64], f0_hz: FloatArray) -> FloatArray:
    """1 on every multiple of the fundamental, 0 from `PARTIAL_WIDTH_HZ` away, a cosine between.  [frames, bins]"""
    number = frequency_hz.astype(np.float32)[None, :] / f0_hz[:, None]
    away_hz = np.abs(number - np.rint(number)) * f0_hz[:, None]
    quarter_turns = np.minimum(away_hz / np.float32(PARTIAL_WIDTH_HZ), 1)
    near: FloatArray = np.square(np.cos(np.float32(0.5 * np.pi) * quarter_turns))
    return near


def _overlap_added(spectra: NDArray[np.complex64], window: FloatArray, hop: int) -> FloatArray:
    """Back to samples; squared windows at this overlap sum to a constant."""
    frames = scipy.fft.irfft(spectra, n=len(window), axis=1) * (window * np.float32(2 / OVERLAP))
    blocks = frames.reshape(len(frames), OVERLAP, hop)
    sums = np.zeros((len(frames) + OVERLAP - 1, hop), dtype=np.float32)
    for quarter in range(OVERLAP):
        sums[quarter : quarter + len(frames)] += blocks[:, quarter]
    return sums.reshape(-1)

"""Pitch classes: how the leader is tuned, and which pitch classes sound."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from ensemble.audio.spectra import pitch_class_bands, power_spectra
from ensemble.clock import FRAME_RATE_HZ
from ensemble.types import FloatArray

Array = NDArray[np.float64]
WINDOW_SAMPLES = 8192
"""At 16 kHz half a second: a semitone at 65 Hz is two bins."""
STRIDE_FRAMES = 4
VIBRATO_FRAMES = 17
LEAP_CENTS = 40.0
"""From one frame to the next: the widest vibrato moves by 36."""
PEAK_RANGE = 10 ** (-45 / 10)
"""A peak this far below the strongest of its frame is hiss."""
MIN_TUNING_FOCUS = 0.25
"""Length of the mean direction of all deviations: below it there is no common tuning (speech, glides)."""


def centre_pitch(f0_hz: FloatArray) -> FloatArray:
    """The pitch that a vibrato moves around: the mean over one period of it, inside each note.  [frames]"""
    cents = 1200 * np.log2(np.maximum(f0_hz, 1.0).astype(np.float64))
    edges = np.flatnonzero(np.abs(np.diff(cents)) > LEAP_CENTS) + 1
    notes = np.split(cents, edges)
    centred = np.concatenate([uniform_filter1d(note, VIBRATO_FRAMES, mode="reflect") for note in notes])
    centre_hz: FloatArray = np.where(f0_hz > 0, 2 ** (centred / 1200), 0.0).astype(np.float32)
    return centre_hz


def tuning_of_pitch(f0_hz: FloatArray, weight: FloatArray) -> float | None:
    """How far the voiced frames lie above equal temperament at 440 Hz, in cents [-50, 50); None if nowhere in common.

    Args:
        f0_hz: [frames], 0 is unvoiced.
        weight: [frames], how much each frame counts.
    """
    voiced = f0_hz > 0
    return _common_deviation(f0_hz[voiced].astype(np.float64), weight[voiced].astype(np.float64))


def tuning_of_peaks(samples: FloatArray, sample_rate: int, num_frames: int) -> float | None:
    """The same from the peaks of the spectrum, for several voices at once."""
    frequencies, weights = [np.empty(0)], [np.empty(0)]
    stride = 5 * STRIDE_FRAMES
    hop = stride * sample_rate // FRAME_RATE_HZ
    bin_hz = sample_rate / WINDOW_SAMPLES
    lowest, highest = round(100 / bin_hz), round(2000 / bin_hz)
    for _, power in power_spectra(samples, -(-num_frames // stride), hop, WINDOW_SAMPLES):
        level = np.log(np.maximum(power[:, lowest - 1 : highest + 1], 1e-14))
        left, middle, right = level[:, :-2], level[:, 1:-1], level[:, 2:]
        floor = middle.max(axis=1, keepdims=True) + np.log(PEAK_RANGE)
        row, place = np.nonzero((middle > left) & (middle >= right) & (middle > np.maximum(floor, np.log(1e-10))))
        before, at, after = left[row, place], middle[row, place], right[row, place]
        offset = 0.5 * (before - after) / (before - 2 * at + after)
        frequencies.append((place + lowest + offset) * bin_hz)
        weights.append(np.exp(at).astype(np.float64))  # by power: hiss has many peaks, all of them small
    return _common_deviation(np.concatenate(frequencies), np.concatenate(weights))


def _common_deviation(frequency_hz: Array, weight: Array) -> float | None:
    if not weight.sum() > 0:
        return None
    turn = 2j * np.pi * 12 * np.log2(frequency_hz / 440)
    direction = complex((weight * np.exp(turn)).sum() / weight.sum())
    if abs(direction) < MIN_TUNING_FOCUS:
        return None
    cents = float(np.angle(direction)) / (2 * np.pi) * 100
    return (cents + 50) % 100 - 50


def spectral_chroma(samples: FloatArray, sample_rate: int, num_frames: int, tuning_cents: float) -> FloatArray:
    """Amplitude of the spectrum's peaks by pitch class, on an absolute scale.  [12, frames]"""
    bands = pitch_class_bands(WINDOW_SAMPLES, sample_rate, tuning_cents)
    hop = STRIDE_FRAMES * sample_rate // FRAME_RATE_HZ
    coarse = np.zeros((num_frames // STRIDE_FRAMES + 2, 12), dtype=np.float32)
    for at, power in power_spectra(samples, len(coarse), hop, WINDOW_SAMPLES):
        inner = power[:, 1:-1]
        is_peak = (inner > power[:, :-2]) & (inner >= power[:, 2:])
        is_peak &= inner > np.maximum(PEAK_RANGE * inner.max(axis=1, keepdims=True), 1e-10)
        coarse[at] = (np.sqrt(inner) * is_peak) @ bands[1:-1]
    place = np.arange(num_frames) / STRIDE_FRAMES
    left = place.astype(np.int64)
    share = (place - left).astype(np.float32)[:, None]
    return np.ascontiguousarray((coarse[left] * (1 - share) + coarse[left + 1] * share).T)


def note_chroma(f0_hz: FloatArray, tuning_cents: float) -> FloatArray:
    """One voice's pitch class, shared between two where it lies between them.  [12, frames]"""
    voiced = np.flatnonzero(f0_hz > 0)
    midi = 69 + 12 * np.log2(f0_hz[voiced].astype(np.float64) / 440) - tuning_cents / 100
    below = np.floor(midi)
    above = midi - below
    chroma = np.zeros((12, len(f0_hz)), dtype=np.float32)
    chroma[below.astype(np.int64) % 12, voiced] += 1 - above
    chroma[(below.astype(np.int64) + 1) % 12, voiced] += above
    return chroma

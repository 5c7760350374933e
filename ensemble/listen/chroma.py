"""Pitch classes: how the leader is tuned, and which pitch classes sound."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.later import uniform_filter1d
from ensemble.audio.spectra import pitch_class_bands, power_spectra
from ensemble.clock import FRAME_RATE_HZ
from ensemble.types.music import FloatArray

Array = NDArray[np.float64]
WINDOW_SAMPLES = 8192
"""At 16 kHz half a second: a semitone at 65 Hz is two bins."""
STRIDE_FRAMES = 4
VIBRATO_FRAMES = 17
LEAP_CENTS = 40.0
"""A step from one frame to the next that is wider begins another note; the widest vibrato moves by 36."""
MEDIAN_REACH = 8
"""So many spectra (40 ms apart) and bins (2 Hz) on either side: a drum stroke is shorter, a tone is narrower."""
PEAK_RANGE = 10 ** (-45 / 10)
"""A peak further below the strongest of its frame is noise."""
MIN_TUNING_FOCUS = 0.25
"""Length of the mean of all deviations as unit vectors: below it there is no common tuning (speech, glides)."""


def centre_pitch(f0_hz: FloatArray) -> FloatArray:
    """The pitch that a vibrato moves around: the mean over one of its periods, inside each note.  [frames]

    A frame depends on the `VIBRATO_FRAMES` // 2 frames after it.
    """
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
        weights.append(np.exp(at).astype(np.float64))  # by power: noise has many peaks, all of them small
    return _common_deviation(np.concatenate(frequencies), np.concatenate(weights))


def _common_deviation(frequency_hz: Array, weight: Array) -> float | None:
    if not weight.sum() > 0:
        return None
    # Whole recording: one tuning for all of it.
    turn = 2j * np.pi * 12 * np.log2(frequency_hz / 440)
    direction = complex((weight * np.exp(turn)).sum() / weight.sum())
    if abs(direction) < MIN_TUNING_FOCUS:
        return None
    cents = float(np.angle(direction)) / (2 * np.pi) * 100
    return (cents + 50) % 100 - 50


def spectral_chroma(samples: FloatArray, sample_rate: int, num_frames: int, tuning_cents: float) -> FloatArray:
    """Amplitude of the spectrum's peaks by pitch class, strokes left out, on an absolute scale.  [12, frames]

    A frame depends on about 0.6 s after it: half a window and `MEDIAN_REACH` spectra.

    Source: the part that lasts is told from strokes by medians along time and along frequency: Fitzgerald,
    Harmonic/Percussive Separation Using Median Filtering, DAFx 2010; here at the peaks alone.
    """
    bands = pitch_class_bands(WINDOW_SAMPLES, sample_rate, tuning_cents)
    num_bins = int(np.flatnonzero(bands.any(axis=1))[-1]) + 2
    hop = STRIDE_FRAMES * sample_rate // FRAME_RATE_HZ
    coarse = np.zeros((num_frames // STRIDE_FRAMES + 2, 12), dtype=np.float32)
    silence = np.zeros((MEDIAN_REACH, num_bins), dtype=np.float32)  # before the recording, and after it
    waiting, first = silence, 0
    for at, power in power_spectra(samples, len(coarse), hop, WINDOW_SAMPLES):
        after = silence if at.stop == len(coarse) else silence[:0]
        waiting = np.concatenate([waiting, np.sqrt(power[:, :num_bins]), after])
        del power  # of the next chunk there will be one, too
        ready = _lasting_peaks(waiting) @ bands[:num_bins]
        coarse[first : first + len(ready)] = ready
        waiting, first = waiting[len(ready) :], first + len(ready)
    place = np.arange(num_frames) / STRIDE_FRAMES
    left = place.astype(np.int64)
    share = (place - left).astype(np.float32)[:, None]
    return np.ascontiguousarray((coarse[left] * (1 - share) + coarse[left + 1] * share).T)


def _lasting_peaks(amplitude: FloatArray) -> FloatArray:
    """The peaks of all frames but the first and last `MEDIAN_REACH`, each by how much more it lasts than it spreads.

    Args:
        amplitude: [frames + 2 * MEDIAN_REACH, bins]

    Returns:
        [frames, bins], 0 where there is no peak.
    """
    inside = amplitude[MEDIAN_REACH:-MEDIAN_REACH]
    inner = inside[:, 1:-1]
    is_peak = (inner > inside[:, :-2]) & (inner >= inside[:, 2:])
    is_peak &= inner > np.maximum(np.sqrt(PEAK_RANGE) * inside.max(axis=1, keepdims=True), 1e-5)
    frame, place = np.nonzero(is_peak)
    around = np.arange(2 * MEDIAN_REACH + 1)
    along_time = amplitude[frame[:, None] + around, place[:, None] + 1]
    beside = np.pad(inside, ((0, 0), (MEDIAN_REACH, MEDIAN_REACH)))
    along_frequency = beside[frame[:, None], place[:, None] + 1 + around]
    lasts, spreads = (
        np.square(np.partition(one, MEDIAN_REACH, axis=1)[:, MEDIAN_REACH]) for one in (along_time, along_frequency)
    )
    peaks = np.zeros_like(inside)
    peaks[frame, place + 1] = inner[frame, place] * lasts / np.maximum(lasts + spreads, np.float32(1e-20))
    return peaks


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

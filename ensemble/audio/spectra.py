"""Short-time spectra and the curves laid over them: A-weighting, mel bands, pitch classes.

Frame i is centred at sample i * hop, as everywhere in the project; outside the recording there is silence. Power
spectra are one-sided and scaled so that the bins of a frame sum to the mean square of a steady sound: a full-scale
sine sums to 0.5 whatever the window. Frames are processed in chunks, so memory does not grow with the length.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.later import maximum_filter1d, rfft
from ensemble.types.music import FloatArray

Array = NDArray[np.float64]
CHUNK_FRAMES = 2048
_FRAMES_AT_ONCE = 128
"""Frames of a chunk that are transformed together; more would take several times the memory."""
LOUDNESS_WINDOW_S = 0.064
"""Of the windows in which loudness is measured."""


def peak_offset(left: Array, middle: Array, right: Array) -> Array:
    """How far beside its middle one three values peak, -0.5..0.5 steps, by the parabola through them; 0 without one."""
    bend = left - 2 * middle + right
    return np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, -1.0), 0.0)


def power_spectra(
    samples: FloatArray, num_frames: int, hop: int, window_samples: int, first_frame: int = 0
) -> Iterator[tuple[slice, FloatArray]]:
    """Power spectra of centred Hann windows, a chunk of frames at a time.

    Args:
        samples: mono.  [samples]
        num_frames: number of frames; those past the end are silent.
        hop: samples from one frame's centre to the next.
        window_samples: length of the window and of the transform, even.
        first_frame: those before it are left out.

    Yields:
        The range of frames, counted from `first_frame`, and their power.  [frames in chunk, window_samples // 2 + 1]
    """
    window = np.hanning(window_samples + 1)[:-1]
    weight = np.full(window_samples // 2 + 1, 2.0)
    weight[[0, -1]] = 1.0  # 0 Hz and Nyquist have no negative counterpart
    weight = (weight / (window_samples * np.square(window).sum())).astype(np.float32)
    window = window.astype(np.float32)
    for start in range(first_frame, num_frames, CHUNK_FRAMES):
        stop = min(start + CHUNK_FRAMES, num_frames)
        power = np.empty((stop - start, len(weight)), np.float32)
        for first in range(start, stop, _FRAMES_AT_ONCE):
            last = min(first + _FRAMES_AT_ONCE, stop)
            frames = _centred(samples, first, last, hop, window_samples)
            spectrum = rfft(frames * window, axis=1)
            power[first - start : last - start] = (np.square(spectrum.real) + np.square(spectrum.imag)) * weight
        yield slice(start - first_frame, stop - first_frame), power
        del power  # frees it before the next chunk is computed


def heard_since(begun_s: Array, window_s: float) -> Array:
    """The share of its power that a Hann window hears of a steady sound.

    Args:
        begun_s: when it began, before the window's centre; negative after it.  [windows]
        window_s: length of the window.

    Returns:
        0 of what begins after the window, 1 of what began before it: the integral of cos^4.  [windows]
    """
    place = np.clip(begun_s / window_s, -0.5, 0.5)
    turn = 2.0 * np.pi * place
    share: Array = 0.5 + place + (8.0 * np.sin(turn) + np.sin(2.0 * turn)) / (12.0 * np.pi)
    return share


def _centred(samples: FloatArray, start: int, stop: int, hop: int, window_samples: int) -> FloatArray:
    """Frames `start` to `stop`, padded with silence where they reach outside.  [frames, window_samples]"""
    first = start * hop - window_samples // 2
    last = (stop - 1) * hop + window_samples // 2
    inside = samples[max(first, 0) : max(last, 0)]
    padded = np.zeros(last - first, dtype=np.float32)
    offset = max(-first, 0)
    padded[offset : offset + len(inside)] = inside
    return np.lib.stride_tricks.sliding_window_view(padded, window_samples)[::hop]


def band_rise_db(level: FloatArray, range_db: float, lag_frames: int, loudest: float | None = None) -> FloatArray:
    """How far the bands rise on average; each is compared with the loudest of itself and its neighbours before.

    Args:
        level: power, not all of it 0.  [frames, bands]
        range_db: levels further than this below the loudest of all count as this far below it.
        lag_frames: how many frames before.
        loudest: the level that counts as the loudest, where there is more than these frames.

    Returns:
        The rise in dB, 0 or more.  [frames]

    Source: Boeck and Widmer, SuperFlux, DAFx 2013.
    """
    highest, background = np.float32(level.max() if loudest is None else loudest), 10 ** (-range_db / 10)
    rise_db = np.empty(len(level), np.float32)
    for start in range(0, len(level), CHUNK_FRAMES):
        first, stop = max(start - lag_frames, 0), start + CHUNK_FRAMES
        level_db = 10 * np.log10(np.maximum(level[first:stop] / highest, background))
        before = np.full_like(level_db[start - first :], -range_db)
        reached = maximum_filter1d(level_db, 3, axis=1)[: max(len(level_db) - lag_frames, 0)]
        before[len(before) - len(reached) :] = reached
        rise_db[start:stop] = np.maximum(level_db[start - first :] - before, 0.0).mean(axis=1)
    return rise_db


def bin_frequencies_hz(window_samples: int, sample_rate: int) -> Array:
    """Centre frequency of every bin.  [window_samples // 2 + 1]"""
    return np.arange(window_samples // 2 + 1, dtype=np.float64) * (sample_rate / window_samples)


def a_weighting(frequency_hz: Array) -> Array:
    """Power gain of A-weighting, 1 at 1 kHz.

    Source: IEC 61672-1:2013, annex E: poles at 20.6, 107.7, 737.9 and 12194 Hz.
    """

    def amplitude(hz: Array) -> Array:
        square = np.square(hz)
        poles = np.sqrt((square + 107.65265**2) * (square + 737.86223**2))
        return 12194.217**2 * square**2 / ((square + 20.598997**2) * poles * (square + 12194.217**2))

    gain: Array = np.square(amplitude(frequency_hz) / amplitude(np.array(1000.0)))
    return gain


def mel_bands(num_bands: int, window_samples: int, sample_rate: int, low_hz: float, high_hz: float) -> FloatArray:
    """Triangular bands of equal width on the mel scale; each sums to 1, so its power is a weighted mean of bins.

    Returns:
        [bins, num_bands]

    Source: mel = 2595 log10(1 + f / 700) (O'Shaughnessy, Speech Communication, 1987).
    """
    low_mel, high_mel = 2595 * np.log10(1 + np.array([low_hz, high_hz]) / 700)
    corners_hz = 700 * (10 ** (np.linspace(low_mel, high_mel, num_bands + 2) / 2595) - 1)
    frequency_hz = bin_frequencies_hz(window_samples, sample_rate)[:, None]
    # A triangle narrower than the bins could fall between them and weigh none.
    bin_hz = sample_rate / window_samples
    rise_hz = np.maximum(corners_hz[1:-1] - corners_hz[:-2], bin_hz)
    fall_hz = np.maximum(corners_hz[2:] - corners_hz[1:-1], bin_hz)
    away_hz = frequency_hz - corners_hz[None, 1:-1]
    triangles = np.clip(1 - np.where(away_hz < 0, -away_hz / rise_hz, away_hz / fall_hz), 0, 1)
    bands: FloatArray = (triangles / triangles.sum(axis=0)).astype(np.float32)
    return bands


def pitch_class_bands(window_samples: int, sample_rate: int, tuning_cents: float) -> FloatArray:
    """Weight of each bin in each pitch class from C.

    A bin belongs to the pitch classes within a semitone of it, by a raised cosine. Bins weigh most around 400 Hz; those
    up to 60 Hz, where a semitone is narrower than a bin, and from 3 kHz, where few fundamentals lie, weigh nothing.

    Args:
        window_samples: length of the transform.
        sample_rate: in Hz.
        tuning_cents: how far A4 lies above 440 Hz.

    Returns:
        [bins, 12]
    """
    frequency_hz = bin_frequencies_hz(window_samples, sample_rate)
    frequency_hz[0] = 1.0
    midi = 69 + 12 * np.log2(frequency_hz / 440) - tuning_cents / 100
    away = (midi[:, None] - np.arange(12) + 6) % 12 - 6
    share = np.where(np.abs(away) < 1, np.square(np.cos(np.pi / 2 * away)), 0.0)
    octaves_off = np.log2(frequency_hz / 400)
    register = np.exp(-0.5 * np.square(octaves_off / 1.2)) * (frequency_hz > 60) * (frequency_hz < 3000)
    bands: FloatArray = (share * register[:, None]).astype(np.float32)
    return bands

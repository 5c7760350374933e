"""What the causal listener reads 25 times a second: a spectrum by pitch, and the rise of the bands. It lags 128 ms.

One window of sound is all that a frame depends on, so a stream of frames needs no state but its last samples.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.later import rfft
from ensemble.audio.spectra import bin_frequencies_hz, mel_bands
from ensemble.clock import CONDUCTOR_RATE_HZ
from ensemble.types.music import FloatArray

SAMPLE_RATE_HZ = 16_000
HOP_SAMPLES = SAMPLE_RATE_HZ // CONDUCTOR_RATE_HZ
PAST_SAMPLES, AHEAD_SAMPLES = 6144, 2048
"""Of the window, before a frame's instant and after it."""
WINDOW_SAMPLES = PAST_SAMPLES + AHEAD_SAMPLES
LOWEST_MIDI = 28
STEPS_PER_SEMITONE = 3
ROW_SEMITONES = 60
"""What is read above each of the twelve pitch classes."""
NUM_STEPS = (ROW_SEMITONES + 11) * STEPS_PER_SEMITONE
ROW_STEPS = ROW_SEMITONES * STEPS_PER_SEMITONE
NUM_BANDS = 12
NUM_RISES = 4 * NUM_BANDS
NUM_FEATURES = NUM_STEPS + 1 + NUM_RISES
_FLOOR = 1e-9
"""Power below which all is silence: -90 dB."""
_OCTAVE_STEPS = 12 * STEPS_PER_SEMITONE
_SHORT_SAMPLES, _SHORT_HOP = 512, HOP_SAMPLES // 4
_RISE_LAG = 2


def features_of(windows: FloatArray) -> FloatArray:
    """The features of some frames; each depends on its own window alone.

    Args:
        windows: the sound from `PAST_SAMPLES` before each frame's instant on, at 16 kHz.  [frames, WINDOW_SAMPLES]

    Returns:
        By frame: `NUM_STEPS` thirds of a semitone from `LOWEST_MIDI` on, as the logarithm of their power less its mean
        over two octaves around; that of the whole; then how much `NUM_BANDS` bands rise within 20 ms, at the frame's
        instant and every 10 ms until the next.  [frames, NUM_FEATURES]
    """
    window, bands, whitening, short_window, short_bands = _tables()
    spectrum = rfft(windows * window, axis=1)
    spectrum = spectrum[:, : len(bands)]
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    level = np.log10(power @ bands + np.float32(_FLOOR))
    starts = PAST_SAMPLES - _SHORT_SAMPLES // 2 + _SHORT_HOP * np.arange(-_RISE_LAG, 4)
    pieces = np.stack([windows[:, start : start + _SHORT_SAMPLES] for start in starts], axis=1) * short_window
    short = rfft(pieces, axis=2)
    loud = np.log10((np.square(short.real) + np.square(short.imag)) @ short_bands + np.float32(_FLOOR))
    rises = np.maximum(loud[:, _RISE_LAG:] - loud[:, :-_RISE_LAG], np.float32(0.0))
    found: FloatArray = np.concatenate(
        [level @ whitening, level.mean(axis=1, keepdims=True), rises.reshape(len(windows), -1)], axis=1
    )
    return found


def windows_of(samples: FloatArray, num_frames: int) -> FloatArray:
    """The windows of the first frames of a sound, with silence around it.  [num_frames, WINDOW_SAMPLES]"""
    padded = np.zeros((num_frames - 1) * HOP_SAMPLES + WINDOW_SAMPLES, np.float32)
    inside = samples[: len(padded) - PAST_SAMPLES]
    padded[PAST_SAMPLES : PAST_SAMPLES + len(inside)] = inside
    return np.lib.stride_tricks.sliding_window_view(padded, WINDOW_SAMPLES)[::HOP_SAMPLES]


@cache
def _tables() -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """The window, its bands and their whitening; the short window and its bands."""
    rise = np.sin(np.pi / 2 * (np.arange(PAST_SAMPLES) + 0.5) / PAST_SAMPLES)
    fall = np.cos(np.pi / 2 * (np.arange(AHEAD_SAMPLES) + 0.5) / AHEAD_SAMPLES)
    window = np.square(np.concatenate([rise, fall]))
    short = np.hanning(_SHORT_SAMPLES + 1)[:-1]
    scaled = [(one * np.sqrt(2.0 / (len(one) * np.square(one).sum()))).astype(np.float32) for one in (window, short)]
    around = np.abs(np.subtract.outer(np.arange(NUM_STEPS), np.arange(NUM_STEPS))) <= _OCTAVE_STEPS
    whitening = np.eye(NUM_STEPS) - around / around.sum(axis=0)
    short_bands = mel_bands(NUM_BANDS, _SHORT_SAMPLES, SAMPLE_RATE_HZ, 30.0, 7500.0)
    return scaled[0], _step_bands(), whitening.astype(np.float32), scaled[1], short_bands


def _step_bands() -> FloatArray:
    """Triangles a third of a semitone apart, never narrower than the bins.  [bins up to the highest, NUM_STEPS]"""
    centre_midi = LOWEST_MIDI + (np.arange(NUM_STEPS) - 1) / STEPS_PER_SEMITONE
    centre_hz: NDArray[np.float64] = 440.0 * 2 ** ((centre_midi - 69) / 12)
    reach_hz = np.maximum(centre_hz * (2 ** (1 / (12 * STEPS_PER_SEMITONE)) - 1), SAMPLE_RATE_HZ / WINDOW_SAMPLES)
    away = np.abs(bin_frequencies_hz(WINDOW_SAMPLES, SAMPLE_RATE_HZ)[:, None] - centre_hz) / reach_hz
    triangles = np.clip(1.0 - away, 0.0, 1.0)
    bands: FloatArray = triangles[: int(np.flatnonzero(triangles.any(axis=1))[-1]) + 1].astype(np.float32)
    return bands

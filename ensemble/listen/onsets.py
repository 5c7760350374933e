"""When notes begin: spectral flux on log-mel bands, insensitive to vibrato."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.spectra import band_rise_db, mel_bands, power_spectra
from ensemble.clock import FRAME_RATE_HZ
from ensemble.types.music import FloatArray

WINDOW_SAMPLES = 512
NUM_BANDS = 48
RANGE_DB = 60.0
"""Further below the loudest band of the whole recording is background, where nothing is an onset."""
LAG_FRAMES = 2
LEAST_ONSET = 0.15
NEAREST_FRAMES = 6
HEARD_LATE_S = 0.007
"""The onset strength of a plucked note peaks this long after it is heard to begin; that of a click sooner."""


def onset_strength(samples: FloatArray, sample_rate: int, num_frames: int) -> FloatArray:
    """Mean rise of the bands over 20 ms, in units of 10 dB.  [frames]

    Each band is compared with the louder of itself and its neighbours two frames before, so that a partial which
    wanders into the next band is no onset.

    Source: Boeck and Widmer, SuperFlux, DAFx 2013.
    """
    level = onset_bands(samples, sample_rate, num_frames)
    if not level.max(initial=0.0) > 0.0:
        return np.zeros(num_frames, dtype=np.float32)
    return band_rise_db(level, RANGE_DB, LAG_FRAMES) / np.float32(10.0)


def onset_bands(samples: FloatArray, sample_rate: int, num_frames: int, first_frame: int = 0) -> FloatArray:
    """The power of the bands in whose rises onsets are heard, from `first_frame` on.  [frames, NUM_BANDS]"""
    bands = mel_bands(NUM_BANDS, WINDOW_SAMPLES, sample_rate, low_hz=40.0, high_hz=0.46 * sample_rate)
    level = np.empty((num_frames - first_frame, NUM_BANDS), dtype=np.float32)
    hop = sample_rate // FRAME_RATE_HZ
    for at, power in power_spectra(samples, num_frames, hop, WINDOW_SAMPLES, first_frame):
        level[at] = power @ bands
    return level


def note_onsets(onset: FloatArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When notes begin, in seconds, and how strongly: the peaks, of several within `NEAREST_FRAMES` the strongest.

    Args:
        onset: onset strength at 100 Hz.  [frames]

    Returns:
        Rising times, and the onset strength at each.  [notes] each
    """
    inner = onset[1:-1]
    usual_peak = float(np.percentile(onset, 95)) if len(onset) else 0.0
    is_peak = (inner > onset[:-2]) & (inner >= onset[2:]) & (inner > max(LEAST_ONSET, 0.3 * usual_peak))
    kept: list[int] = []
    for frame in (np.flatnonzero(is_peak) + 1).tolist():
        if not kept or frame - kept[-1] >= NEAREST_FRAMES:
            kept.append(frame)
        elif onset[frame] > onset[kept[-1]]:
            kept[-1] = frame
    frames = np.array(kept, dtype=np.int64)
    return np.maximum(frames / FRAME_RATE_HZ - HEARD_LATE_S, 0.0), onset[frames].astype(np.float64)

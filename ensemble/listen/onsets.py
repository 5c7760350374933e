"""When notes begin: spectral flux on log-mel bands, insensitive to vibrato."""

from __future__ import annotations

import numpy as np

from ensemble.audio.spectra import band_rise_db, mel_bands, power_spectra
from ensemble.clock import FRAME_RATE_HZ
from ensemble.types.music import FloatArray

WINDOW_SAMPLES = 512
NUM_BANDS = 48
RANGE_DB = 60.0
"""Further below the loudest band of the whole recording is background, where nothing is an onset."""
LAG_FRAMES = 2


def onset_strength(samples: FloatArray, sample_rate: int, num_frames: int) -> FloatArray:
    """Mean rise of the bands over 20 ms, in units of 10 dB.  [frames]

    Each band is compared with the louder of itself and its neighbours two frames before, so that a partial which
    wanders into the next band is no onset.

    Source: Boeck and Widmer, SuperFlux, DAFx 2013.
    """
    bands = mel_bands(NUM_BANDS, WINDOW_SAMPLES, sample_rate, low_hz=40.0, high_hz=0.46 * sample_rate)
    level = np.empty((num_frames, NUM_BANDS), dtype=np.float32)
    for at, power in power_spectra(samples, num_frames, sample_rate // FRAME_RATE_HZ, WINDOW_SAMPLES):
        level[at] = power @ bands
    if not level.max(initial=0.0) > 0.0:
        return np.zeros(num_frames, dtype=np.float32)
    return band_rise_db(level, RANGE_DB, LAG_FRAMES) / np.float32(10.0)

"""How loud the leader is: A-weighted dB on a fixed scale, never relative to the recording."""

from __future__ import annotations

import numpy as np

from ensemble.audio.spectra import LOUDNESS_WINDOW_S, a_weighting, bin_frequencies_hz, power_spectra
from ensemble.clock import FRAME_RATE_HZ
from ensemble.types.music import SILENCE_DB, FloatArray


def loudness_db(samples: FloatArray, sample_rate: int, num_frames: int, first_frame: int = 0) -> FloatArray:
    """A-weighted loudness from `first_frame` on; a full-scale 1 kHz sine is 0 dB, `SILENCE_DB` the floor.  [frames]"""
    window_samples = 2 * round(LOUDNESS_WINDOW_S * sample_rate / 2)
    gain = (a_weighting(bin_frequencies_hz(window_samples, sample_rate)) / 0.5).astype(np.float32)
    loudness = np.empty(num_frames - first_frame, dtype=np.float32)
    for at, power in power_spectra(samples, num_frames, sample_rate // FRAME_RATE_HZ, window_samples, first_frame):
        heard = np.maximum((power * gain).sum(axis=1), np.float32(1e-20))
        loudness[at] = np.maximum(10 * np.log10(heard), SILENCE_DB)
    return loudness

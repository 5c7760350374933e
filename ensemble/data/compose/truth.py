"""The pitch that was really played: samples have a vibrato and a tuning of their own, so the asked pitch is refined."""

from __future__ import annotations

import numpy as np
import scipy.ndimage
import soxr
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.data.compose.performance import ComposedPerformance, PlayedNote, frames_of
from ensemble.types.music import FloatArray

ANALYSIS_RATE_HZ = 16_000
NUM_HARMONICS = 4
LAG_SAMPLES = 16
"""Between the two looks at a harmonic's phase: 1 ms, so deviations up to 500 Hz are told apart."""
PERIODS = 6
SHORTEST_WINDOW_S = 0.025
FURTHEST_CENTS = 90.0
"""A sample strays less than this from the key it is played on; more is noise."""
SMOOTHING_FRAMES = 0.8
TRUST = 1e-3
"""Where a frame holds less than this share of the note's loudest energy, the asked pitch counts more and more."""


def played_f0_hz(performance: ComposedPerformance, samples: FloatArray, sample_rate: int) -> FloatArray:
    """Refine the intended pitch by the phase of the first harmonics around it.

    Two looks at every frame, 1 ms apart, tell by how much each harmonic turned further than the intended curve asks.
    Deviations are averaged with the harmonics' energy. Sound outside the note is not looked at.

    Args:
        performance: gives the notes and the intended curve.
        samples: the rendered stem, [samples].
        sample_rate: in Hz.

    Returns:
        [frames], 0 between notes, and for drums.
    """
    intended_hz = performance.intended_f0_hz
    refined = np.zeros(len(intended_hz), dtype=np.float32)
    slow = samples if sample_rate == ANALYSIS_RATE_HZ else soxr.resample(samples, sample_rate, ANALYSIS_RATE_HZ)
    limit = 2 ** (FURTHEST_CENTS / 1200)
    for note in performance.notes:
        at = frames_of(note, len(intended_hz))
        if intended_hz[at].any():
            around_hz = intended_hz[at]
            f0_hz = around_hz + _deviation_hz(slow, note, at, around_hz)
            refined[at] = np.clip(f0_hz, around_hz / limit, around_hz * limit)
    return refined


def _deviation_hz(slow: FloatArray, note: PlayedNote, at: slice, around_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far the fundamental lies from `around_hz`, per frame of one note.  [frames]"""
    centre_hz, num_frames = float(np.median(around_hz)), len(around_hz)
    window_samples = 2 * round(max(PERIODS / centre_hz, SHORTEST_WINDOW_S) * ANALYSIS_RATE_HZ / 2)
    window = np.hanning(window_samples + 1)[:-1].astype(np.float32)
    hop = ANALYSIS_RATE_HZ // FRAME_RATE_HZ
    first = at.start * hop - (window_samples + LAG_SAMPLES) // 2
    stretch = np.zeros((num_frames - 1) * hop + window_samples + LAG_SAMPLES, dtype=np.float32)
    begin, end = (round(time_s * ANALYSIS_RATE_HZ) for time_s in (note.onset_s, note.stop_s))
    inside = slow[max(begin, first) : min(end, first + len(stretch))]
    offset = max(begin, first) - first
    stretch[offset : offset + len(inside)] = inside
    views = np.lib.stride_tricks.sliding_window_view(stretch, window_samples)
    early, late = views[:-LAG_SAMPLES:hop] * window, views[LAG_SAMPLES::hop] * window
    from_centre_s = (np.arange(window_samples) - window_samples / 2) / ANALYSIS_RATE_HZ
    highest = max(min(NUM_HARMONICS, int(0.45 * ANALYSIS_RATE_HZ / centre_hz)), 1)
    turned, energy = np.zeros(num_frames), np.zeros(num_frames)
    for number in range(1, highest + 1):
        carrier = np.exp(-2j * np.pi * number * centre_hz * from_centre_s).astype(np.complex64)
        turn = np.einsum("fw,w->f", late, carrier) * np.conj(np.einsum("fw,w->f", early, carrier))
        asked = np.exp(-2j * np.pi * number * around_hz * LAG_SAMPLES / ANALYSIS_RATE_HZ)
        further_hz = np.angle(turn * asked) * ANALYSIS_RATE_HZ / (2 * np.pi * LAG_SAMPLES * number)
        turned, energy = turned + number * np.abs(turn) * further_hz, energy + number * np.abs(turn)
    turned = scipy.ndimage.gaussian_filter1d(turned, SMOOTHING_FRAMES, mode="nearest")
    energy = scipy.ndimage.gaussian_filter1d(energy, SMOOTHING_FRAMES, mode="nearest")
    return np.asarray(turned / (energy + TRUST * energy.max() + 1e-20))

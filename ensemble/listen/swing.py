"""Straight or swung: where between two beats the leader places the off-beat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.types.music import FloatArray

STRAIGHT, HARDEST = 0.5, 0.72
"""Shares of a beat; 2/3 is the swing of triplets. Later off-beats are dotted rhythms, not swing."""
EARLIEST = 0.42
MIN_OFF_BEATS = 8
MIN_SHARE = 0.15
"""Share of the beats that must have an off-beat."""
CLEARLY_LATE = 0.055
"""Off-beats that are late by less than this share of a beat are straight."""
MAX_SPREAD = 0.06
"""Half the distance between the quartiles of the off-beats; more is chance, not swing."""
MAX_QUARTERS = 0.35
"""Onsets a quarter into the beat per off-beat; more are sixteenths, not swing."""
LEAST_ONSET = 0.15
_QUARTER = (0.17, 0.31)


def find_swing(onset: FloatArray, beats_s: NDArray[np.float64]) -> float:
    """Where the off-beat falls, as a share of the beat: 0.5 is straight, two thirds the swing of triplets.

    Args:
        onset: onset strength at 100 Hz.  [frames]
        beats_s: rising.  [beats]
    """
    # Whole recording: its strong onsets set the threshold, and all its off-beats decide.
    inner = onset[1:-1]
    usual_peak = float(np.percentile(onset, 95)) if len(onset) else 0.0
    is_peak = (inner > onset[:-2]) & (inner >= onset[2:]) & (inner > max(LEAST_ONSET, 0.3 * usual_peak))
    peaks_s = (np.flatnonzero(is_peak) + 1) / FRAME_RATE_HZ
    beat = np.searchsorted(beats_s, peaks_s, side="right") - 1
    inside = (beat >= 0) & (beat < len(beats_s) - 1)
    start_s, stop_s = beats_s[beat[inside]], beats_s[beat[inside] + 1]
    phase = (peaks_s[inside] - start_s) / (stop_s - start_s)
    middle = phase[(phase > EARLIEST) & (phase < HARDEST)]
    quarters = int(((phase > _QUARTER[0]) & (phase < _QUARTER[1])).sum())
    if len(middle) < max(MIN_OFF_BEATS, MIN_SHARE * len(beats_s)) or quarters > MAX_QUARTERS * len(middle):
        return STRAIGHT
    first, place, third = np.percentile(middle, (25, 50, 75))
    if place - STRAIGHT < CLEARLY_LATE or (third - first) / 2 > MAX_SPREAD:
        return STRAIGHT
    return round(float(place), 3)

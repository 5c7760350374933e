"""What two loudness curves have in common beside their level: their slopes, and where they rise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import CONDUCTOR_RATE_HZ
from ensemble.measure.f_measure import events_f1
from ensemble.types.music import FloatArray

Curve = NDArray[np.float64]
STEP_FRAMES = 12
"""Half a second of conductor frames: the stretches whose means are compared."""
RISE_DB = 4.0
"""What counts as a rise of the energy, from one half second to the next."""
NEAR_FRAMES = 12
"""Rises so near to each other are one; a rise found so near to a true one is right."""


def slope_correlation(truth_db: FloatArray, answer_db: Curve, is_playing: NDArray[np.bool_]) -> float:
    """Correlation of the changes from one half second to the next; nan where too little is played, 0 of a constant."""
    true_change, change = (_changes(curve, is_playing) for curve in (truth_db.astype(np.float64), answer_db))
    known = np.isfinite(true_change)
    if known.sum() < 3 or true_change[known].std() == 0:
        return float("nan")
    if change[known].std() < 1e-6:
        return 0.0
    return float(np.corrcoef(true_change[known], change[known])[0, 1])


def rises_f1(truth_db: FloatArray, answer_db: Curve, is_playing: NDArray[np.bool_]) -> float:
    """F1 of the places where the energy rises by 4 dB from one half second to the next, found within half a second.

    Rises that follow one another closely count once, at the steepest place. nan where the truth never rises.
    """
    true_rises, rises = (_rises(_changes(curve, is_playing)) for curve in (truth_db.astype(np.float64), answer_db))
    if not len(true_rises):
        return float("nan")
    return events_f1(true_rises / CONDUCTOR_RATE_HZ, rises / CONDUCTOR_RATE_HZ, (NEAR_FRAMES + 0.5) / CONDUCTOR_RATE_HZ)


def _changes(curve_db: Curve, is_playing: NDArray[np.bool_]) -> Curve:
    """Mean of the played frames in the half second from here on, less that of the half second before.  [frames]

    nan where either holds less than a quarter of played frames.
    """
    weight = is_playing.astype(np.float64)
    ones = np.ones(STEP_FRAMES)
    total, count = np.convolve(np.where(is_playing, curve_db, 0.0), ones), np.convolve(weight, ones)
    mean = np.where(count >= STEP_FRAMES / 4, total / np.maximum(count, 1.0), np.nan)
    num = len(curve_db)
    before, after = np.full(num, np.nan), np.full(num, np.nan)
    before[1:] = mean[: num - 1]
    after[: num - STEP_FRAMES + 1] = mean[STEP_FRAMES - 1 : num]
    return np.asarray(after - before)


def _rises(change: Curve) -> NDArray[np.int64]:
    """The steepest places, strongest first, none near another."""
    strength = np.where(np.isfinite(change), change, 0.0)
    chosen: list[int] = []
    for place in np.argsort(-strength, kind="stable").tolist():
        if strength[place] < RISE_DB:
            break
        if all(abs(place - other) > NEAR_FRAMES for other in chosen):
            chosen.append(place)
    return np.array(sorted(chosen), np.int64)

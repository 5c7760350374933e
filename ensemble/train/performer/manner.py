"""How a recorded note was played, in the figures of `conduct.performer_file.MANNER`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import hilbert

from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.performer_file import MANNER

Floats = NDArray[np.float64]

LONG_FRAMES = 45
"""Notes of so many frames have a slope and a first fall."""
_SUNG_FRAMES = 40
"""Notes of so many frames may have a vibrato."""
_PEAK_FRAMES = 30
"""The loudest frame of a note is looked for among so many."""
_ATTACK_FRAMES, _SETTLED_FRAMES, _LATER_FRAMES, _END_FRAMES = 2, 5, 25, 3
_ROUGH_FRAMES = 12
_SMOOTHEST = 1e-3
_SMOOTH_FRAMES = 19
"""About one period of a vibrato."""
_GLIDE_FRAMES = 6
"""What moves in the first frames is a glide to the pitch: no vibrato has begun."""
_SLOWEST_HZ, _LEAST_HZ, _MOST_HZ = 2.0, 3.5, 8.5
AUDIBLE_CENTS = 3.0
"""What is less deep is no vibrato."""


class Bend(NamedTuple):
    """Deviation from a note's pitch, taken apart."""

    slow_cents: Floats
    """Without the vibrato.  [frames]"""
    depth_cents: Floats
    """Of the vibrato.  [frames]"""
    rate_hz: float
    """Of the vibrato; NaN where there is none."""


def take_apart(cents: Floats) -> Bend:
    """Tell a vibrato from what moves slowly; notes under 0.4 s have none.

    Args:
        cents: deviation from the written pitch.  [frames]
    """
    if len(cents) < _SUNG_FRAMES:
        return Bend(cents, np.zeros(len(cents)), np.nan)
    slow = uniform_filter1d(cents, _SMOOTH_FRAMES, mode="nearest")
    slow += np.exp(-np.square(np.arange(len(cents)) / _GLIDE_FRAMES)) * (cents - slow)
    swing = cents - slow
    depth = uniform_filter1d(np.abs(hilbert(swing)), _SMOOTH_FRAMES, mode="nearest")
    spectrum = np.abs(np.fft.rfft(swing * np.hanning(len(swing)), 2048))
    hz = np.fft.rfftfreq(2048, 1 / FRAME_RATE_HZ)
    rate_hz = float(hz[np.where(hz >= _SLOWEST_HZ, spectrum, 0.0).argmax()])
    return Bend(slow, np.asarray(depth, np.float64), rate_hz if _LEAST_HZ <= rate_hz <= _MOST_HZ else np.nan)


def roughness(curve: Floats) -> float:
    """Logarithm to base 10 of how far a curve bends from frame to frame.

    Args:
        curve: 3 frames or more.
    """
    return float(np.log10(np.abs(np.diff(curve, 2)).mean() + _SMOOTHEST))


def slope_db_per_s(level_db: Floats) -> float:
    """Of the straight line from 50 ms after the onset to 30 ms before the end; rising is positive.

    Args:
        level_db: from the onset to the end, `LONG_FRAMES` or more.  [frames]
    """
    piece = level_db[_SETTLED_FRAMES:-_END_FRAMES]
    return float(np.polyfit(np.arange(len(piece)) / FRAME_RATE_HZ, piece, 1)[0])


def first_fall_db(level_db: Floats) -> float:
    """By how much the fifth of a second after the first 50 ms falls; see `slope_db_per_s`."""
    later = level_db[_LATER_FRAMES : _LATER_FRAMES + 5]
    return float(level_db[_SETTLED_FRAMES : _SETTLED_FRAMES + 5].mean() - later.mean())


def manner_of(level_db: Floats, cents: Floats) -> Floats:
    """The figures of one note; NaN where it is too short to have one.

    Args:
        level_db: relative to the phrase, from the onset to the end.  [frames]
        cents: deviation from the written pitch; NaN where no pitch is known.  [frames]
    """
    found = dict.fromkeys(MANNER, np.nan)
    peak_at = int(level_db[:_PEAK_FRAMES].argmax())
    peak = float(level_db[peak_at])
    found["peak_db"] = peak
    found["attack_db"] = float(level_db[:_ATTACK_FRAMES].mean()) - peak
    found["attack_ms"] = 1000.0 / FRAME_RATE_HZ * float((level_db[: peak_at + 1] < peak - 3.0).sum())
    if len(level_db) >= _ROUGH_FRAMES:
        found["level_roughness"] = roughness(level_db[_SETTLED_FRAMES:])
    if len(level_db) >= LONG_FRAMES:
        found["fall_db"], found["slope_db_per_s"] = first_fall_db(level_db), slope_db_per_s(level_db)
        thirds = [third.mean() for third in np.array_split(level_db[_SETTLED_FRAMES:-_END_FRAMES], 3)]
        found["arch_db"] = float(thirds[1] - 0.5 * (thirds[0] + thirds[2]))
    if np.isnan(cents).any():
        return np.array([found[name] for name in MANNER])
    slow, depth, rate_hz = take_apart(cents)
    found["bend_cents"] = float(np.median(slow))
    if len(cents) >= _ROUGH_FRAMES:
        found["bend_roughness"] = roughness(cents[_SETTLED_FRAMES:])
        found["scoop_cents"] = float(slow[:_SETTLED_FRAMES].mean() - np.median(slow))
    if len(cents) >= _SUNG_FRAMES:
        deepest = float(np.percentile(depth, 80))
        found["vibrato_cents"] = deepest
        if deepest >= AUDIBLE_CENTS and np.isfinite(rate_hz):
            found["vibrato_hz"] = rate_hz
            found["vibrato_delay_s"] = float((depth > 0.5 * deepest).argmax()) / FRAME_RATE_HZ
    return np.array([found[name] for name in MANNER])

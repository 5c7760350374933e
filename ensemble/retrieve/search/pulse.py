"""Beats and tempo: whether there is a beat, how long it is around a moment, and how a candidate keeps the tempo."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.types.arrays import FloatArray
from ensemble.types.described import Metre
from ensemble.types.music import Heard

Array = NDArray[np.float64]
EVEN_STEP_S = 0.5
"""Where there is no beat, moments are this far apart."""
STEADY = 0.01
"""A change of tempo by a hundredth is not heard: nothing is stretched for it."""
MIN_PROMINENCE = 1.1
"""Onset strength around the beats against everywhere: played music lies at 1.2 to 6, noise at 1, a held tone at 0."""
EVEN_ODDS = 0.5
"""With less confidence in its bars a metre may as well be the second choice."""
_ACCENT = 0.85
"""Exponent of onset strength: a funk guitar's few hard strokes must not raise the mean above all of its others."""
_NEAR_FRAMES = 3
_AROUND_BEATS = 8


def has_beat(onset: FloatArray, beats_s: Array) -> bool:
    """Whether the beats stand on something that was played.

    Args:
        onset: onset strength at 100 Hz.  [frames]
        beats_s: [beats]
    """
    frame = np.rint(beats_s * FRAME_RATE_HZ).astype(np.int64)
    frame = frame[frame < len(onset)]
    strength = np.maximum(onset, 0.0) ** _ACCENT
    everywhere = float(strength.mean(dtype=np.float64)) if len(onset) else 0.0
    if len(frame) < 4 or everywhere <= 0.0:
        return False
    near = np.clip(frame[:, None] + np.arange(-_NEAR_FRAMES, _NEAR_FRAMES + 1), 0, len(onset) - 1)
    return bool(np.median(strength[near].mean(axis=1)) > MIN_PROMINENCE * everywhere)


def played_beats_s(heard: Heard) -> Array:
    """The beats of what was heard; empty where they do not stand on something that was played.  [beats]"""
    return heard.beats_s if has_beat(heard.frames.onset, heard.beats_s) else np.empty(0)


def metres_of(heard: Heard, beats_s: Array) -> tuple[Metre, ...]:
    """The metre, and the second choice where it is as likely wrong as right; none without played beats."""
    if not len(beats_s):
        return ()
    metres = [(heard.beats_per_bar, heard.beat_division)]
    if heard.second_bars is not None and len(heard.bar_confidence) and heard.bar_confidence.mean() < EVEN_ODDS:
        metres.append((heard.second_bars[0], heard.beat_division))
    return tuple(dict.fromkeys(metres))


def fits_metre(one: tuple[Metre, ...], other: tuple[Metre, ...]) -> bool:
    """Whether bars can go on as they were: beats of as many parts, and bars as long, or twice as long; unknown fits."""
    return not (one and other) or any(
        parts == other_parts and max(beats, other_beats) in (min(beats, other_beats), 2 * min(beats, other_beats))
        for beats, parts in one
        for other_beats, other_parts in other
    )


def moments_s(beats_s: Array, until_s: float) -> Array:
    """The beats; without any, a moment every `EVEN_STEP_S` from 0 to before `until_s`.  [moments]"""
    return beats_s if len(beats_s) else np.arange(0.0, until_s, EVEN_STEP_S)


def period_around(beats_s: Array, at_s: Array) -> Array:
    """Median length of the eight beats around and before each moment; 0 where there are no beats.  [moments]"""
    if len(beats_s) < 2:
        return np.zeros(len(at_s))
    lengths = np.diff(beats_s)
    last = np.clip(np.searchsorted(beats_s, at_s, side="right"), 1, len(lengths))
    window = np.clip(last[:, None] - 1 - np.arange(_AROUND_BEATS), 0, None)
    return np.asarray(np.median(lengths[window], axis=1))


def off_beat_s(beats_s: Array, at_s: float) -> float | None:
    """How long after the nearest beat a moment lies (negative before it), the beats going on evenly; None without."""
    if len(beats_s) < 2:
        return None
    period_s = float(period_around(beats_s, np.array([at_s]))[0])
    nearest_s = float(beats_s[np.argmin(np.abs(beats_s - at_s))])
    return float((at_s - nearest_s + period_s / 2) % period_s - period_s / 2)


def needed_ratios(context_bpm: float, candidate_bpm: Array) -> Array:
    """Tempo of the context over the candidate's, or half or twice that where nearer to it; 1 without a beat."""
    known = (candidate_bpm > 0) & (context_bpm > 0)
    octaves = np.log2(np.where(known, context_bpm, 1.0) / np.where(known, candidate_bpm, 1.0))
    return np.where(known, 2 ** (octaves - np.rint(octaves)), 1.0)


def played_ratios(needed: Array, max_stretch: float) -> Array:
    """The ratio that is played: 1 where the difference is not heard, or is larger than `max_stretch`."""
    away = np.abs(needed - 1)
    return np.where((away > STEADY) & (away <= max_stretch), needed, 1.0)

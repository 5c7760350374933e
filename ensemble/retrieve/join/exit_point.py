"""The exit point: where one recording is left for another, at the last beat at which it still sounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.errors import RetrieveError
from ensemble.retrieve.search import outline, pulse
from ensemble.types.arrays import FloatArray
from ensemble.types.described import Described
from ensemble.types.music import Heard

LOOK_BACK_S = 8.0
DIED_AWAY_DB = 20.0
"""Sound this far below the level of the last seconds has died away."""
INAUDIBLE_DB = -60.0
BEFORE_BEAT_S = 0.1
LONGEST_LOSS_BEATS = 1.25
"""If the last beat lies further back than this, the exit point is the end of the sound instead, off the beat."""
EARLIEST_S = 0.3
BREAK_S = 4.0
"""A silence of this length inside a recording is where its music ends."""
EXIT_BEATS = (1, 5)
"""A recording may be left at its last beat or four before it, ahead of its closing chord; counted from the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitPoint:
    """Where a leader is left."""

    at_s: float
    """Seconds from its beginning."""
    is_beat: bool
    """Whether that is a beat."""


def find_exit(heard: Heard, duration_s: float) -> ExitPoint:
    """The last beat at which the leader still sounds; without one nearby, the last moment that sounds.

    Args:
        heard: what was understood of the leader.
        duration_s: its length.

    Raises:
        RetrieveError: nothing in it sounds.
    """
    loudness_db = heard.frames.loudness_db
    end_s, threshold_db = _music_end(loudness_db, FRAME_RATE_HZ)
    if end_s == 0.0:
        raise RetrieveError("the leader", "is silent, there is nothing to go on from", "record it again")
    end_s = min(end_s, duration_s)
    if len(pulse.played_beats_s(heard)):
        beats_s = _sounding(heard.beats_s, loudness_db, FRAME_RATE_HZ, end_s, threshold_db)
        period_s = float(pulse.period_around(heard.beats_s, np.array([end_s]))[0])
        if len(beats_s) and end_s - beats_s[-1] <= LONGEST_LOSS_BEATS * period_s:
            return ExitPoint(at_s=float(beats_s[-1]), is_beat=True)
    return ExitPoint(at_s=end_s, is_beat=False)


def exits_s(described: Described, chunk: int) -> tuple[float, ...]:
    """Where a recording that was entered at a chunk may be left, latest first, in its own time; at least one.

    It is not left before its last beats, or the last ones before it falls silent.
    """
    start_s, end_s = float(described.start_s[chunk]), music_ends_s(described, chunk)
    beats_s = described.beats_s[(described.beats_s > start_s) & (described.beats_s <= end_s)]
    exits = [float(beats_s[-number]) for number in EXIT_BEATS if number <= len(beats_s)]
    return tuple(exits) or (end_s,)


def music_ends_s(described: Described, chunk: int) -> float:
    """Where the music that begins at a chunk ends or pauses for `BREAK_S`, in the recording's time."""
    start_s = float(described.start_s[chunk])
    level_db = described.details["level_db"][round(start_s * outline.RATE_HZ) :]
    break_frames = round(BREAK_S * outline.RATE_HZ)
    is_silent = level_db <= max(_usual_db(level_db) - DIED_AWAY_DB, INAUDIBLE_DB)
    sounding = np.flatnonzero(~is_silent)
    if not len(sounding) or sounding[0] > break_frames:
        return start_s
    gaps = np.flatnonzero(np.diff(sounding) > break_frames)
    last = int(sounding[gaps[0]] if len(gaps) else sounding[-1])
    return min(start_s + (last + 1) / outline.RATE_HZ, start_s + float(described.remaining_s[chunk]))


def _music_end(level_db: FloatArray, rate_hz: int) -> tuple[float, float]:
    """When a sound has died away, 0 where there is none; and the level below which it counts as having died away."""
    sounding = np.flatnonzero(level_db > INAUDIBLE_DB)
    if not len(sounding):
        return 0.0, INAUDIBLE_DB
    last = int(sounding[-1]) + 1
    threshold_db = max(
        _usual_db(level_db[max(last - round(LOOK_BACK_S * rate_hz), 0) : last]) - DIED_AWAY_DB, INAUDIBLE_DB
    )
    return (int(np.flatnonzero(level_db > threshold_db)[-1]) + 1) / rate_hz, threshold_db


def _usual_db(level_db: FloatArray) -> float:
    """The upper quartile of the level of what sounds."""
    audible = level_db[level_db > INAUDIBLE_DB]
    return float(np.percentile(audible, 75)) if len(audible) else INAUDIBLE_DB


def _sounding(
    beats_s: NDArray[np.float64], level_db: FloatArray, rate_hz: int, end_s: float, threshold_db: float
) -> NDArray[np.float64]:
    """The beats at which what came just before still sounds."""
    inside = beats_s[(beats_s >= EARLIEST_S) & (beats_s <= end_s)]
    frames = np.rint(inside * rate_hz).astype(np.int64)[:, None] - np.arange(round(BEFORE_BEAT_S * rate_hz))
    loudest_db = level_db[np.clip(frames, 0, len(level_db) - 1)].max(axis=1, initial=INAUDIBLE_DB)
    usable: NDArray[np.float64] = inside[loudest_db > threshold_db]
    return usable

"""What a trained conductor reads of the leader, 25 times a second: what is heard ahead, and where in the bar it falls.

The first rows are heard `look_ahead_frames` in advance, the last ones say where the answer will fall. No column
depends on what lies beyond its look-ahead, save through what listening knows of the whole leader (beats and key).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import CONDUCTOR_RATE_HZ, FRAME_RATE_HZ
from ensemble.conduct.dynamics import FEATURES, leader_features
from ensemble.types.music import FloatArray, Heard

HEARD_ROWS = (
    "loudness", "anchor", "above_anchor", "slope", "onset", "voiced", "pitch", "degree_cosine", "degree_sine",
    *(f"chroma_{step}" for step in range(12)),
)  # fmt: skip
"""Loudness against its smoothed self (the anchor) and against 160 ms ago; pitch and chroma also relative to the key."""
PLACED_ROWS = ("beat_cosine", "beat_sine", "bar_cosine", "bar_sine", "tempo", "is_minor", "look_ahead")
NUM_ROWS = len(HEARD_ROWS) + len(PLACED_ROWS)
MAX_LOOK_AHEAD_FRAMES = 50
FAINTEST_DB = -70.0
"""All that is quieter is alike to the network."""
LEVEL_ROWS = (HEARD_ROWS.index("loudness"), HEARD_ROWS.index("anchor"))
LEVEL_CENTRE_DB, LEVEL_SCALE_DB = -40.0, 20.0
_RISE_SCALE_DB = 10.0
_SLOPE_FRAMES = 4
_RISE_S, _FALL_S = 0.08, 0.8
_PITCH_CENTRE_MIDI, _PITCH_SCALE_MIDI = 60.0, 24.0
_TEMPO_CENTRE_BPM = 100.0
_INTERVALS_AT_AN_END = 8
BEAT_HARMONICS, BAR_HARMONICS = 2, 4
NUM_METRE = 2 * (BEAT_HARMONICS + BAR_HARMONICS)


def conductor_features(heard: Heard, num_frames: int, look_ahead_frames: int) -> FloatArray:
    """All rows, in whole quanta.

    Args:
        heard: the leader.
        num_frames: control frames of the performance.
        look_ahead_frames: of the leader that are heard in advance, 0 to 50 (500 ms).

    Returns:
        [NUM_ROWS, conductor frames].
    """
    ahead = heard_rows(heard, num_frames, look_ahead_frames)
    return np.concatenate([ahead, placed_rows(heard, ahead.shape[1], look_ahead_frames)])


def heard_rows(heard: Heard, num_frames: int, look_ahead_frames: int) -> FloatArray:
    """What the leader does.  [HEARD_ROWS, conductor frames]"""
    features = leader_features(heard.frames, num_frames, look_ahead_frames)
    rows = dict(zip(FEATURES, features[: len(FEATURES)].astype(np.float64), strict=True))
    loudness_db = np.maximum(rows["loudness_db"], FAINTEST_DB)
    anchor_db = anchor(rows["loudness_db"])
    before_db = np.concatenate([np.repeat(loudness_db[:1], _SLOPE_FRAMES), loudness_db])[: len(loudness_db)]
    time_s = (np.arange(len(loudness_db)) + 0.5) / CONDUCTOR_RATE_HZ + look_ahead_frames / FRAME_RATE_HZ
    tonic, _ = _keys_at(heard, time_s)
    chroma = features[len(FEATURES) :][(np.arange(12)[:, None] + tonic) % 12, np.arange(len(time_s))]
    is_voiced = rows["pitch_midi"] > 0
    degree = (rows["pitch_midi"] - tonic) * (2 * np.pi / 12)
    stacked = [
        (loudness_db - LEVEL_CENTRE_DB) / LEVEL_SCALE_DB,
        (anchor_db - LEVEL_CENTRE_DB) / LEVEL_SCALE_DB,
        (loudness_db - anchor_db) / _RISE_SCALE_DB,
        (loudness_db - before_db) / _RISE_SCALE_DB,
        rows["onset"],
        rows["voiced"],
        is_voiced * (rows["pitch_midi"] - _PITCH_CENTRE_MIDI) / _PITCH_SCALE_MIDI,
        is_voiced * np.cos(degree),
        is_voiced * np.sin(degree),
        *chroma,
    ]
    return np.array(stacked, np.float32)


def anchor(loudness_db: NDArray[np.float64]) -> NDArray[np.float64]:
    """The leader's smoothed loudness, to which answers are relative: quick to rise, slow to fall, held through rests.

    It is as faint as can be until the leader is first heard, and then begins at what is heard.  [frames]
    """
    rise, fall = (1.0 - np.exp(-1.0 / (CONDUCTOR_RATE_HZ * time_s)) for time_s in (_RISE_S, _FALL_S))
    level_db = FAINTEST_DB
    curve = np.empty(len(loudness_db))
    for index, heard_db in enumerate(loudness_db.tolist()):
        if heard_db > FAINTEST_DB:
            share = rise if heard_db > level_db else fall
            level_db = heard_db if level_db == FAINTEST_DB else level_db + (heard_db - level_db) * share
        curve[index] = level_db
    return curve


def anchor_db_of(rows: FloatArray) -> FloatArray:
    """The anchor in dB, from features of any shape with the rows first.  [frames]"""
    anchor_db: FloatArray = rows[HEARD_ROWS.index("anchor")] * np.float32(LEVEL_SCALE_DB) + np.float32(LEVEL_CENTRE_DB)
    return anchor_db


def placed_rows(heard: Heard, num_conductor_frames: int, look_ahead_frames: int) -> FloatArray:
    """Where the answer falls; without beats all phases are 0, which no beat has.  [PLACED_ROWS, conductor frames]"""
    rows = np.zeros((len(PLACED_ROWS), num_conductor_frames))
    rows[PLACED_ROWS.index("look_ahead")] = look_ahead_frames / MAX_LOOK_AHEAD_FRAMES
    time_s = (np.arange(num_conductor_frames) + 0.5) / CONDUCTOR_RATE_HZ
    _, rows[PLACED_ROWS.index("is_minor")] = _keys_at(heard, time_s)
    if len(heard.beats_s) >= 2:
        beat = beat_position(heard.beats_s, time_s)
        bar = _bars(heard, beat)
        rows[:4] = [
            np.cos(2 * np.pi * beat),
            np.sin(2 * np.pi * beat),
            np.cos(2 * np.pi * bar),
            np.sin(2 * np.pi * bar),
        ]
        rows[PLACED_ROWS.index("tempo")] = np.log2(max(heard.tempo_bpm, 1.0) / _TEMPO_CENTRE_BPM)
    return rows.astype(np.float32)


def _keys_at(heard: Heard, time_s: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The tonic at each time, and whether it is minor: of the beat that began last, or the first one.  [times] each"""
    keys = heard.keys or (heard.key,)
    beat = np.maximum(np.searchsorted(heard.beats_s, time_s, side="right") - 1, 0)
    return np.array([key.tonic for key in keys])[beat], np.array([key.mode == "minor" for key in keys])[beat]


def _bars(heard: Heard, beat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bars since the first downbeat, in fractions.  [conductor frames]"""
    downbeats = heard.downbeats if heard.bar_starts else [heard.first_downbeat]
    inside = np.interp(beat, downbeats, np.arange(len(downbeats)))
    before, after = np.minimum(beat - downbeats[0], 0.0), np.maximum(beat - downbeats[-1], 0.0)
    return np.asarray(inside + (before + after) / heard.beats_per_bar)


def metre(placed: Any) -> list[Any]:
    """Cosine and sine of the beat's phase and of the bar's, and of their multiples: what tells sixteenths apart.

    Args:
        placed: the placed rows, or the first four of them, as arrays or as tensors alike.  [rows, ...]

    Returns:
        `NUM_METRE` of the same kind; 0 without beats.
    """
    found: list[Any] = []
    for (cosine, sine), times in ((placed[:2], BEAT_HARMONICS), (placed[2:4], BAR_HARMONICS)):
        turned = (cosine, sine)
        for _ in range(times):
            found += turned
            turned = (turned[0] * cosine - turned[1] * sine, turned[1] * cosine + turned[0] * sine)
    return found


def beat_position(beats_s: NDArray[np.float64], time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Beats since the first one, in fractions; before the first and after the last the beat goes on as it is there.

    Only the nearest few tell how long it is: beats that come much later leave a beginning as it was.
    """
    intervals_s = np.diff(beats_s)
    inside = np.interp(time_s, beats_s, np.arange(len(beats_s)))
    before = np.minimum(time_s - beats_s[0], 0.0) / float(np.median(intervals_s[:_INTERVALS_AT_AN_END]))
    after = np.maximum(time_s - beats_s[-1], 0.0) / float(np.median(intervals_s[-_INTERVALS_AT_AN_END:]))
    return np.asarray(inside + before + after)


def sixteenths_s(beats_s: NDArray[np.float64], stop_s: float) -> NDArray[np.float64]:
    """The grid on which strokes are foretold: four to a beat, from the first beat to `stop_s`.  [grid]"""
    if len(beats_s) < 2:
        return np.zeros(0)
    usual_s = float(np.median(np.diff(beats_s)[-_INTERVALS_AT_AN_END:]))
    further = beats_s[-1] + usual_s * np.arange(1, max(int(np.ceil((stop_s - beats_s[-1]) / usual_s)), 0) + 1)
    beats = np.concatenate([beats_s, further])
    grid = np.interp(np.arange(4 * len(beats) - 3) / 4, np.arange(len(beats)), beats)
    return np.asarray(grid[grid < stop_s])


def conductor_frame_of(time_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """The conductor frame in which an instant lies."""
    return np.floor(time_s * CONDUCTOR_RATE_HZ + 1e-9).astype(np.int64)


def frames_of_ms(look_ahead_ms: float) -> int:
    """A look-ahead in control frames."""
    return round(look_ahead_ms * FRAME_RATE_HZ / 1000)

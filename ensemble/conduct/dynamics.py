"""How loud every follower plays: the interface of dynamics models, and the baseline model `LeaderGain`.

A model runs at 25 Hz in quanta of 5 conductor frames (20 control frames) that are counted from frame 0, so its results
do not depend on the caller's blocks. Between two conductor frames the curves are linear, and reach a conductor frame's
value in its last control frame. To make up for that delay, and for that of a leader who swells into a note, the
features look ahead by three conductor frames (120 ms); apart from that everything is causal.

The baseline reads `FEATURES`; a trained conductor (`learned.py`) reads more, and sets its own look-ahead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import CONDUCTOR_RATE_HZ, FRAMES_PER_CONDUCTOR_FRAME, QUANTUM_FRAMES
from ensemble.types.music import SILENCE_DB, FloatArray, Frames, Heard

LOOK_AHEAD_FRAMES = 3 * FRAMES_PER_CONDUCTOR_FRAME
"""How many control frames the baseline's features look ahead."""
QUANTUM_CONDUCTOR_FRAMES = QUANTUM_FRAMES // FRAMES_PER_CONDUCTOR_FRAME
FEATURES = ("loudness_db", "onset", "voiced", "pitch_midi")
"""Rows of the baseline's features: level, strongest onset, voiced share, pitch (0 unvoiced); 12 of chroma follow."""
Memory = dict[str, np.ndarray]

QUIETEST_DB, LOUDEST_DB = -60.0, -6.0
_ATTACK_S, _RELEASE_S, _HOLD_S = 0.08, 0.6, 1.0
_FADE_DB_PER_S = 12.0
_DROPPED_DB = 18.0
_SILENT_DB = -60.0
_JUMP_DB = 6.0
_SPREAD_S, _FIRST_SPREAD_DB = 2.0, 3.0
_TEN_TO_NINETY = 1.2816  # of a normal distribution, in deviations


@dataclass(frozen=True, slots=True, kw_only=True)
class ForetoldStrokes:
    """The strokes that a conductor predicts for a drummer; classes are those of `DRUM_CLASSES`."""

    time_s: NDArray[np.float64]
    """Times of the sixteenths, four to a beat.  [sixteenths]"""
    probability: FloatArray
    """Probability of a stroke within half a sixteenth of each.  [sixteenths, classes]"""
    velocity: FloatArray
    """How hard that stroke is, 0..1.  [sixteenths, classes]"""


class Predicted(NamedTuple):
    """A dynamics model's prediction for one quantum, at 25 Hz."""

    loudness_db: FloatArray
    """Loudness of every part.  [parts, conductor frames]"""
    low_db: FloatArray
    """Lower end of its 80 % prediction range.  [parts, conductor frames]"""
    high_db: FloatArray
    """Upper end of its 80 % prediction range.  [parts, conductor frames]"""


class DynamicsModel(Protocol):
    """Predicts how loud the followers play from what the leader plays, causally but for a fixed look-ahead."""

    def features(self, heard: Heard, num_frames: int, late_frames: int = 0) -> FloatArray:
        """Compute the model's input from a leader, in whole quanta.  [rows, conductor frames]

        Column j depends on nothing later than conductor frame j and the look-ahead. Where there is none, since the
        leader still plays, `late_frames` says by how many control frames what stands there is late.
        """

    def strokes(self, heard: Heard, num_frames: int, features: FloatArray) -> ForetoldStrokes | None:
        """Predict a drummer's strokes from all features; None from a model that predicts none."""

    def start(self) -> Memory:
        """The memory before the first frame."""

    def predict(self, features: FloatArray, memory: Memory) -> tuple[Predicted, Memory]:
        """Predict one quantum.

        Args:
            features: the quantum's columns of `features`: five, or one where it is short.  [rows, conductor frames]
            memory: what `start` or the previous call returned; is not changed.

        Returns:
            The prediction, and the memory after the quantum.
        """


def leader_features(frames: Frames, num_frames: int, look_ahead_frames: int = LOOK_AHEAD_FRAMES) -> FloatArray:
    """The leader's features at 25 Hz, silent after its end, in whole quanta.

    Args:
        frames: of the leader.
        num_frames: control frames of the performance.
        look_ahead_frames: how many control frames the features look ahead.

    Returns:
        The rows of `FEATURES` and 12 of chroma; conductor frame j is computed from control frame
        4j + look_ahead_frames and the three after it.  [rows, conductor frames]
    """
    padded = -(-num_frames // QUANTUM_FRAMES) * QUANTUM_FRAMES
    length = max(min(frames.num_frames - look_ahead_frames, padded), 0)

    def quarters(values: FloatArray, beyond: float) -> np.ndarray:
        full = np.full((*values.shape[:-1], padded), beyond, np.float64)
        full[..., :length] = values[..., look_ahead_frames : look_ahead_frames + length]
        return full.reshape(*values.shape[:-1], -1, FRAMES_PER_CONDUCTOR_FRAME)

    power = 10.0 ** (quarters(frames.loudness_db, SILENCE_DB) / 10)
    f0_hz = quarters(frames.f0_hz, 0.0)
    voiced = f0_hz > 0
    pitch = np.where(voiced, 69.0 + 12.0 * np.log2(np.where(voiced, f0_hz, 440.0) / 440.0), 0.0)
    rows = [
        10.0 * np.log10(power.mean(axis=-1)),
        quarters(frames.onset, 0.0).max(axis=-1),
        voiced.mean(axis=-1),
        pitch.sum(axis=-1) / np.maximum(voiced.sum(axis=-1), 1),
        *quarters(frames.chroma, 0.0).mean(axis=-1),
    ]
    return np.array(rows, np.float32)


class LeaderGain:
    """The baseline: every follower plays the leader's smoothed loudness plus a constant of its own.

    The curve rises within 80 ms and falls within 600 ms, so that a plucked leader does not make the band pump; in a gap
    it is held for a second, then falls by 12 dB/s. While the leader plays it stays within -60..-6 dB. The prediction
    range is that from 10 % to 90 % of the leader's deviations from the curve.

    Args:
        levels_db: each follower's level relative to the leader's.
    """

    def __init__(self, levels_db: Sequence[float]) -> None:
        self._levels_db = np.array(levels_db, np.float64)[:, None]

    def features(self, heard: Heard, num_frames: int, late_frames: int = 0) -> FloatArray:
        """The leader's features with a look-ahead of 120 ms; see `leader_features`."""
        del late_frames
        return leader_features(heard.frames, num_frames)

    def strokes(self, heard: Heard, num_frames: int, features: FloatArray) -> ForetoldStrokes | None:
        """No strokes are predicted."""
        del heard, num_frames, features
        return None

    def start(self) -> Memory:
        """The memory before the first frame: silence."""
        return {"gain": np.array([SILENCE_DB, 0.0, _FIRST_SPREAD_DB**2], np.float64)}

    def predict(self, features: FloatArray, memory: Memory) -> tuple[Predicted, Memory]:
        """Predict one quantum; see `DynamicsModel`."""
        curve_db, quiet_s, variance = memory["gain"].tolist()
        curve, spread, is_fading = [], [], []
        for heard_db in features[FEATURES.index("loudness_db")].tolist():
            curve_db, quiet_s = follow(curve_db, quiet_s, heard_db)
            if quiet_s == 0:
                variance += ((heard_db - curve_db) ** 2 - variance) * _share(_SPREAD_S)
            curve.append(curve_db)
            spread.append(_TEN_TO_NINETY * variance**0.5)
            is_fading.append(quiet_s > _HOLD_S)
        line, width = np.array(curve), np.array(spread)
        is_heard = line > SILENCE_DB
        floor = np.where(is_heard & ~np.array(is_fading), QUIETEST_DB, SILENCE_DB)
        loudness = np.where(is_heard, np.clip(line + self._levels_db, floor, LOUDEST_DB), SILENCE_DB)
        low, high = np.maximum(loudness - width, SILENCE_DB), np.where(is_heard, loudness + width, SILENCE_DB)
        predicted = Predicted(*(rows.astype(np.float32) for rows in (loudness, low, high)))
        return predicted, {"gain": np.array([curve_db, quiet_s, variance], np.float64)}


def follow(curve_db: float, quiet_s: float, heard_db: float) -> tuple[float, float]:
    """Advance the smoothed loudness by one conductor frame.

    Args:
        curve_db: smoothed loudness before.
        quiet_s: for how long the leader has been quiet.
        heard_db: the leader's loudness in this frame.

    Returns:
        The new `curve_db` and `quiet_s`.
    """
    frame_s = 1 / CONDUCTOR_RATE_HZ
    is_quiet = heard_db < _SILENT_DB or heard_db < curve_db - _DROPPED_DB
    if not is_quiet:
        if heard_db > curve_db:
            nearest = max(curve_db, heard_db - _JUMP_DB)
            return nearest + (heard_db - nearest) * _share(_ATTACK_S), 0.0
        return curve_db + (heard_db - curve_db) * _share(_RELEASE_S), 0.0
    quiet_s += frame_s
    if quiet_s <= _HOLD_S:
        return curve_db, quiet_s
    return max(curve_db - _FADE_DB_PER_S * frame_s, heard_db, SILENCE_DB), quiet_s


def _share(time_constant_s: float) -> float:
    """The share of a step that a one-pole smoother makes in one conductor frame."""
    return float(1.0 - np.exp(-1.0 / (CONDUCTOR_RATE_HZ * time_constant_s)))


def to_control_rate(before: FloatArray, values: FloatArray) -> FloatArray:
    """Interpolate linearly from 25 Hz to 100 Hz; after silence the first value holds at once, so no onset is lost.

    Args:
        before: values of the conductor frame before the first.  [rows]
        values: at 25 Hz.  [rows, conductor frames]

    Returns:
        [rows, 4 * conductor frames].
    """
    starts = np.concatenate([before[:, None], values[:, :-1]], axis=1)
    starts = np.where(starts <= SILENCE_DB, values, starts)
    part = np.arange(1, FRAMES_PER_CONDUCTOR_FRAME + 1, dtype=np.float32) / FRAMES_PER_CONDUCTOR_FRAME
    lines = starts[:, :, None] + (values - starts)[:, :, None] * part
    return np.ascontiguousarray(lines.reshape(len(values), -1), dtype=np.float32)

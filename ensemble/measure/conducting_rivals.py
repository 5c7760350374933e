"""Whom a trained conductor must beat, and what nobody can: four simple rules, and the generator's own knowledge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ, FRAMES_PER_CONDUCTOR_FRAME
from ensemble.conduct.conductor_features import (
    FAINTEST_DB,
    HEARD_ROWS,
    PLACED_ROWS,
    conductor_features,
    frames_of_ms,
    placed_rows,
)
from ensemble.conduct.dynamics import follow
from ensemble.data.compose.labels import read_labels
from ensemble.data.compose.stems import LEVEL_DB
from ensemble.train.conductor.crops import LeaderScene
from ensemble.train.conductor.material import PlayedPart, at_conductor_rate
from ensemble.types.music import SILENCE_DB, FloatArray

Curve = NDArray[np.float64]
LAGS = (0, 1, 2, 4, 8, 16, 32, 64)
"""Conductor frames back that the ridge regression sees: up to 2.6 s."""
PENALTIES = (10.0, 100.0, 1e3, 1e4)
BAR_STEPS = 16
_KNOWN_RANGE_DB = (FAINTEST_DB, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConductingCase:
    """One leader and one follower of one piece, at one look-ahead."""

    piece: str
    part: PlayedPart
    """The follower."""
    rows: FloatArray
    """What a conductor reads of the leader.  [rows, frames]"""
    gain_db: Curve
    """The leader's smoothed loudness.  [frames]"""
    known_db: Curve | None
    """What the project's own composer knows of the follower's level by then; None for other music.  [frames]"""

    @property
    def played_db(self) -> Curve:
        """The truth where the part plays.  [played frames]"""
        return self.part.loudness_db[self.part.is_playing].astype(np.float64)


class Rival(NamedTuple):
    """A rule that was fitted on training pieces."""

    name: str
    answer: Callable[[ConductingCase], Curve]
    """From a case to the follower's loudness in every conductor frame."""


def cases_of(piece: str, scene: LeaderScene, look_ahead_ms: int) -> list[ConductingCase]:
    """Every follower of a scene; below 0 the leader is heard late."""
    heard = scene.leader.heard
    assert heard is not None  # noqa: S101  scenes are of leaders: narrows the type
    frames = frames_of_ms(look_ahead_ms)
    num = scene.num_frames
    rows = conductor_features(heard, num * FRAMES_PER_CONDUCTOR_FRAME, max(frames, 0))[:, :num]
    gain_db = _gain(heard.frames.loudness_db, max(frames, 0), num)
    if frames < 0:
        rows = np.concatenate([_late(rows[: len(HEARD_ROWS)], frames), placed_rows(heard, num, frames)])
        gain_db = _late(gain_db, frames)
    return [
        ConductingCase(piece=piece, part=part, rows=rows, gain_db=gain_db, known_db=known_level_db(part, frames, num))
        for part in scene.followers
    ]


def _late(rows: NDArray[Any], frames: int) -> NDArray[Any]:
    """Rows that come later by as many control frames as these are below 0, the first held until then.  [..., frames]"""
    late = -frames // FRAMES_PER_CONDUCTOR_FRAME
    return rows[..., np.maximum(np.arange(rows.shape[-1]) - late, 0)]


def _gain(loudness_db: FloatArray, ahead_frames: int, num_frames: int) -> Curve:
    """The leader's smoothed loudness, as `LeaderGain` follows it."""
    padded = np.full(num_frames * FRAMES_PER_CONDUCTOR_FRAME, SILENCE_DB, np.float32)
    heard_db = loudness_db[ahead_frames : ahead_frames + len(padded)]
    padded[: len(heard_db)] = heard_db
    curve_db, quiet_s, curve = SILENCE_DB, 0.0, []
    for level_db in at_conductor_rate(padded).tolist():
        curve_db, quiet_s = follow(curve_db, quiet_s, level_db)
        curve.append(curve_db)
    return np.asarray(np.maximum(np.array(curve), FAINTEST_DB))


def known_level_db(part: PlayedPart, ahead_frames: int, num_frames: int) -> Curve | None:
    """The level that the generator gives a part, as far as it is decided at a look-ahead; None where it is not ours.

    The shared curve is known up to now and the look-ahead; beyond (a part may run ahead of it) it is held. To it come
    the part's own gain and lag, and the gain by which its stem was brought to the common level.
    """
    labels = read_labels(part.labels) if part.labels is not None else {}
    if "dynamics_curve" not in labels:
        return None
    curve = labels["dynamics_curve"].astype(np.float64)
    now = (np.arange(num_frames) + 1.0) * FRAMES_PER_CONDUCTOR_FRAME - 1.0
    lag_frames = float(labels["lag_s"]) * FRAME_RATE_HZ
    known_until = now + ahead_frames
    level_db = float(labels["gain"]) * np.interp(
        np.minimum(now - lag_frames, known_until), np.arange(len(curve)), curve
    )
    sounding = np.zeros(len(curve), bool)
    for onset_s, stop_s in zip(labels["note_onset_s"], labels["note_stop_s"], strict=True):
        sounding[int(onset_s * FRAME_RATE_HZ) : int(np.ceil(stop_s * FRAME_RATE_HZ))] = True
    own_db = labels["dynamics_own"].astype(np.float64)[sounding]
    usual_db = 10 * np.log10(np.mean(10 ** (own_db / 10))) if len(own_db) else 0.0
    return np.asarray(level_db - usual_db + LEVEL_DB)


def fit_rivals(train: Sequence[ConductingCase], valid: Sequence[ConductingCase]) -> tuple[Rival, ...]:
    """The four baselines, learned from training cases; the ridge's penalty is chosen on validation cases."""
    means = {name: float(found.mean()) for name, found in _by_instrument(train, lambda case: case.played_db).items()}
    overall = float(np.mean(list(means.values())))
    apart = _by_instrument(train, lambda case: case.played_db - case.gain_db[case.part.is_playing])
    apart_db = {name: float(np.median(found)) for name, found in apart.items()}
    usual_db = float(np.mean(list(apart_db.values())))
    bars = _bar_means(train, means)

    def at_bar(case: ConductingCase) -> Curve:
        table = bars.get(case.part.instrument)
        return table[_bar_step(case)] if table is not None else np.full(case.rows.shape[1], overall)

    return (
        Rival("constant", lambda case: np.full(case.rows.shape[1], means.get(case.part.instrument, overall))),
        Rival("leader_gain", lambda case: case.gain_db + apart_db.get(case.part.instrument, usual_db)),
        Rival("ridge", _ridge(train, valid)),
        Rival("bar_position", at_bar),
    )


def fit_ceiling(train: Sequence[ConductingCase]) -> Rival | None:
    """The mean of a part's loudness given what the generator knows: per instrument a parabola over the known level."""
    known = [case for case in train if case.known_db is not None]
    if not known:
        return None
    levels = _by_instrument(known, lambda case: _known(case)[case.part.is_playing])
    played = _by_instrument(known, lambda case: case.played_db)
    shapes = {
        name: np.polynomial.Polynomial.fit(np.clip(level, *_KNOWN_RANGE_DB), played[name], 2)
        for name, level in levels.items()
    }

    def answer(case: ConductingCase) -> Curve:
        shape = shapes.get(case.part.instrument)
        level_db = np.clip(_known(case), *_KNOWN_RANGE_DB)
        return np.asarray(shape(level_db) if shape is not None else level_db)

    return Rival("ceiling", answer)


def _known(case: ConductingCase) -> Curve:
    assert case.known_db is not None  # noqa: S101  asked of our own cases only: narrows the type
    return case.known_db


def _by_instrument(cases: Sequence[ConductingCase], value: Callable[[ConductingCase], Curve]) -> dict[str, Curve]:
    found: dict[str, list[Curve]] = {}
    for case in cases:
        if case.part.is_playing.any():
            found.setdefault(case.part.instrument, []).append(value(case))
    return {name: np.concatenate(values) for name, values in sorted(found.items())}


def _bar_step(case: ConductingCase) -> NDArray[np.int64]:
    """Where in the bar each frame lies, in sixteenths of it, from the rows that the network reads.  [frames]"""
    first = len(HEARD_ROWS)
    cosine = case.rows[first + PLACED_ROWS.index("bar_cosine")]
    sine = case.rows[first + PLACED_ROWS.index("bar_sine")]
    step = np.floor(np.arctan2(sine, cosine) / (2 * np.pi) % 1.0 * BAR_STEPS)
    return np.asarray(step.astype(np.int64) % BAR_STEPS)


def _bar_means(train: Sequence[ConductingCase], means: dict[str, float]) -> dict[str, Curve]:
    steps = _by_instrument(train, lambda case: _bar_step(case)[case.part.is_playing].astype(np.float64))
    played = _by_instrument(train, lambda case: case.played_db)
    tables = {}
    for name, step in steps.items():
        place = step.astype(np.int64)
        count = np.bincount(place, minlength=BAR_STEPS)
        total = np.bincount(place, weights=played[name], minlength=BAR_STEPS)
        tables[name] = np.where(count > 0, total / np.maximum(count, 1), means[name])
    return tables


def _lagged(rows: FloatArray) -> Curve:
    """Every row at every lag, the first value held before the beginning, and a constant.  [frames, rows * lags + 1]"""
    num = rows.shape[1]
    place = np.maximum(np.arange(num)[:, None] - np.array(LAGS), 0)
    spread = rows.T[place].reshape(num, -1).astype(np.float64)
    return np.concatenate([spread, np.ones((num, 1))], axis=1)


def _ridge(train: Sequence[ConductingCase], valid: Sequence[ConductingCase]) -> Callable[[ConductingCase], Curve]:
    """One linear regression per instrument on the network's own features at several lags."""
    moments: dict[str, tuple[Curve, Curve]] = {}
    for case in train:
        seen, played = _lagged(case.rows)[case.part.is_playing], case.played_db
        square, product = moments.get(case.part.instrument, (np.zeros(()), np.zeros(())))
        moments[case.part.instrument] = (square + seen.T @ seen, product + seen.T @ played)

    def solved(penalty: float) -> dict[str, Curve]:
        ready: dict[str, Curve] = {}
        for name, (square, product) in moments.items():
            loading = penalty * np.eye(len(square))
            loading[-1, -1] = 0.0  # the mean is free
            ready[name] = np.asarray(np.linalg.solve(square + loading, product), np.float64)
        return ready

    def error(weights: dict[str, Curve]) -> float:
        known = [case for case in valid if case.part.instrument in weights and case.part.is_playing.any()]
        return float(
            np.mean([np.abs(_linear(weights, case)[case.part.is_playing] - case.played_db).mean() for case in known])
        )

    chosen = min((solved(penalty) for penalty in PENALTIES), key=error)
    return lambda case: _linear(chosen, case)


def _linear(weights: dict[str, Curve], case: ConductingCase) -> Curve:
    weight = weights.get(case.part.instrument, sum(weights.values()) / len(weights))
    return np.asarray(_lagged(case.rows) @ weight)

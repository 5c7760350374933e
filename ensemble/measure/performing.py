"""How a performer plays notes that it has never seen: beside what was played, and beside the rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.performer import Performer
from ensemble.conduct.shaping import shape, struck_early_frames
from ensemble.errors import DataError
from ensemble.events import OnProgress, unheard
from ensemble.measure.note_shapes import NoteShapes, shapes_of, spread_of
from ensemble.train.performer.manner import AUDIBLE_CENTS, roughness, take_apart
from ensemble.train.performer.material import PlayedTake
from ensemble.types.instruments import instrument

Floats = NDArray[np.float64]

_SEED = 1
_FOLDS = 5
_POINTS = 16
"""Places of a note, evenly over its length, at which two curves are compared."""
_SHORTEST_FRAMES, _SUNG_FRAMES = 12, 40
_RIDGE, _STEPS = 3.0, 12


class TakeCurves(NamedTuple):
    """Level and bend of one take."""

    level_db: Floats
    """Forces included.  [frames]"""
    cents: Floats
    """Deviation from the written pitch; NaN where it is not known.  [frames]"""


def evaluate_performer(
    name: str, performer: Performer, takes: Sequence[PlayedTake], on_progress: OnProgress = unheard
) -> dict[str, Any]:
    """Let a performer and the rules play the notes of takes, and hold both against what was played.

    Args:
        name: of the instrument.
        performer: plays it.
        takes: held out.
        on_progress: called after every take.

    Returns:
        `loudness_error_db` and `rules_loudness_error_db`, mean error within notes of means (humanize 0), but for what
        is equal in a whole take; of one performance each `decay_db_per_s`, `first_fall_db` (see `NoteShapes`) and
        `vibrato_hz` and `vibrato_cents`, median, 10 and 90 %, with `true_...` and `rules_...` beside them;
        `two_sample_auc` and `rules_two_sample_auc`: how surely a classifier tells notes from played ones, 0.5 not at
        all.

    Raises:
        DataError: no take is held out.
    """
    if not takes:
        raise DataError(name, "has no take that is held out", "name another split or set")
    errors: dict[str, list[Floats]] = {"": [], "rules_": []}
    performances: dict[str, list[TakeCurves]] = {"": [], "rules_": [], "true_": []}
    for number, take in enumerate(takes, start=1):
        true = _true(take)
        performances["true_"].append(true)
        for who, player in (("", performer), ("rules_", None)):
            errors[who].append(_errors_db(take, _played(name, player, take, 0.0), true))
            performances[who].append(_played(name, player, take, 0.5))
        on_progress("perform", number, len(takes))
    figures: dict[str, Any] = {
        f"{who}loudness_error_db": round(float(np.concatenate(found).mean()), 3) for who, found in errors.items()
    }
    for who, curves in performances.items():
        pairs = list(zip(takes, curves, strict=True))
        shapes = [shapes_of(one.level_db, _spans(take)) for take, one in pairs]
        figures |= {
            f"{who}{field}": spread_of(np.concatenate([getattr(one, field) for one in shapes]))
            for field in NoteShapes._fields
        }
        vibratos = np.concatenate([vibratos_of(one.cents, _spans(take)) for take, one in pairs])
        figures[f"{who}vibrato_hz"], figures[f"{who}vibrato_cents"] = (
            spread_of(vibratos[:, 0]),
            spread_of(vibratos[:, 1]),
        )
    features = {who: [_features(take, one) for take, one in zip(takes, curves, strict=True)]
                for who, curves in performances.items()}  # fmt: skip
    for who in ("", "rules_"):
        figures[f"{who}two_sample_auc"] = two_sample_auc(features["true_"], features[who])
    return figures | {"takes": len(takes), "notes": sum(len(take.runs.start) for take in takes)}


def _spans(take: PlayedTake) -> list[tuple[int, int]]:
    return list(zip(take.runs.start.tolist(), take.runs.stop.tolist(), strict=True))


def _true(take: PlayedTake) -> TakeCurves:
    level = take.level_db.copy()
    for (start, _), stop, force in zip(_spans(take), take.runs.silent, take.runs.force_db, strict=True):
        level[start:stop] += force
    return TakeCurves(level, take.cents)


def _played(name: str, performer: Performer | None, take: PlayedTake, humanize: float) -> TakeCurves:
    spec, written = instrument(name), take.written
    if performer is not None:  # so that a note that is struck early begins where the recorded one does
        early_s = struck_early_frames(spec) / FRAME_RATE_HZ
        written = tuple(note._replace(start_s=note.start_s + early_s) for note in written)
    part = shape(name, written, spec, 1, 0.0, take.num_frames, _SEED, humanize, performer=performer, keeps_time=True)
    cents = np.full(take.num_frames, np.nan)
    for (start, stop), pitch in zip(_spans(take), take.runs.pitch_midi, strict=True):
        cents[start:stop] = 1200.0 * np.log2(part.f0_hz[0, start:stop] / 440.0) - 100.0 * (pitch - 69.0)
    return TakeCurves(part.level_db[0].astype(np.float64), cents)


def _errors_db(take: PlayedTake, played: TakeCurves, true: TakeCurves) -> Floats:
    """How far the level is off in every frame of a note."""
    off = np.concatenate([played.level_db[start:stop] - true.level_db[start:stop] for start, stop in _spans(take)])
    return np.asarray(np.abs(off - np.median(off)), np.float64)


def vibratos_of(cents: Floats, spans: Sequence[tuple[int, int]]) -> Floats:
    """Rate (Hz) and depth (cents) of every vibrato that can be heard.  [notes, 2]"""
    found = []
    for start, stop in spans:
        inside = cents[start:stop]
        if stop - start >= _SUNG_FRAMES and np.isfinite(inside).all():
            bend = take_apart(inside)
            depth_cents = float(np.percentile(bend.depth_cents, 80))
            if np.isfinite(bend.rate_hz) and depth_cents >= AUDIBLE_CENTS:
                found.append((bend.rate_hz, depth_cents))
    return np.array(found).reshape(-1, 2)


def _features(take: PlayedTake, curves: TakeCurves) -> Floats:
    """What a classifier sees of every note: level and bend at some places, and how rough both are.  [notes, ..]"""
    rows = []
    for (start, stop), heard in zip(_spans(take), _has_pitch(take), strict=True):
        if stop - start < _SHORTEST_FRAMES or not heard:
            continue
        at = np.linspace(start, stop - 1, _POINTS)
        frames = np.arange(start, stop)
        row = []
        for curve in curves:
            inside = curve[start:stop]
            row += [*np.interp(at, frames, inside), roughness(inside)]
        rows.append(row)
    return np.array(rows).reshape(-1, 2 * _POINTS + 2)


def _has_pitch(take: PlayedTake) -> list[bool]:
    return [bool(np.isfinite(take.cents[start:stop]).all()) for start, stop in _spans(take)]


def two_sample_auc(one: Sequence[Floats], other: Sequence[Floats]) -> float | None:
    """How surely notes of two kinds are told apart by a logistic regression on values and squares; takes apart.

    Args:
        one: features of the notes of one kind, by take.  [notes, features]
        other: of the same notes, of the other kind.

    Returns:
        The area under the curve; None with fewer than two takes.

    Source: Lopez-Paz and Oquab, Revisiting Classifier Two-Sample Tests (ICLR 2017).
    """
    if len(one) < 2:
        return None
    scores, labels = [], []
    for fold in range(min(_FOLDS, len(one))):
        asked = [at % _FOLDS == fold for at in range(len(one))]
        known = [pair for pair, is_asked in zip(zip(one, other, strict=True), asked, strict=True) if not is_asked]
        tried = [pair for pair, is_asked in zip(zip(one, other, strict=True), asked, strict=True) if is_asked]
        table, kind = _stacked(known)
        centre, scale = table.mean(axis=0), table.std(axis=0) + 1e-6
        weights = _fitted(_with_squares((table - centre) / scale), kind)
        question, truth = _stacked(tried)
        scores.append(_with_squares((question - centre) / scale) @ weights)
        labels.append(truth)
    score, label = np.concatenate(scores), np.concatenate(labels) > 0.5
    above = score[label][:, None] - score[~label][None, :]
    return round(float((above > 0).mean() + 0.5 * (above == 0).mean()), 3)


def _stacked(pairs: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    table = np.concatenate([np.concatenate(pair) for pair in pairs])
    kind = np.concatenate([np.repeat([1.0, 0.0], [len(true), len(played)]) for true, played in pairs])
    return table, kind


def _with_squares(table: Floats) -> Floats:
    table = np.clip(table, -4.0, 4.0)
    return np.concatenate([np.ones((len(table), 1)), table, table**2 - 1.0], axis=1)


def _fitted(table: Floats, kind: Floats) -> Floats:
    """Weights of a regression, by Newton's method."""
    weights = np.zeros(table.shape[1])
    for _ in range(_STEPS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(table @ weights, -30, 30)))
        slope = table.T @ (chance - kind) + _RIDGE * weights
        curvature = (table * (chance * (1.0 - chance))[:, None]).T @ table + _RIDGE * np.eye(len(weights))
        weights -= np.linalg.solve(curvature, slope)
    return weights

"""How well strokes are foretold on the sixteenths, beside how often each drum is struck there anyway; and how near the
drums that are written by them come to what was played, beside grooves alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import CONDUCTOR_RATE_HZ, FRAMES_PER_CONDUCTOR_FRAME
from ensemble.conduct.conductor_features import conductor_features, conductor_frame_of, frames_of_ms, sixteenths_s
from ensemble.conduct.conductor_file import ConductorWeights
from ensemble.conduct.dynamics import ForetoldStrokes
from ensemble.conduct.foretell import foretell_strokes
from ensemble.conduct.parts import write_parts
from ensemble.config import FollowerSettings
from ensemble.measure.bootstrap import interval
from ensemble.measure.f_measure import strokes_f1
from ensemble.train.conductor.crops import LeaderScene
from ensemble.types.music import DRUM_CLASSES, Heard, Hits
from ensemble.types.strokes import CYMBALS

Table = NDArray[np.float64]
LIKELY = 0.5
"""From this probability on a stroke counts as foretold."""
_DRUMMER = FollowerSettings(name="drums", instrument="drums", role="drums")
KEPT = ("kick", "snare", "cymbal")
_RAREST = 1e-3


def stroke_scores(
    conductor: ConductorWeights,
    train: Sequence[LeaderScene],
    test: Sequence[tuple[str, LeaderScene]],
    look_ahead_ms: int,
) -> dict[str, Any] | None:
    """Score the strokes of every drummer who follows a leader with beats.

    Args:
        conductor: whose answers are scored.
        train: where the habit of each drum on each quarter of a beat is counted.
        test: where they are scored, by piece.
        look_ahead_ms: how far ahead the leader is heard.

    Returns:
        log_loss, habit_log_loss (nats per drum and sixteenth), f1, habit_f1; written_f1, groove_f1: by drum, of the
        kicks, snares and cymbals that a drummer plays by what is foretold, and by grooves alone; written_gain_interval:
        of their difference over the three, over pieces; changed: share of the grooves' strokes that what is foretold
        added or took away. None without drummers.
    """
    counted = [_struck(scene) for scene in train]
    struck, said, written, by_groove, pieces = [], [], [], [], list[str]()
    for piece, scene in test:
        truth, heard = _struck(scene), scene.leader.heard
        if not len(truth) or heard is None:
            continue
        num_frames = scene.num_frames * FRAMES_PER_CONDUCTOR_FRAME
        features = conductor_features(heard, num_frames, frames_of_ms(look_ahead_ms))
        found = foretell_strokes(conductor, heard, num_frames, features)
        struck.append(truth)
        said.append(found.probability[: len(truth)].astype(np.float64))
        written.append(_kept_time(_written(heard, found.time_s, found)[: len(truth)]))
        by_groove.append(_kept_time(_written(heard, found.time_s, None)[: len(truth)]))
        pieces.append(piece)
    if not struck or not any(len(one) for one in counted):
        return None
    habit = np.stack([np.concatenate([one[phase::4] for one in counted]).mean(axis=0) for phase in range(4)])
    usual = [habit[np.arange(len(truth)) % 4] for truth in struck]
    kept = [_kept_time(truth) for truth in struck]
    changed = sum(float(np.abs(led - alone).sum()) for led, alone in zip(written, by_groove, strict=True))
    gain = [_f1(true, led) - _f1(true, alone) for true, led, alone in zip(kept, written, by_groove, strict=True)]
    true, foretold, expected = (np.concatenate(tables) for tables in (struck, said, usual))
    return {
        "log_loss": _log_loss(true, foretold), "habit_log_loss": _log_loss(true, expected),
        "f1": _f1(true, foretold), "habit_f1": _f1(true, expected),
        "written_f1": _by_drum(kept, written), "groove_f1": _by_drum(kept, by_groove),
        "written_gain_interval": interval(np.array(gain), np.unique(pieces, return_inverse=True)[1].tolist()),
        "changed": round(changed / max(sum(float(alone.sum()) for alone in by_groove), 1.0), 4),
    }  # fmt: skip


def _written(heard: Heard, time_s: NDArray[np.float64], foretold: ForetoldStrokes | None) -> Table:
    """1 where our drummer strikes a drum.  [grid, classes]"""
    table = np.zeros((len(time_s), len(DRUM_CLASSES)))
    (part,) = write_parts(heard, (_DRUMMER,), heard.frames.num_frames, 0, None, foretold)
    for hit in part.hits if isinstance(part, Hits) else ():
        nearest = int(np.argmin(np.abs(time_s - hit.time_s)))
        if abs(time_s[nearest] - hit.time_s) < np.median(np.diff(time_s)) / 2:
            table[nearest, DRUM_CLASSES.index(hit.drum)] = 1.0
    return table


def _by_drum(true: Sequence[Table], played: Sequence[Table]) -> dict[str, float]:
    whole, ours = np.concatenate(true), np.concatenate(played)
    return {name: _f1(whole[:, column], ours[:, column]) for column, name in enumerate(KEPT)}


def _kept_time(strokes: Table) -> Table:
    """Kick, snare, and whichever cymbal keeps time: which one it is, is taste.  [grid, 3]"""
    cymbal = strokes[:, [DRUM_CLASSES.index(drum) for drum in CYMBALS]].max(axis=1)
    return np.stack([strokes[:, DRUM_CLASSES.index("kick")], strokes[:, DRUM_CLASSES.index("snare")], cymbal], axis=1)


def _struck(scene: LeaderScene) -> Table:
    """1 where a drum is struck.  [grid, classes]; none without a drummer or beats"""
    grid = next(iter(scene.grids.values()), None)
    if grid is None or scene.leader.heard is None:
        return np.zeros((0, len(DRUM_CLASSES)))
    time_s = sixteenths_s(scene.leader.heard.beats_s, scene.num_frames / CONDUCTOR_RATE_HZ)
    return np.asarray(grid[1 : 1 + len(DRUM_CLASSES), conductor_frame_of(time_s)].T, np.float64)


def _log_loss(true: Table, probability: Table) -> float:
    share = np.clip(probability, _RAREST, 1 - _RAREST)
    return round(float(-(true * np.log(share) + (1 - true) * np.log(1 - share)).mean()), 4)


def _f1(true: Table, probability: Table) -> float:
    """0 where nothing is struck and nothing foretold."""
    return round(float(np.nan_to_num(strokes_f1(true > 0, probability >= LIKELY))), 4)

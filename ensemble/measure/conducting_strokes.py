"""How well strokes are foretold on the sixteenths, beside how often each drum is struck there anyway."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import CONDUCTOR_RATE_HZ, FRAMES_PER_CONDUCTOR_FRAME
from ensemble.conduct.conductor_file import ConductorWeights
from ensemble.conduct.features import conductor_frame_of, frames_of_ms, sixteenths_s
from ensemble.conduct.foretell import foretell_strokes
from ensemble.train.conductor_crops import Scene
from ensemble.types import DRUM_CLASSES

Table = NDArray[np.float64]
LIKELY = 0.5
"""From this probability on a stroke counts as foretold."""
_RAREST = 1e-3


def stroke_scores(
    conductor: ConductorWeights, train: Sequence[Scene], test: Sequence[Scene], look_ahead_ms: int
) -> dict[str, float] | None:
    """Score the strokes of every drummer who follows a leader with beats.

    Args:
        conductor: whose answers are scored.
        train: where the habit of each drum on each quarter of a beat is counted.
        test: where they are scored.
        look_ahead_ms: how far ahead the leader is heard.

    Returns:
        log_loss, habit_log_loss (nats per drum and sixteenth), f1, habit_f1; None without drummers.
    """
    counted = [_struck(scene) for scene in train]
    struck, said = [], []
    for scene in test:
        truth, heard = _struck(scene), scene.leader.heard
        if not len(truth) or heard is None:
            continue
        num_frames = scene.num_frames * FRAMES_PER_CONDUCTOR_FRAME
        found = foretell_strokes(conductor, heard, num_frames, frames_of_ms(look_ahead_ms))
        struck.append(truth)
        said.append(found.probability[: len(truth)].astype(np.float64))
    if not struck or not any(len(one) for one in counted):
        return None
    habit = np.stack([np.concatenate([one[phase::4] for one in counted]).mean(axis=0) for phase in range(4)])
    usual = [habit[np.arange(len(truth)) % 4] for truth in struck]
    true, foretold, expected = (np.concatenate(tables) for tables in (struck, said, usual))
    return {
        "log_loss": _log_loss(true, foretold), "habit_log_loss": _log_loss(true, expected),
        "f1": _f1(true, foretold), "habit_f1": _f1(true, expected),
    }  # fmt: skip


def _struck(scene: Scene) -> Table:
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
    foretold = probability >= LIKELY
    hits = float((foretold * true).sum())
    return round(2 * hits / max(float(foretold.sum() + true.sum()), 1.0), 4)

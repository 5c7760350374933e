"""How far a run has come, and what follows from it: the stage, the learning rate, when to stop. Plain arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from ensemble.train.player.settings import TrainPlayerSettings

Stage = Literal["regression", "spectral"]
Row = dict[str, float]


@dataclass(slots=True)
class RunState:
    """Everything about a run that is not a tensor; it is kept in every checkpoint.

    step: optimiser steps done. seconds: of computing. stage_start: the step at which this stage began. stale: audits
    since the best one. rows: the learning curve. reason: why it ended, where it has.
    """

    step: int = 0
    seconds: float = 0.0
    stage: Stage = "spectral"
    stage_start: int = 0
    best_loss: float = math.inf
    best_step: int = 0
    stale: int = 0
    rows: list[Row] = field(default_factory=list)
    reason: str = ""


def progress(state: RunState, settings: TrainPlayerSettings) -> float:
    """0 at the start, 1 where steps or minutes are used up."""
    return max(state.step / settings.max_steps, state.seconds / 60.0 / settings.max_minutes)


def stage_at(done: float, settings: TrainPlayerSettings) -> Stage:
    """Which stage a run is in after a share `done` of it."""
    is_early = settings.loss == "multi_scale" and done < settings.regression_share
    return "regression" if is_early else "spectral"


def learning_rate(state: RunState, done: float, settings: TrainPlayerSettings) -> float:
    """Rises over some steps at the start of each stage; in the last stage it falls along a cosine to 0."""
    rise = min(1.0, (state.step - state.stage_start + 1) / max(settings.rise_steps, 1))
    share = settings.regression_share if settings.loss == "multi_scale" else 0.0
    late = 0.0 if state.stage == "regression" or share >= 1.0 else (min(done, 1.0) - share) / (1.0 - share)
    return settings.learning_rate * rise * 0.5 * (1.0 + math.cos(math.pi * max(late, 0.0)))


def note_audit(state: RunState, row: Row) -> bool:
    """Enter an audit into the curve; whether it is the best so far."""
    state.rows.append(row)
    is_best = row["held_out"] < state.best_loss
    if is_best:
        state.best_loss, state.best_step, state.stale = row["held_out"], state.step, 0
    elif state.stage == "spectral":
        state.stale += 1
    return is_best

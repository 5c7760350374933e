"""How far a run has come, and the learning rate that follows from it. Plain arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from ensemble.train.settings import FitSettings

Row = dict[str, float]
"""One audit: `step`, `minutes`, `train`, `rate`, `held_out`, and what else the task measures."""


@dataclass(slots=True)
class FitState:
    """Everything about a run that is not a tensor; every checkpoint holds it."""

    step: int = 0
    """Optimiser steps done."""
    seconds: float = 0.0
    """Of computing."""
    done: float = 0.0
    """0 at the start, 1 where steps or minutes are used up."""
    is_warming_up: bool = False
    """Whether an easier loss is minimised first; audits without improvement do not count meanwhile."""
    stage_start: int = 0
    """The step at which the loss last changed."""
    best_loss: float = math.inf
    """The smallest held-out loss of all audits."""
    best_step: int = 0
    """The step of that audit."""
    rows: list[Row] = field(default_factory=list)
    """The learning curve."""
    reason: str = ""
    """Why the run ended, where it has."""

    def count(self, step: int, seconds: float, settings: FitSettings) -> None:
        """Note how far the run has come."""
        self.step, self.seconds = step, seconds
        self.done = max(step / settings.max_steps, seconds / 60.0 / settings.max_minutes)

    def add_audit(self, row: Row) -> bool:
        """Add an audit to the curve; whether it is the best so far."""
        self.rows.append(row)
        is_best = row["held_out"] < self.best_loss
        if is_best:
            self.best_loss, self.best_step = row["held_out"], self.step
        return is_best


OnStep = Callable[[FitState], None]
"""Called with the state of a run after every step and every audit."""


def annealing(state: FitState, rise_steps: int, warmup_share: float = 0.0) -> float:
    """Factor of a learning rate: rises over some steps whenever the loss changes, falls along a cosine to 0 at the end.

    Args:
        state: of the run.
        rise_steps: over which it rises to 1.
        warmup_share: of the run, after which it falls.
    """
    rise = min(1.0, (state.step - state.stage_start + 1) / max(rise_steps, 1))
    is_early = state.is_warming_up or warmup_share >= 1.0
    late = 0.0 if is_early else (min(state.done, 1.0) - warmup_share) / (1.0 - warmup_share)
    return rise * 0.5 * (1.0 + math.cos(math.pi * max(late, 0.0)))

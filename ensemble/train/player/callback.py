"""What goes on around the steps of a run: time is kept, held-out crops are listened to, the best voice is exported."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from ensemble.play.voice_file import VoiceWeights, save_voice
from ensemble.train.checkpoints import CHECKPOINT, load_run, save_run
from ensemble.train.curves import write_curve
from ensemble.train.pace import Row, RunState, note_audit, progress
from ensemble.train.player.crops import PlayerCrop
from ensemble.train.player.settings import TrainPlayerSettings
from ensemble.train.player.task import PlayerTask

VOICE = "voice.safetensors"
OnProgress = Callable[[RunState, float], None]
"""Called with the run's state, and how much of it is done, 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """How workers are wired together; alone by default. Filled in by `cluster.training.player`."""

    size: int = 1
    """Workers; each is given its own crops."""
    options: dict[str, Any] = field(default_factory=dict)
    """For Lightning's Trainer: strategy and plugins."""
    on_audit: Callable[[Row], None] | None = None
    """Called in every worker after every audit."""


class PlayerFitCallback(pl.Callback):
    """Keeps time, listens, keeps the best voice and a checkpoint to go on from, and says when it is enough."""

    def __init__(
        self,
        settings: TrainPlayerSettings,
        out: Path,
        held_out: PlayerCrop,
        fingerprint: dict[str, str],
        on_progress: OnProgress | None,
        team: Team,
        resume_from: Path | None = None,
    ) -> None:
        self.settings, self.out, self.held_out = settings, out, held_out
        self.fingerprint, self.on_progress, self.team = fingerprint, on_progress, team
        self.resume_from = resume_from
        self._last_saved_s = time.monotonic()
        self._mark_s = 0.0
        self._losses: list[float] = []

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take up the run where its checkpoint stands."""
        task = _task(pl_module)
        if self.resume_from is not None:
            task.state = load_run(self.resume_from, task.network, trainer.optimizers[0], self.fingerprint)
        self._mark_s = _now_s(task)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the step; audit, save and stop where it is time."""
        del batch, batch_idx
        task, settings = _task(pl_module), self.settings
        state = task.state
        state.step += 1
        self._losses.append(float(outputs["loss"]))
        now_s = _now_s(task)
        state.seconds += now_s - self._mark_s
        self._mark_s = now_s
        if trainer.world_size > 1:  # every worker goes by the first one's clock, or their rates would differ
            state.seconds = trainer.strategy.broadcast(state.seconds)
        is_over = progress(state, settings) >= 1.0
        state.reason = "all steps were done"
        if state.step % settings.audit_steps == 0 or is_over:
            self._audit(trainer, task)
        if is_over and state.step < settings.max_steps:
            state.reason = "its minutes are used up"
        if state.stale >= settings.patience:
            state.reason, is_over = f"nothing improved in {state.stale} audits", True
        if is_over or time.monotonic() - self._last_saved_s > 60.0 * settings.checkpoint_minutes:
            self._save(trainer, task)
        if self.on_progress is not None and trainer.is_global_zero:
            self.on_progress(state, progress(state, settings))
        trainer.should_stop = is_over

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Keep what was learned when a run is interrupted between two steps."""
        if isinstance(exception, Exception):
            return
        self._save(trainer, _task(pl_module))

    def _audit(self, trainer: pl.Trainer, task: PlayerTask) -> None:
        state = task.state
        task.network.eval()
        heard = task.audit(self.held_out)
        if trainer.world_size > 1:
            heard = trainer.strategy.broadcast(heard)
        task.network.train()
        row: Row = {
            "step": state.step,
            "minutes": state.seconds / 60.0,
            "stage": 1 if state.stage == "regression" else 2,
            "train": sum(self._losses) / len(self._losses),
            "rate": trainer.optimizers[0].param_groups[0]["lr"],
        } | heard
        self._losses = []
        is_best = note_audit(state, row)
        if trainer.is_global_zero:
            if is_best:
                self._export(task, row)
            write_curve(self.out, state.rows)
        if self.team.on_audit is not None:
            self.team.on_audit(row)

    def _export(self, task: PlayerTask, row: Row) -> None:
        voice = task.network.weights()
        card = voice.card.model_copy(
            update={
                "training_minutes": round(row["minutes"], 2),
                "metrics": {
                    name: round(row[name], 4) for name in ("held_out", "loudness_error_db", "hnr_error_db", "step")
                },
            }
        )
        save_voice(self.out / VOICE, VoiceWeights(card=card, tensors=voice.tensors))

    def _save(self, trainer: pl.Trainer, task: PlayerTask) -> None:
        if not trainer.is_global_zero:
            return
        save_run(self.out / CHECKPOINT, task.network, trainer.optimizers[0], task.state, self.fingerprint)
        self._last_saved_s = time.monotonic()


def _task(module: pl.LightningModule) -> PlayerTask:
    assert isinstance(module, PlayerTask)  # noqa: S101  narrows the type for mypy
    return module


def _now_s(task: PlayerTask) -> float:
    """Of computing: CPU time, since a busy machine does not train less; on a GPU the clock."""
    return time.process_time() if task.device.type == "cpu" else time.monotonic()

"""What goes on around the steps of a conductor's run: time, tries on held-out pieces, the best weights, checkpoints."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from ensemble.conduct.conductor_file import ConductorCard, save_conductor
from ensemble.files.replace import write_output
from ensemble.train.checkpoints import CHECKPOINT, load_run, save_run
from ensemble.train.conductor.crops import ConductorCrop
from ensemble.train.conductor.task import ConductorTask, done_share
from ensemble.train.pace import Row, note_audit
from ensemble.train.player.callback import OnProgress, Team

CONDUCTOR = "conductor.safetensors"


class ConductorFitCallback(pl.Callback):
    """Keeps time, tries, keeps the best weights and a checkpoint to go on from, and says when it is enough."""

    def __init__(
        self,
        card: ConductorCard,
        out: Path,
        held_out: ConductorCrop,
        fingerprint: dict[str, str],
        on_progress: OnProgress | None,
        team: Team,
        resume_from: Path | None,
    ) -> None:
        self.card, self.out, self.held_out, self.fingerprint = card, out, held_out, fingerprint
        self.on_progress, self.team, self.resume_from = on_progress, team, resume_from
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
        """Count the step; try, save and stop where it is time."""
        del batch, batch_idx
        task = _task(pl_module)
        state, settings = task.state, task.settings
        state.step += 1
        self._losses.append(float(outputs["loss"]))
        now_s = _now_s(task)
        state.seconds += now_s - self._mark_s
        self._mark_s = now_s
        if trainer.world_size > 1:  # every worker goes by the first one's clock, or their rates would differ
            state.seconds = trainer.strategy.broadcast(state.seconds)
        is_over = done_share(state, settings) >= 1.0
        state.reason = "all steps were done" if state.step >= settings.max_steps else "its minutes are used up"
        if state.step % settings.audit_steps == 0 or is_over:
            self._audit(trainer, task)
        if state.stale >= settings.patience:
            state.reason, is_over = f"nothing improved in {state.stale} tries", True
        if is_over or time.monotonic() - self._last_saved_s > 60.0 * settings.checkpoint_minutes:
            self._save(trainer, task)
        if self.on_progress is not None and trainer.is_global_zero:
            self.on_progress(state, done_share(state, settings))
        trainer.should_stop = is_over

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Keep what was learned when a run is interrupted between two steps."""
        if not isinstance(exception, Exception):
            self._save(trainer, _task(pl_module))

    def _audit(self, trainer: pl.Trainer, task: ConductorTask) -> None:
        task.network.eval()
        tried = task.audit(self.held_out)
        task.network.train()
        if trainer.world_size > 1:
            tried = trainer.strategy.broadcast(tried)
        state = task.state
        loss = sum(self._losses) / max(len(self._losses), 1)
        row: Row = {"step": state.step, "minutes": state.seconds / 60.0, "train": loss} | tried
        self._losses = []
        is_best = note_audit(state, row)
        if trainer.is_global_zero:
            if is_best:
                minutes = round(row["minutes"], 2)
                card = self.card.model_copy(update={"training_minutes": minutes, "metrics": tried})
                save_conductor(self.out / CONDUCTOR, task.network.weights(card))
            lines = [",".join(row), *(",".join(f"{value:.6g}" for value in one.values()) for one in state.rows)]
            write_output(self.out / "curve.csv", ("\n".join(lines) + "\n").encode())
        if self.team.on_audit is not None:
            self.team.on_audit(row)

    def _save(self, trainer: pl.Trainer, task: ConductorTask) -> None:
        if trainer.is_global_zero:
            save_run(self.out / CHECKPOINT, task.network, trainer.optimizers[0], task.state, self.fingerprint)
            self._last_saved_s = time.monotonic()


def _task(module: pl.LightningModule) -> ConductorTask:
    assert isinstance(module, ConductorTask)  # noqa: S101  narrows the type for mypy
    return module


def _now_s(task: ConductorTask) -> float:
    """Of computing: CPU time, since a busy machine does not train less; on a GPU the clock."""
    return time.process_time() if task.device.type == "cpu" else time.monotonic()

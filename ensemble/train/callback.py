"""What goes on around the steps of a run: time is kept, audits are entered, weights and checkpoints written."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import EarlyStopping, Timer

from ensemble.train.checkpoints import CHECKPOINT
from ensemble.train.curves import write_curve
from ensemble.train.pace import FitState, OnStep, Row
from ensemble.train.settings import FitSettings


class CpuTimer(Timer):
    """Lightning's timer by CPU time, since a busy machine does not train less; on a GPU by the clock.

    All workers go by the first one's, or their learning rates would differ.
    """

    def __init__(self, minutes: float, *, on_gpu: bool) -> None:
        super().__init__(timedelta(minutes=minutes), verbose=False)
        self._now_s = time.monotonic if on_gpu else time.process_time
        self._seconds, self._mark_s = 0.0, 0.0

    def time_elapsed(self, stage: str = "train") -> float:
        """Seconds of computing up to the last step, of all continuations together."""
        del stage
        return self._seconds

    def on_fit_start(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        """Ask for the time only after a step: every run does one, and ends with an audit."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin to count."""
        del trainer, pl_module
        self._mark_s = self._now_s()

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        """Add up, and let Lightning stop where time is up."""
        now_s = self._now_s()
        self._seconds = trainer.strategy.broadcast(self._seconds + now_s - self._mark_s)
        self._mark_s = now_s
        super().on_train_batch_end(trainer, *args, **kwargs)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting."""
        self._seconds = state_dict["time_elapsed"]["train"]


class Patience(EarlyStopping):
    """Lightning's early stopping, which does not count audits while another loss is minimised than the audited one."""

    def __init__(self, audits: int, state: FitState) -> None:
        super().__init__("held_out", patience=audits)
        self._fit = state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting, with the patience of this run and no reason yet to stop it."""
        super().load_state_dict(state_dict | {"patience": self.patience, "stopping_reason_message": None})

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop where nothing has improved for too long."""
        if not self._fit.is_warming_up:
            super().on_validation_end(trainer, pl_module)

    @property
    def reason(self) -> str:
        """Why it stopped the run; empty where it did not."""
        is_over = self.wait_count >= self.patience
        return f"nothing improved in {self.wait_count} audits" if is_over else (self.stopping_reason_message or "")


class FitCallback(pl.Callback):
    """Keeps the run's state, the best weights and the learning curve.

    Args:
        settings: of the run.
        state: how far the run has come; is kept up to date.
        out: the run's folder.
        fingerprint: of the run, for its checkpoints.
        timer: tells the seconds of computing.
        patience: tells whether nothing improved.
        write: writes the weights of the moment, given the audit that found them best.
        on_step: called after every step and every audit, in the first worker.
        on_audit: called after every audit, in every worker.
    """

    def __init__(
        self,
        settings: FitSettings,
        state: FitState,
        out: Path,
        fingerprint: dict[str, str],
        timer: CpuTimer,
        patience: Patience,
        write: Callable[[Row], None],
        on_step: OnStep,
        on_audit: Callable[[Row], None],
    ) -> None:
        self.settings, self.state, self.out, self.fingerprint = settings, state, out, fingerprint
        self.timer, self.patience, self.write = timer, patience, write
        self.on_step, self.on_audit = on_step, on_audit
        self._losses: list[float] = []

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps of the run."""
        return {"state": asdict(self.state), "fingerprint": self.fingerprint}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the run where its checkpoint stands."""
        for name, value in state_dict["state"].items():
            setattr(self.state, name, value)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the step; after the last one Lightning audits, then stops."""
        del pl_module, batch, batch_idx
        self._losses.append(float(outputs["loss"]))
        self.state.count(trainer.global_step, self.timer.time_elapsed(), self.settings)
        trainer.should_stop = trainer.should_stop or self.state.step >= self.settings.max_steps
        self._tell(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Enter an audit; keep the weights where they are the best so far."""
        del pl_module
        row: Row = {
            "step": self.state.step,
            "minutes": self.state.seconds / 60.0,
            "train": sum(self._losses) / max(len(self._losses), 1),
            "rate": trainer.optimizers[0].param_groups[0]["lr"],
        } | {name: float(value) for name, value in trainer.callback_metrics.items()}
        self._losses = []
        is_best = self.state.add_audit(row)
        if trainer.is_global_zero:
            if is_best:
                self.write(row)
            write_curve(self.out, self.state.rows)
        self.on_audit(row)
        self._tell(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Say why the run ended, and keep its last state."""
        del pl_module
        is_done = self.state.step >= self.settings.max_steps
        self.state.reason = self.patience.reason or ("all steps were done" if is_done else "time limit reached")
        trainer.save_checkpoint(self.out / CHECKPOINT)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Keep what was learned when a run is interrupted; workers wait for each other, so that one alone does not."""
        del pl_module
        if not isinstance(exception, Exception) and trainer.world_size == 1:
            trainer.save_checkpoint(self.out / CHECKPOINT)

    def _tell(self, trainer: pl.Trainer) -> None:
        if trainer.is_global_zero:
            self.on_step(self.state)

"""The one trainer of voices, conductors and arrangers: in one process, and in each worker of a cluster."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset

from ensemble.errors import ConfigError, DataError, OutputError
from ensemble.events import unheard
from ensemble.files.weights import Card, Format, Weights, state_tensors
from ensemble.train.callback import CpuTimer, FitCallback, Patience
from ensemble.train.checkpoints import CHECKPOINT, SafetensorsIO, check_run, read_state
from ensemble.train.pace import FitState, OnStep, Row
from ensemble.train.settings import FitSettings

S = TypeVar("S", bound=FitSettings)
N = TypeVar("N", bound=nn.Module)
C = TypeVar("C", bound=Card)


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """How workers are wired together; alone by default. Filled in by `cluster.training.workers`."""

    size: int = 1
    """Workers; each is given its own crops."""
    options: dict[str, Any] = field(default_factory=dict)
    """For Lightning's Trainer: strategy and plugins."""
    on_audit: Callable[[Row], None] = unheard
    """Called in every worker after every audit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitResult:
    """How a run ended."""

    steps: int
    """Optimiser steps, of all continuations together."""
    minutes: float
    """Of computing."""
    best_loss: float | None
    """The smallest held-out loss; None where there was no audit."""
    best_step: int
    """Its step."""
    reason: str
    """Why the run ended."""

    @staticmethod
    def of(state: FitState) -> FitResult:
        """The end of a run, as its last checkpoint tells it."""
        return FitResult(
            steps=state.step,
            minutes=state.seconds / 60.0,
            best_loss=state.best_loss if state.rows else None,
            best_step=state.best_step,
            reason=state.reason,
        )


class FitTask(pl.LightningModule, Generic[S, N]):
    """What the three tasks share: a network, its optimiser's rate, and audits on held-out crops.

    Args:
        settings: of the run.
        network: to start from.
        state: how far the run has come; the callback keeps it up to date.
    """

    def __init__(self, settings: S, network: N, state: FitState | None = None) -> None:
        super().__init__()
        self.settings, self.network, self.state = settings, network, state or FitState()

    def rate(self) -> float:
        """The learning rate of the next step."""
        rate: float = self.settings.learning_rate
        return rate

    def audit(self, batch: Any) -> dict[str, float]:
        """Measure the network on held-out crops; `held_out` is the loss by which the best weights are chosen."""
        raise NotImplementedError

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Set the learning rate."""
        del batch, batch_idx
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = self.rate()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Audit; with several workers, the mean of what they find."""
        del batch_idx
        self.log_dict(self.audit(batch), batch_size=1, sync_dist=True)


def check_folder(out: Path, settings: FitSettings, data: str | None = None, *, resume: bool) -> None:
    """Make the run's folder, or refuse one that holds another run, or one that was not asked to go on.

    Args:
        out: the run's folder.
        settings: of the run.
        data: what tells its data from others'. While it is not known yet, only the settings are compared, and no folder
            is made.
        resume: go on from the checkpoint that is there; without one, begin.

    Raises:
        ConfigError: the folder holds a run and `resume` was not said.
        OutputError: it cannot be made.
        VoiceError: the checkpoint cannot be gone on from: it is damaged, or the data or the settings were others.
    """
    if not resume and any(out.glob("*.safetensors")):  # a checkpoint, or the weights of a run of 0.1.0
        raise ConfigError(str(out), "holds a run already", "say --resume to go on, or name another folder")
    if (out / CHECKPOINT).exists():
        check_run(out / CHECKPOINT, _fingerprint(settings, data))
    if data is None:
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(str(out), f"cannot be made ({error.strerror})", "name another folder") from error


def fit(
    task: FitTask[Any, Any],
    crops: Dataset[Any],
    held_out: Mapping[str, object],
    out: Path,
    *,
    data: str,
    model: Format[C],
    card: C,
    metrics: Callable[[Row], dict[str, float]],
    half_on_gpu: bool = False,
    on_step: OnStep = unheard,
    team: Team | None = None,
) -> FitResult:
    """Train until steps, minutes or patience end; go on from the folder's checkpoint where there is one.

    Args:
        task: what is trained, with its settings.
        crops: item n is the n-th crop of the run, without end.
        held_out: the batch that every audit is made on.
        out: the run's folder, checked by `check_folder`: `checkpoint.safetensors`, `curve.csv` and `curve.png`.
        data: what tells the run's data from others'.
        model: what kind of weights the network's are; the best are always in `out`, with their card.
        card: of the weights, without metrics.
        metrics: what the card keeps of an audit.
        half_on_gpu: compute in bfloat16 where a GPU can.
        on_step: called after every step and every audit.
        team: other workers.

    Raises:
        ConfigError: there is no such device.
        DataError: no audit's loss was a number.
        OutputError, or the model's own error: a file cannot be written.
        VoiceError: the checkpoint is damaged.
    """
    team, settings = team or Team(), task.settings
    resume_from = out / CHECKPOINT if (out / CHECKPOINT).exists() else None
    begun = FitState() if resume_from is None else read_state(resume_from)
    if begun.step >= settings.max_steps:
        return FitResult.of(begun)

    def write(row: Row) -> None:
        told = {"training_minutes": round(row["minutes"], 2), "metrics": metrics(row)}
        weights = Weights(card=card.model_copy(update=told), tensors=state_tensors(task.network))
        model.write(out / model.file_name, weights)

    on_gpu = _takes_gpu(settings)
    timer, patience = CpuTimer(settings.max_minutes, on_gpu=on_gpu), Patience(settings.patience, task.state)
    keeper = FitCallback(
        settings, task.state, out, _fingerprint(settings, data), timer, patience, write, on_step, team.on_audit
    )
    saver = ModelCheckpoint(
        out, "checkpoint", train_time_interval=timedelta(minutes=settings.checkpoint_minutes),
        enable_version_counter=False,
    )  # fmt: skip
    saver.FILE_EXTENSION = ".safetensors"
    per_step = settings.batch_size * team.size
    items = range(begun.step * per_step, (begun.step + settings.max_steps) * per_step)
    options: dict[str, Any] = {"devices": 1} | team.options
    options["plugins"] = [SafetensorsIO(), *options.get("plugins", ())]
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's advice on loaders, loggers and GPUs
        logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
        trainer = pl.Trainer(
            accelerator="gpu" if on_gpu else "cpu",
            precision="bf16-mixed" if half_on_gpu and on_gpu and torch.cuda.is_bf16_supported() else "32-true",
            max_epochs=-1, gradient_clip_val=settings.clip_norm, callbacks=[timer, patience, keeper, saver],
            val_check_interval=settings.audit_steps, check_val_every_n_epoch=None, num_sanity_val_steps=0,
            logger=False, enable_progress_bar=False, enable_model_summary=False, **options,
        )  # fmt: skip
        loader = DataLoader(Subset(crops, items), settings.batch_size)
        trainer.fit(task, loader, DataLoader([held_out], batch_size=None), ckpt_path=resume_from)  # type: ignore[arg-type]
    if task.state.rows and task.state.best_step == 0:
        raise DataError("the training", "never came to an answer that is a number", "lower learning_rate")
    return FitResult.of(task.state)


def _fingerprint(settings: FitSettings, data: str | None) -> dict[str, str]:
    return settings.fingerprint() | ({"data": data} if data is not None else {})


def _takes_gpu(settings: FitSettings) -> bool:
    has_gpu = torch.cuda.is_available()
    if settings.device == "cuda" and not has_gpu:
        raise ConfigError("device", "is cuda, but torch sees no GPU", "set it to auto or cpu")
    return has_gpu and settings.device != "cpu"

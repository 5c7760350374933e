"""Training a voice: in this process, or by the same `fit_player` in every worker of a Ray."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from cluster.training.workers import OnLoss, on_ray
from ensemble.data.takes import Skip
from ensemble.events import unheard
from ensemble.train.pace import OnStep
from ensemble.train.player.fit import fit_player
from ensemble.train.player.material import gather, takes_of
from ensemble.train.player.settings import TrainPlayerSettings
from ensemble.train.trainer import FitResult, check_folder


def train_player(
    settings: TrainPlayerSettings,
    data: Path,
    out: Path,
    *,
    num_workers: int = 0,
    resume: bool = False,
    command: str = "",
    prepared: Path | None = None,
    on_step: OnStep = unheard,
    on_loss: OnLoss = unheard,
    on_left_out: Callable[[Skip], None] = unheard,
) -> FitResult:
    """Train one voice.

    Args:
        settings: of the run; the batch size is each worker's.
        data: a data set of any known layout; with workers on other machines, on a disk they share.
        out: the run's folder, likewise.
        num_workers: 0 trains in this process, without Ray; more need a Ray that is running.
        resume: go on from the folder's checkpoint.
        command: for the voice's card.
        prepared: where `data prepare` keeps its shards; its own place if absent.
        on_step: called after every step and every audit, in this process only.
        on_loss: told that workers were lost.
        on_left_out: told of every take that could not be used, in this process only.

    Raises:
        EnsembleError: see `fit_player` and `on_ray`.
    """
    check_folder(out, settings, resume=resume)
    if num_workers == 0:
        return _fit(settings, data, out, command, prepared, on_left_out, resume=resume, on_step=on_step)
    for split in ("train", "valid"):
        takes_of(data, settings.instrument, split)
    where = data.resolve(), out.resolve(), command, prepared.resolve() if prepared else None
    fit = partial(_fit, settings, *where, folder=Path.cwd())  # Ray gives workers folders of their own
    return on_ray(fit, out, num_workers, may_use_gpu=settings.device != "cpu", on_loss=on_loss)


def _fit(
    settings: TrainPlayerSettings,
    data: Path,
    out: Path,
    command: str,
    prepared: Path | None,
    on_left_out: Callable[[Skip], None] = unheard,
    **how: Any,
) -> FitResult:
    material = gather(data, settings.instrument, settings.sample_rate, command, prepared)
    for skip in material.skips:
        on_left_out(skip)
    return fit_player(settings, material, out, **how)

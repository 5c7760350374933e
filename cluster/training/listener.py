"""Training a causal listener: in this process, or by the same `fit_listener` in every worker of a Ray."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cluster.training.workers import OnLoss, on_ray
from ensemble.events import unheard
from ensemble.train.listener.fit import fit_listener
from ensemble.train.listener.material import gather
from ensemble.train.listener.settings import TrainListenerSettings
from ensemble.train.pace import OnStep
from ensemble.train.trainer import FitResult, check_folder


def train_listener(
    settings: TrainListenerSettings,
    sets: Sequence[Path],
    out: Path,
    *,
    num_workers: int = 0,
    resume: bool = False,
    command: str = "",
    on_step: OnStep = unheard,
    on_loss: OnLoss = unheard,
) -> FitResult:
    """Train one causal listener.

    Args:
        settings: of the run; the batch size is each worker's.
        sets: composed sets; with workers on other machines, on a disk they share.
        out: the run's folder, likewise.
        num_workers: 0 trains in this process, without Ray; more need a Ray that is running.
        resume: go on from the folder's checkpoint.
        command: for the card.
        on_step: called after every step and every audit, in this process only.
        on_loss: told that workers were lost.

    Raises:
        EnsembleError: see `fit_listener` and `on_ray`.
    """
    check_folder(out, settings, resume=resume)
    if num_workers == 0:
        return _fit(settings, sets, out, command, resume=resume, on_step=on_step)
    gather(sets)  # what is wrong with it is said at once
    fit = partial(_fit, settings, [root.resolve() for root in sets], out.resolve(), command)
    return on_ray(fit, out, num_workers, may_use_gpu=settings.device != "cpu", on_loss=on_loss)


def _fit(settings: TrainListenerSettings, sets: Sequence[Path], out: Path, command: str, **how: Any) -> FitResult:
    return fit_listener(settings, gather(sets, command), out, **how)

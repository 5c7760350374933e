"""Training a conductor: in this process, or by the same `fit_conductor` in every worker of a Ray."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cluster.training.workers import OnLoss, on_ray
from ensemble.conduct.conductor_file import CONDUCTOR, ConductorCard
from ensemble.events import OnProgress, unheard
from ensemble.train.conductor.calibration import calibrate
from ensemble.train.conductor.crops import scenes_of
from ensemble.train.conductor.fit import fit_conductor
from ensemble.train.conductor.material import gather_pieces
from ensemble.train.conductor.settings import TrainConductorSettings
from ensemble.train.pace import OnStep
from ensemble.train.trainer import FitResult, check_folder

HEARD = "heard"


def train_conductor(
    settings: TrainConductorSettings,
    sets: Sequence[Path],
    out: Path,
    *,
    num_workers: int = 0,
    resume: bool = False,
    command: str = "",
    heard: Path | None = None,
    on_progress: OnProgress = unheard,
    on_step: OnStep = unheard,
    on_loss: OnLoss = unheard,
) -> tuple[FitResult, ConductorCard]:
    """Train one conductor, then widen its interval until it holds on the validation pieces.

    Args:
        settings: of the run; the batch size is each worker's.
        sets: data sets with more than one part per piece; with workers on other machines, on a disk they share.
        out: the run's folder, likewise.
        num_workers: 0 trains in this process, without Ray; more need a Ray that is running.
        resume: go on from the folder's checkpoint.
        command: for the card.
        heard: where what was heard is kept; in the run's folder if absent.
        on_progress: told how many pieces were read.
        on_step: called after every step and every audit, in this process only.
        on_loss: told that workers were lost.

    Returns:
        How the run ended, and the card of `conductor.safetensors` in `out`.

    Raises:
        EnsembleError: see `fit_conductor` and `on_ray`.
    """
    check_folder(out, settings, resume=resume)
    material = gather_pieces(sets, heard or out / HEARD, settings.leaders_per_piece, command, on_progress)
    if num_workers == 0:
        result = fit_conductor(settings, material, out, resume=resume, on_step=on_step)
    else:
        places = [root.resolve() for root in sets]
        where = out.resolve(), command, (heard or out / HEARD).resolve()
        fit = partial(_fit, settings, places, *where, folder=Path.cwd())  # Ray gives workers folders of their own
        result = on_ray(fit, out, num_workers, may_use_gpu=settings.device != "cpu", on_loss=on_loss)
    return result, calibrate(out / CONDUCTOR.file_name, scenes_of(material.held_out))


def _fit(
    settings: TrainConductorSettings, sets: Sequence[Path], out: Path, command: str, heard: Path, **how: Any
) -> FitResult:
    """In a worker: what was heard lies on the disk already."""
    material = gather_pieces(sets, heard, settings.leaders_per_piece, command)
    return fit_conductor(settings, material, out, **how)

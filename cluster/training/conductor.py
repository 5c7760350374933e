"""Training a conductor: in this process, or by the same `fit_conductor` in every worker of a Ray."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cluster.training.player import on_ray, ray_team
from ensemble.conduct.conductor_file import ConductorCard
from ensemble.train.checkpoints import CHECKPOINT, check_run
from ensemble.train.conductor.calibration import calibrate
from ensemble.train.conductor.callback import CONDUCTOR
from ensemble.train.conductor.crops import scenes_of
from ensemble.train.conductor.fit import fingerprint_of, fit_conductor
from ensemble.train.conductor.material import ConductorMaterial, OnHeard, gather_pieces
from ensemble.train.conductor.settings import TrainConductorSettings
from ensemble.train.player.callback import OnProgress
from ensemble.train.player.fit import FitResult, check_folder

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
    on_heard: OnHeard | None = None,
    on_progress: OnProgress | None = None,
    on_loss: Callable[[str], None] | None = None,
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
        on_heard: told how many pieces were read.
        on_progress: in this process only.
        on_loss: told in a sentence that workers were lost, and where the run goes on.

    Returns:
        How the run ended, and the card of `conductor.safetensors` in `out`.

    Raises:
        EnsembleError: see `fit_conductor`; BandError where workers were lost too often.
    """
    check_folder(out, resume=resume)
    if (out / CHECKPOINT).exists():
        check_run(out / CHECKPOINT, fingerprint_of(settings))
    material = gather_pieces(sets, heard or out / HEARD, settings.leaders_per_piece, command, on_heard)
    if num_workers == 0:
        result = fit_conductor(settings, material, out, resume=resume, on_progress=on_progress)
    else:
        task = {
            "settings": settings.model_dump(),
            "sets": [str(root.resolve()) for root in sets],
            "heard": str((heard or out / HEARD).resolve()),
            "out": str(out.resolve()),
            "command": command,
        }
        may_use_gpu = settings.device != "cpu"
        result = on_ray(_work, task, out, num_workers, may_use_gpu=may_use_gpu, on_loss=on_loss)
    return result, calibrate(out / CONDUCTOR, scenes_of(material.held_out))


def _work(task: dict[str, Any]) -> None:
    """One worker: what was heard lies on the disk already."""
    settings = TrainConductorSettings.model_validate(task["settings"])
    sets = [Path(root) for root in task["sets"]]
    material: ConductorMaterial = gather_pieces(sets, Path(task["heard"]), settings.leaders_per_piece, task["command"])
    fit_conductor(settings, material, Path(task["out"]), resume=True, team=ray_team())

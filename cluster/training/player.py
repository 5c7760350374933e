"""Training on Ray: the same `fit` in every worker, wired together by Ray Train and Lightning."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cluster.training.lost_workers import reason
from ensemble.errors import BandError, WorkersLostError
from ensemble.train.checkpoints import CHECKPOINT, check_run, read_state
from ensemble.train.player.callback import OnProgress, Team
from ensemble.train.player.fit import FitResult, check_folder, fingerprint_of, fit
from ensemble.train.player.material import gather, takes_of
from ensemble.train.player.settings import TrainPlayerSettings

MAX_LOSSES = 2
"""How often in a row workers may be lost without one checkpoint in between; each time the run goes on from the last."""
Work = Callable[[dict[str, Any]], None]
"""What one worker does with the task that all of them are given."""


def train_player(
    settings: TrainPlayerSettings,
    data: Path,
    out: Path,
    *,
    num_workers: int = 0,
    resume: bool = False,
    command: str = "",
    prepared: Path | None = None,
    on_progress: OnProgress | None = None,
    on_loss: Callable[[str], None] | None = None,
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
        on_progress: in this process only.
        on_loss: told in a sentence that workers were lost, and where the run goes on.

    Raises:
        EnsembleError: see `fit`; BandError where workers were lost more than `MAX_LOSSES` times in a row.
    """
    if (out / CHECKPOINT).exists():
        check_folder(out, resume=resume)
        check_run(out / CHECKPOINT, fingerprint_of(settings))
    if num_workers == 0:
        material = gather(data, settings.instrument, settings.sample_rate, command, prepared)
        return fit(settings, material, out, resume=resume, on_progress=on_progress)
    for split in ("train", "valid"):
        takes_of(data, settings.instrument, split)
    check_folder(out, resume=resume)
    task = {
        "settings": settings.model_dump(),
        "data": str(data.resolve()),
        "out": str(out.resolve()),
        "command": command,
        "prepared": str(prepared.resolve()) if prepared else None,
    }
    return on_ray(_work, task, out, num_workers, may_use_gpu=settings.device != "cpu", on_loss=on_loss)


def on_ray(
    work: Work,
    task: dict[str, Any],
    out: Path,
    num_workers: int,
    *,
    may_use_gpu: bool,
    on_loss: Callable[[str], None] | None,
) -> FitResult:
    """Let workers train until the run ends; when some are lost, a new team goes on from the checkpoint.

    Ray's own retries would repeat a full disk or a damaged checkpoint, too; what is ours to say is said at once.
    """
    _check_seats(num_workers)
    storage = out.resolve() / "ray"
    on_gpu = may_use_gpu and _has("GPU", num_workers)
    losses, attempt = 0, 0
    try:
        while losses <= MAX_LOSSES:
            before = _step(out)
            try:
                _attempt(work, task, num_workers, on_gpu=on_gpu, storage=storage / f"attempt-{attempt}")
                return FitResult.of(read_state(out / CHECKPOINT))
            except WorkersLostError as error:
                losses = 1 if _step(out) > before else losses + 1
                lost = error.problem
            attempt += 1
            if on_loss is not None and losses <= MAX_LOSSES:
                on_loss(f"{lost}; going on from step {_step(out)}")
    finally:
        shutil.rmtree(storage, ignore_errors=True)  # Ray's notes on the attempts; ours are beside them
    problem = f"{lost}, {losses} times in a row without a checkpoint in between"
    raise BandError("training", problem, f"look at memory and machines; --resume goes on from step {_step(out)}")


def _attempt(work: Work, task: dict[str, Any], num_workers: int, *, on_gpu: bool, storage: Path) -> None:
    """Let a team of workers train.

    Raises:
        EnsembleError: the first that a worker raised; WorkersLostError where none did and they failed all the same.
    """
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    trainer = TorchTrainer(
        work,
        train_loop_config=task,
        scaling_config=ScalingConfig(num_workers=num_workers, use_gpu=on_gpu, resources_per_worker={"CPU": 1}),
        torch_config=TorchConfig(backend="nccl" if on_gpu else "gloo"),
        run_config=RunConfig(
            name=storage.name, storage_path=str(storage.parent), failure_config=FailureConfig(max_failures=0)
        ),
    )
    try:
        trainer.fit()
    except Exception as error:  # Ray wraps whatever a worker raised, in classes that differ by release
        raise reason(error) from error


def _work(task: dict[str, Any]) -> None:
    """One worker. A worker that replaces a lost one finds the checkpoint and goes on."""
    settings = TrainPlayerSettings.model_validate(task["settings"])
    prepared = Path(task["prepared"]) if task["prepared"] else None
    material = gather(Path(task["data"]), settings.instrument, settings.sample_rate, task["command"], prepared)
    fit(settings, material, Path(task["out"]), resume=True, team=ray_team())


def ray_team() -> Team:
    """How this worker is wired to the others."""
    import ray.train
    from ray.train.lightning import RayDDPStrategy, RayLightningEnvironment

    backend = "nccl" if ray.train.torch.get_device().type == "cuda" else "gloo"
    return Team(
        size=ray.train.get_context().get_world_size(),
        options={
            "strategy": RayDDPStrategy(process_group_backend=backend),  # type: ignore[no-untyped-call]
            "plugins": [RayLightningEnvironment()],  # type: ignore[no-untyped-call]
            "devices": "auto",
        },
        on_audit=ray.train.report,
    )


def _step(out: Path) -> int:
    """Where the run's checkpoint stands."""
    return read_state(out / CHECKPOINT).step if (out / CHECKPOINT).exists() else 0


def _check_seats(num_workers: int) -> None:
    """Workers that find no seat would be waited for without end."""
    import ray

    if not ray.is_initialized():
        raise BandError("training", "there is no Ray to run its workers", "start one, or train with --workers 0")
    if not _has("CPU", num_workers):
        raise BandError(
            "training", f"the cluster has fewer than {num_workers} cores", "ask for fewer workers, or add a node"
        )


def _has(kind: str, count: int) -> bool:
    import ray

    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return resources.get(kind, 0.0) >= count

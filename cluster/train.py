"""Training on Ray: the same `fit` in every worker, wired together by Ray Train and Lightning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ensemble.errors import BandError, EnsembleError
from ensemble.train.checkpoints import CHECKPOINT, read_state
from ensemble.train.fit import FitResult, check_folder, fit
from ensemble.train.keeper import OnProgress, Team
from ensemble.train.material import gather
from ensemble.train.settings import TrainPlayerSettings

MAX_FAILURES = 2
"""Workers that may be lost; each time the run goes on from its checkpoint."""


def train_player(
    settings: TrainPlayerSettings,
    data: Path,
    out: Path,
    *,
    num_workers: int = 0,
    resume: bool = False,
    command: str = "",
    on_progress: OnProgress | None = None,
) -> FitResult:
    """Train one voice.

    Args:
        settings: of the run; the batch size is each worker's.
        data: a data set of any known layout; with workers on other machines, on a disk they share.
        out: the run's folder, likewise.
        num_workers: 0 trains in this process, without Ray; more need a Ray that is running.
        resume: go on from the folder's checkpoint.
        command: for the voice's card.
        on_progress: in this process only.

    Raises:
        EnsembleError: see `fit`; BandError where the workers were lost more than `MAX_FAILURES` times.
    """
    if num_workers == 0:
        material = gather(data, settings.instrument, settings.sample_rate, command)
        return fit(settings, material, out, resume=resume, on_progress=on_progress)
    return _on_ray(settings, data, out, num_workers=num_workers, resume=resume, command=command)


def _on_ray(
    settings: TrainPlayerSettings, data: Path, out: Path, *, num_workers: int, resume: bool, command: str
) -> FitResult:
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    check_folder(out, resume=resume)
    on_gpu = settings.device != "cpu" and _has_gpus(num_workers)
    task = {
        "settings": settings.model_dump(),
        "data": str(data.resolve()),
        "out": str(out.resolve()),
        "command": command,
    }
    trainer = TorchTrainer(
        _work,
        train_loop_config=task,
        scaling_config=ScalingConfig(num_workers=num_workers, use_gpu=on_gpu, resources_per_worker={"CPU": 1}),
        torch_config=TorchConfig(backend="nccl" if on_gpu else "gloo"),
        run_config=RunConfig(
            name="train",
            storage_path=str((out / "ray").resolve()),
            failure_config=FailureConfig(max_failures=MAX_FAILURES),
        ),
    )
    try:
        trainer.fit()
    except Exception as error:  # Ray wraps whatever a worker raised, in classes that differ by release
        raise _reason(error) from error
    return FitResult.of(read_state(out / CHECKPOINT))


def _work(task: dict[str, Any]) -> None:
    """One worker. A worker that replaces a lost one finds the checkpoint and goes on."""
    import ray.train
    from ray.train.lightning import RayDDPStrategy, RayLightningEnvironment

    settings = TrainPlayerSettings.model_validate(task["settings"])
    material = gather(Path(task["data"]), settings.instrument, settings.sample_rate, task["command"])
    backend = "nccl" if ray.train.torch.get_device().type == "cuda" else "gloo"
    team = Team(
        size=ray.train.get_context().get_world_size(),
        options={
            "strategy": RayDDPStrategy(process_group_backend=backend),  # type: ignore[no-untyped-call]
            "plugins": [RayLightningEnvironment()],  # type: ignore[no-untyped-call]
            "devices": "auto",
        },
        on_audit=ray.train.report,
    )
    fit(settings, material, Path(task["out"]), resume=True, team=team)


def _has_gpus(count: int) -> bool:
    import ray

    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return resources.get("GPU", 0.0) >= count


def _reason(error: BaseException) -> EnsembleError:
    """Our own error where one of ours is at the bottom of it."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, EnsembleError):
            return inner
        failures = getattr(inner, "worker_failures", None) or {}
        ours = [failure for failure in failures.values() if isinstance(failure, EnsembleError)]
        if ours:
            return ours[0]
        inner = inner.__cause__
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return BandError("training", f"failed in its workers ({lines[-1]})", "look at the log above, then --resume")

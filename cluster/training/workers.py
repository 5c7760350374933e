"""Workers of a training run on Ray: the same `fit` in each, wired together by Ray Train and Lightning."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from cluster.training.lost_workers import reason
from ensemble.errors import BandError, WorkersLostError
from ensemble.train.checkpoints import CHECKPOINT, read_state
from ensemble.train.trainer import FitResult, Team

MAX_LOSSES = 2
"""How often in a row workers may be lost without one checkpoint in between; each time the run goes on from the last."""
Fit = Callable[..., FitResult]
"""Gathers its material and trains; takes `resume`, and `on_step` in this process or `team` in a worker."""
OnLoss = Callable[[str], None]
"""Told in a sentence that workers were lost, and where the run goes on."""


def on_ray(
    fit: Fit,
    out: Path,
    num_workers: int,
    *,
    may_use_gpu: bool,
    on_loss: OnLoss,
) -> FitResult:
    """Let workers train until the run ends; when some are lost, a new team goes on from the checkpoint.

    Ray's own retries would repeat a full disk or a damaged checkpoint, too; our errors are raised at once.

    Args:
        fit: what every worker does; it resumes from the checkpoint in `out`.
        out: the run's folder.
        num_workers: how many.
        may_use_gpu: give every worker a GPU where there are as many.
        on_loss: told that workers were lost.

    Raises:
        BandError: there is no Ray, too few cores, or workers were lost more than `MAX_LOSSES` times in a row.
        EnsembleError: the first that a worker raised.
    """
    _check_cores(num_workers)
    storage = out.resolve() / "ray"
    on_gpu = may_use_gpu and _has("GPU", num_workers)
    losses, attempt = 0, 0
    try:
        while losses <= MAX_LOSSES:
            before = _step(out)
            try:
                _attempt(fit, num_workers, on_gpu=on_gpu, storage=storage / f"attempt-{attempt}")
                return FitResult.of(read_state(out / CHECKPOINT))
            except WorkersLostError as error:
                losses = 1 if _step(out) > before else losses + 1
                lost = error.problem
            attempt += 1
            if losses <= MAX_LOSSES:
                on_loss(f"{lost}; going on from step {_step(out)}")
    finally:
        shutil.rmtree(storage, ignore_errors=True)  # Ray's own records of the attempts
    problem = f"{lost}, {losses} times in a row without a checkpoint in between"
    raise BandError("training", problem, f"look at memory and machines; --resume goes on from step {_step(out)}")


def _attempt(fit: Fit, num_workers: int, *, on_gpu: bool, storage: Path) -> None:
    """Let a team of workers train.

    Raises:
        EnsembleError: the first that a worker raised; WorkersLostError where none did and they failed all the same.
    """
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    def work() -> None:  # a worker that replaces a lost one finds the checkpoint and goes on
        fit(resume=True, team=_ray_team())

    trainer = TorchTrainer(
        work,
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


def _ray_team() -> Team:
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


def _check_cores(num_workers: int) -> None:
    """Refuse workers for which there are no cores: they would be waited for without end."""
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

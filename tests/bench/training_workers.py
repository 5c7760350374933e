"""What a second worker brings: one worker and a whole team take the same training step, by turns, in one process group.

Convention: every worker has its own batch, so a team of n does n batches a step, and its speed-up is
n * (one worker's seconds per step) / (the team's). Both are the median of a turn, the best of the turns; turns
alternate so that a busy machine treats both alike. The team's step ends with the exchange of gradients (gloo on CPUs).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ensemble.errors import BandError

TURNS, STEPS = 3, 8
RATE = 48_000


def bench_workers(num_workers: int) -> dict[str, float]:
    """Measure on the Ray that is running.

    Returns:
        alone_step_s, team_step_s: seconds of one step; alone_cpu_s, team_cpu_s: of the first worker's CPU in it;
        exchange_s: of an exchange of gradients by itself; team_speedup.

    Raises:
        BandError: the workers failed, or there are not enough cores for them.
    """
    import tempfile

    import ray
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    from cluster.training.lost_workers import reason

    cores = ray.cluster_resources().get("CPU", 0.0)  # type: ignore[no-untyped-call]
    if cores < num_workers:
        raise BandError("bench", f"the cluster has {cores:g} cores", f"ask for fewer than {num_workers} workers")
    with tempfile.TemporaryDirectory(prefix="ensemble-bench-") as storage:
        work: Any = _work  # Ray's signature does not know of an answer
        trainer: Any = TorchTrainer(
            work,
            scaling_config=ScalingConfig(num_workers=num_workers, resources_per_worker={"CPU": 1}),
            torch_config=TorchConfig(backend="gloo"),
            run_config=RunConfig(name="bench", storage_path=storage),
        )
        try:
            figures: dict[str, float] = trainer.fit().return_value or {}
        except Exception as error:  # Ray wraps whatever a worker raised, in classes that differ by release
            raise reason(error) from error
    return figures


def _work() -> dict[str, float]:
    """One worker: waits while the first one steps alone, then steps with it. The first one's figures are the answer."""
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    step = _Steps()
    step.alone()  # compile, and fill the tables
    step.together()
    seconds: dict[str, list[tuple[float, float]]] = {"alone": [], "team": [], "exchange": []}
    is_first = dist.get_rank() == 0
    for _ in range(TURNS):
        dist.barrier()
        if is_first:
            seconds["alone"].append(_median_s(step.alone))
        dist.barrier()
        seconds["team"].append(_median_s(step.together))
        seconds["exchange"].append(_median_s(step.exchange))
    if not is_first:
        return {}
    best = {name: np.array(turns).min(axis=0).tolist() for name, turns in seconds.items()}
    team_size = dist.get_world_size()
    return {
        "workers": float(team_size),
        "alone_step_s": best["alone"][0],
        "alone_cpu_s": best["alone"][1],
        "team_step_s": best["team"][0],
        "team_cpu_s": best["team"][1],
        "exchange_s": best["exchange"][0],
        "team_speedup": team_size * best["alone"][0] / best["team"][0],
    }


class _Steps:
    """The training step of `PlayerTask` in its second stage, on noise at a played pitch."""

    def __init__(self) -> None:
        import torch
        from torch.nn.parallel import DistributedDataParallel

        from ensemble.play.seeded import seeded_voice
        from ensemble.train.player.settings import TrainPlayerSettings
        from ensemble.train.player.task import PlayerTask

        settings = TrainPlayerSettings()
        task = PlayerTask(settings, seeded_voice(0, settings.instrument, settings.size))
        task.state.is_warming_up = False
        self._batch = _batch(settings.batch_size, settings.crop_frames, settings.warmup_frames)

        class Loss(torch.nn.Module):
            """What the exchange of gradients is wrapped around."""

            def __init__(self) -> None:
                super().__init__()
                self.task = task

            def forward(self, batch: Any) -> torch.Tensor:
                return task.training_step(batch, 0)

        self._loss = Loss()
        self._shared = DistributedDataParallel(self._loss)
        self._optimizer = task.configure_optimizers()
        self._gradient = torch.zeros(sum(parameter.numel() for parameter in task.network.parameters()))

    def alone(self) -> None:
        self._step(self._loss)

    def together(self) -> None:
        self._step(self._shared)

    def exchange(self) -> None:
        import torch.distributed as dist

        dist.all_reduce(self._gradient)

    def _step(self, loss: Any) -> None:
        self._optimizer.zero_grad()
        loss(self._batch).backward()
        self._optimizer.step()


def _batch(size: int, num_frames: int, warmup_frames: int) -> Any:
    """Crops of noise, drawn as in training."""
    from torch.utils.data import default_collate

    from ensemble.train.player.analysis import analyse
    from ensemble.train.player.crops import SynthDataset
    from ensemble.train.recordings import TrainingRecording

    length = 4 * num_frames
    draw = np.random.Generator(np.random.Philox(0))
    recording = TrainingRecording(
        name="noise", samples=0.1 * draw.standard_normal(length * RATE // 100, dtype=np.float32), sample_rate=RATE,
        f0_hz=np.geomspace(220.0, 880.0, length, dtype=np.float32), loudness_db=np.full(length, -20.0, np.float32),
        is_voiced=np.ones(length, np.bool_), licence="none",
    )  # fmt: skip
    crops = SynthDataset([recording], [analyse(recording)], crop_frames=num_frames, warmup_frames=warmup_frames)
    return default_collate([crops[item] for item in range(size)])


def _median_s(step: Callable[[], None]) -> tuple[float, float]:
    """Seconds of one step: of the clock, and of this process's CPU."""
    taken: list[tuple[float, float]] = []
    for _ in range(STEPS):
        began, cpu_began = time.perf_counter(), time.process_time()
        step()
        taken.append((time.perf_counter() - began, time.process_time() - cpu_began))
    wall_s, cpu_s = np.median(np.array(taken), axis=0)
    return float(wall_s), float(cpu_s)

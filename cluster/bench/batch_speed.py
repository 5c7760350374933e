"""What a second worker brings to a batch of leaders: renders in one process each, one core each, on the Ray at hand."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from ensemble.audio.files import write_clip

LEADERS_EACH = 2


def batch_speedup(leader_s: float, turns: int = 2, num_workers: int = 2) -> dict[str, float]:
    """Render leaders with one worker, and as many for each with all of them, by turns.

    Convention: the seconds of one worker for all leaders, by those of the team; each the best of the turns, so that a
    busy machine treats both alike. Workers are there and warm before the clock starts.

    Returns:
        batch_speedup_2_workers (for 2); render_core_s: CPU seconds per second of music, of a worker that is warm;
        worker_start_s: until a worker has rendered for the first time, less what it takes when it is warm.
    """
    import ray

    from cluster.bench.block_times import leader

    with tempfile.TemporaryDirectory(prefix="ensemble-bench-") as folder:
        source = Path(folder) / "leader.wav"
        clip = leader(leader_s, is_heard=False).clip
        write_clip(source, clip.span(0, clip.num_samples))
        began_s = time.perf_counter()
        kind: Any = ray.remote(_Worker)
        workers = [kind.options(num_cpus=1).remote() for _ in range(num_workers)]
        ray.get([worker.render.remote(str(source), 1) for worker in workers])
        start_s = time.perf_counter() - began_s
        alone_s, team_s = [], []
        for _ in range(turns):
            alone_s.append(_turn_s(workers[:1], str(source), num_workers * LEADERS_EACH))
            team_s.append(_turn_s(workers, str(source), LEADERS_EACH))
        cpu_s: float = ray.get(workers[0].render.remote(str(source), 1))
        for worker in workers:
            ray.kill(worker)
    return {
        f"batch_speedup_{num_workers}_workers": min(alone_s) / min(team_s),
        "render_core_s": cpu_s / leader_s,
        "worker_start_s": max(0.0, start_s - min(team_s) / LEADERS_EACH),
    }


def _turn_s(workers: list[Any], source: str, leaders_each: int) -> float:
    import ray

    began_s = time.perf_counter()
    ray.get([worker.render.remote(source, leaders_each) for worker in workers])
    return time.perf_counter() - began_s


class _Worker:
    """One core of the cluster."""

    def render(self, source: str, times: int) -> float:
        """Render a leader so often, in this process; the CPU seconds it took."""
        from ensemble.rendering import render

        began_s = time.process_time()
        with tempfile.TemporaryDirectory(prefix="ensemble-bench-") as folder:
            for number in range(times):
                render(source, Path(folder) / str(number))
        return time.process_time() - began_s

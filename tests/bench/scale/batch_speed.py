"""What a second worker brings to a batch of leaders: the batch's own renderers, one core each, on the Ray at hand."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count, islice
from pathlib import Path

from agents.renderer import Task
from cluster.batch.batch import LEADER_S, seat_renderer
from cluster.batch.pool import Pool
from ensemble.audio.files import write_clip
from ensemble.errors import EnsembleError
from ensemble.rendering.request import RenderRequest
from tests.bench.scale.block_times import RATE, leader
from tests.bench.scale.step_costs import cpu_s

LEADERS_EACH = 2


def batch_speedup(leader_s: float, turns: int = 2, num_workers: int = 2) -> dict[str, float]:
    """Render leaders with one worker, and as many for each with all of them, by turns.

    Convention: the seconds of one worker for all leaders, by those of the team; each the best of the turns, so that a
    busy machine treats both alike. Workers are there and warm before the clock starts.

    Returns:
        batch_speedup_2_workers (for 2); render_core_s: CPU seconds per second of music, of a worker that is warm;
        worker_start_s: until a worker has rendered for the first time, less what it takes when it is warm.
    """
    turn_s: dict[int, list[float]] = {1: [], num_workers: []}
    with tempfile.TemporaryDirectory(prefix="ensemble-bench-") as folder:
        source = Path(folder) / "leader.wav"
        clip = leader(leader_s, is_heard=False).clip
        write_clip(source, clip.span(0, clip.num_samples))
        tasks = _tasks(source, Path(folder))
        for _ in range(turns):
            for workers, taken_s in turn_s.items():
                began_s = time.perf_counter()
                with _pool(workers) as pool:
                    _run_all(pool, tasks, workers)
                    start_s = time.perf_counter() - began_s
                    before_s, began_s = _cpu_s(), time.perf_counter()
                    _run_all(pool, tasks, num_workers * LEADERS_EACH)
                    taken_s.append(time.perf_counter() - began_s)
                    render_s = (_cpu_s() - before_s) / (num_workers * LEADERS_EACH)
    return {
        f"batch_speedup_{num_workers}_workers": min(turn_s[1]) / min(turn_s[num_workers]),
        "render_core_s": render_s / leader_s,
        "worker_start_s": max(0.0, start_s - min(turn_s[num_workers]) / LEADERS_EACH),
    }


def _tasks(source: Path, folder: Path) -> Iterator[Task]:
    """The same leader for ever, each time into a folder of its own."""
    order, size_bytes = RenderRequest.of().model_dump_json(), source.stat().st_size
    for number in count():
        yield Task(str(source), size_bytes, str(folder / str(number)), order, force=False, block_frames=100)


@contextmanager
def _pool(workers: int) -> Iterator[Pool[Task]]:
    make = partial(seat_renderer, rates=(RATE,))
    pool: Pool[Task] = Pool(
        make, workers, ask=lambda actor, task: actor.render.remote(task), on_lost=lambda *_: None,
        on_note=lambda _: None, deadline_s=LEADER_S,
    )  # fmt: skip
    try:
        yield pool
    finally:
        pool.close()


def _run_all(pool: Pool[Task], tasks: Iterator[Task], number: int) -> None:
    for _, answer in pool.run(list(islice(tasks, number))):
        if isinstance(answer, EnsembleError):
            raise answer


def _cpu_s() -> float:
    """CPU seconds so far of all renderers."""
    return sum(seconds for name, seconds in cpu_s().items() if "Renderer" in name)

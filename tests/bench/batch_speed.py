"""What a second worker brings to a batch of leaders: the batch's own renderers, one core each, on the Ray at hand."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from functools import partial
from itertools import count, islice
from pathlib import Path

from agents.pool import ActorPool
from agents.renderer import Task
from cluster.batch.batch import LEADER_S, start_renderer
from ensemble.audio.files import write_clip
from ensemble.errors import EnsembleError
from ensemble.rendering.request import request_for
from tests.bench.block_times import RATE, leader

LEADERS_EACH = 2


def batch_speedup(leader_s: float, turns: int = 2, num_workers: int = 2) -> float:
    """How many times faster so many workers render a batch than one does.

    Convention: one worker and the team render the same number of leaders, by turns; the best of each one's turns
    counts, so that a busy machine treats both alike. Every worker has rendered once before the clock starts.
    """
    turn_s: dict[int, list[float]] = {1: [], num_workers: []}
    with tempfile.TemporaryDirectory(prefix="ensemble-bench-") as folder:
        source = Path(folder) / "leader.wav"
        clip = leader(leader_s, is_heard=False).clip
        write_clip(source, clip.span(0, clip.num_samples))
        tasks = _tasks(source, Path(folder))
        for _ in range(turns):
            for workers, taken_s in turn_s.items():
                with _pool(workers) as pool:
                    _run_all(pool, tasks, workers)
                    began_s = time.perf_counter()
                    _run_all(pool, tasks, num_workers * LEADERS_EACH)
                    taken_s.append(time.perf_counter() - began_s)
    return min(turn_s[1]) / min(turn_s[num_workers])


def _tasks(source: Path, folder: Path) -> Iterator[Task]:
    """The same leader for ever, each time into a folder of its own."""
    order, size_bytes = request_for().model_dump_json(), source.stat().st_size
    for number in count():
        yield Task(str(source), size_bytes, str(folder / str(number)), order, force=False, block_frames=100)


def _pool(workers: int) -> ActorPool[Task]:
    make = partial(start_renderer, rates=(RATE,))
    return ActorPool(make, workers, ask=lambda actor, task: actor.render.remote(task), deadline_s=LEADER_S)


def _run_all(pool: ActorPool[Task], tasks: Iterator[Task], number: int) -> None:
    for _, answer in pool.run(list(islice(tasks, number))):
        if isinstance(answer, EnsembleError):
            raise answer

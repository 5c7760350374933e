"""Many leaders as one batch: rendered by a pool of Ray actors or in this process, with one summary."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.environment import NAMESPACE
from agents.renderer import Rendered, Renderer, Task, clear_temporary, render_task
from cluster.batch.leaders import LeaderEntry
from cluster.batch.root import BatchRoot
from cluster.batch.survey import RenderJob, RenderOutcome, finished, survey
from ensemble.errors import AudioError, EnsembleError, OutputError
from ensemble.events import unheard
from ensemble.output.remote import is_url, shown
from ensemble.plan import RenderRequest
from ensemble.retrieve.settings import RetrieveSettings

if TYPE_CHECKING:
    from agents.pool import ActorPool

BY_VALUE_BYTES = 32 << 20
"""A leader's file up to this size (two minutes of 24-bit stereo) is sent with the call; the node opens larger ones."""
LEADER_S = 3600.0
"""Time limit for one leader: half an hour of music takes some minutes."""
OnOutcome = Callable[[RenderOutcome], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSummary:
    """What came of a batch."""

    out: str
    """The output folder or URL, as shown."""
    outcomes: tuple[RenderOutcome, ...]
    """One for each leader, in their order."""
    wall_s: float
    """Time that the batch took."""
    workers: int
    """Ray actors that rendered; 0: this process did."""
    lost: int = 0
    """Actors that died and were replaced."""

    @property
    def music_s(self) -> float:
        """Seconds of music that this batch rendered; renders that were there before do not count."""
        return sum(one.duration_s for one in self.outcomes if one.status == "rendered")

    @property
    def music_s_per_s(self) -> float:
        """Seconds of music rendered per second."""
        return self.music_s / self.wall_s if self.wall_s else 0.0

    @property
    def is_good(self) -> bool:
        """Whether every leader has its render."""
        return all(one.status in {"rendered", "done already"} for one in self.outcomes)

    def count(self, status: str) -> int:
        """Number of leaders with this status."""
        return sum(one.status == status for one in self.outcomes)

    def document(self) -> dict[str, Any]:
        """Everything, for programs."""
        return {
            "out": self.out, "is_good": self.is_good, "workers": self.workers, "lost_workers": self.lost,
            "wall_s": round(self.wall_s, 3), "music_s": round(self.music_s, 3),
            "music_s_per_s": round(self.music_s_per_s, 3),
            "leaders": [one._asdict() for one in self.outcomes],
        }  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Batch:
    """A batch that is ready to be run."""

    root: BatchRoot
    """Where it is written."""
    entries: tuple[LeaderEntry, ...]
    """The leaders."""
    jobs: tuple[RenderJob, ...]
    """What is to be rendered, the largest file first, so that no long leader is left for the end."""
    outcomes: dict[int, RenderOutcome] = field(default_factory=dict)
    """What is known, by the leader's place in `entries`; filled as jobs end."""


def plan_batch(
    entries: Sequence[LeaderEntry],
    out: str | Path,
    settings: RenderRequest,
    *,
    force: bool,
    report: bool = True,
    on_outcome: OnOutcome = unheard,
) -> Batch:
    """Look at every leader and at what `out` holds already: this says what is to be rendered. Needs no Ray.

    A render that is already there, made from the same file with the same settings, is kept.

    Args:
        entries: the leaders.
        out: a folder that every node sees, or a URL.
        settings: how to render those that say nothing else.
        force: replace other renders in `out`.
        report: write `report.html`, too.
        on_outcome: called with the outcome of each leader that needs no rendering.

    Raises:
        OutputError: the output cannot be used.
    """
    root = BatchRoot(out)
    jobs, outcomes = [], {}
    for number, found in enumerate(survey(entries, root, settings, force=force, report=report)):
        if isinstance(found, RenderOutcome):
            outcomes[number] = found
            on_outcome(found)
        else:
            jobs.append(found)
    jobs.sort(key=lambda job: -job.size_bytes)
    return Batch(root=root, entries=tuple(entries), jobs=tuple(jobs), outcomes=outcomes)


def run_batch(
    batch: Batch,
    *,
    workers: int | None,
    block_frames: int = 100,
    leader_s: float = LEADER_S,
    on_outcome: OnOutcome = unheard,
    on_note: Callable[[str], None] = unheard,
) -> BatchSummary:
    """Render every leader of a batch into `out/<name>`, as `ensemble.render` would, and write `out/batch.json`.

    A leader that cannot be rendered does not stop the others.

    Args:
        batch: what is to be rendered.
        workers: Ray actors, on the Ray that is running (default: one per core); 0 works in this process, without Ray.
        block_frames: block length in control frames; never changes the sound.
        leader_s: time limit for one leader, in seconds, on Ray.
        on_outcome: called with the outcome of each leader as soon as it is known.
        on_note: called with a sentence when something else happens, such as the loss of an actor.

    Raises:
        EnsembleError: the output cannot be used, or there is no worker.
    """
    began = time.monotonic()
    count = lost = 0
    with contextlib.ExitStack() as opened:
        mark = opened.enter_context(batch.root.open())
        pool: ActorPool[RenderJob] | None = None
        if not batch.jobs or workers == 0:
            ended = _render_in_process(batch.jobs, block_frames)
        else:
            pool = opened.enter_context(_pool(batch, mark, workers, block_frames, leader_s, on_note))
            ended = pool.run(batch.jobs)
        for job, answer in ended:
            outcome = job.outcome(answer)
            batch.outcomes[job.number] = outcome
            on_outcome(outcome)
        if pool is not None:
            count, lost = pool.count, pool.num_lost
        summary = BatchSummary(
            out=batch.root.what,
            outcomes=tuple(batch.outcomes[number] for number in range(len(batch.entries))),
            wall_s=time.monotonic() - began,
            workers=count,
            lost=lost,
        )
        batch.root.write_summary(summary.document())
    return summary


def _render_in_process(
    jobs: Sequence[RenderJob], block_frames: int
) -> Iterator[tuple[RenderJob, Rendered | EnsembleError]]:
    for job in jobs:
        task = _task(job, block_frames)
        try:
            answer: Rendered | EnsembleError = render_task(task, task.leader)
        except EnsembleError as error:
            answer = error
        yield job, answer


@contextlib.contextmanager
def _pool(
    batch: Batch, mark: str, workers: int | None, block_frames: int, leader_s: float, on_note: Callable[[str], None]
) -> Iterator[ActorPool[RenderJob]]:
    """A pool of renderers, and an actor that owns the store of recordings if a leader is to be extended."""
    import ray

    from agents.pool import CLOSING_S, ActorPool

    if batch.root.is_of_this_process:
        raise OutputError(
            batch.root.what,
            "exists in this process alone",
            "add --local, or name a folder or URL that every node reaches",
        )
    total: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    count = min(workers or max(1, int(total.get("CPU", 1.0))), len(batch.jobs))
    asked = next((job.request.extension for job in batch.jobs if job.request.extension is not None), None)
    retrieval = None if asked is None else _retrieval(asked.retrieve)
    rates = tuple(sorted({job.request.sample_rate for job in batch.jobs}))
    make = partial(start_renderer, rates=rates, mark=mark, retrieval=retrieval)
    try:
        with ActorPool(
            make, count, ask=partial(_send, block_frames=block_frames), deadline_s=leader_s, on_lost=_clear_after,
            on_note=on_note,
        ) as pool:  # fmt: skip
            yield pool
    finally:
        if retrieval is not None:
            ray.wait([retrieval.close.remote()], timeout=CLOSING_S)  # so that it closes the store, if it still can
            ray.kill(retrieval)


def start_renderer(number: int, *, rates: tuple[int, ...], mark: str = "", retrieval: Any = None) -> Any:
    """Start a `Renderer` on one core of the cluster; its arguments are explained there."""
    import ray

    kind: Any = ray.remote(Renderer)
    options = kind.options(  # two threads: one renders, one answers `ensemble status`
        num_cpus=1, max_concurrency=2, scheduling_strategy="SPREAD", **_named(f"renderer-{number}")
    )
    return options.remote(number, rates, mark, retrieval)


def _retrieval(settings: RetrieveSettings) -> Any:
    """Start the actor that owns the store; it reserves no core, so that every core renders."""
    import ray

    from agents.retrieval import RetrievalAgent

    kind: Any = ray.remote(RetrievalAgent)
    return kind.options(num_cpus=0, max_restarts=-1, max_task_retries=-1, **_named("retrieval")).remote(
        settings.model_dump_json()
    )


def _named(name: str) -> dict[str, str]:
    return {"name": f"{name}-{uuid.uuid4().hex[:8]}", "namespace": NAMESPACE}


def _send(actor: Any, job: RenderJob, *, block_frames: int) -> Any:
    """Call an actor to render a leader; a small file is sent along, so that not every node needs a copy."""
    if is_url(job.leader) or job.size_bytes > BY_VALUE_BYTES:
        return actor.render.remote(_task(job, block_frames))
    try:
        content = Path(job.leader).read_bytes()
    except OSError as error:
        raise AudioError(shown(job.leader), f"cannot be opened ({error.strerror})", "check the path") from error
    return actor.render.remote(_task(job, block_frames), content)


def _task(job: RenderJob, block_frames: int) -> Task:
    request = job.request.model_dump_json()
    return Task(job.leader, job.size_bytes, job.out, request, job.force, block_frames, job.report)


def _clear_after(who: str, job: RenderJob) -> Rendered | None:
    """Remove what a dead worker left behind; returns the render if it had finished it."""
    clear_temporary(who)
    job.root.clear_after(job.name, who)
    return finished(job)

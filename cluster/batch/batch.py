"""Many leaders as one batch: what there is to do, done by a pool of renderers or in this process, and summed up."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.renderer import Rendered, Renderer, Task, clear_temporary, render_task
from cluster.batch.leaders import LeaderEntry, leaders_of
from cluster.batch.root import BatchRoot
from cluster.batch.survey import RenderJob, RenderOutcome, finished, survey
from ensemble.errors import AudioError, EnsembleError, OutputError
from ensemble.output.remote import is_url, shown
from ensemble.plan import RenderRequest
from ensemble.rendering.request import request_for
from ensemble.retrieve.settings import RetrieveSettings

if TYPE_CHECKING:
    from agents.pool import ActorPool

BY_VALUE_BYTES = 32 << 20
"""A leader's file up to this size (two minutes of 24-bit stereo) travels with the call; others are read on the node."""
LEADER_S = 3600.0
"""What one leader may take: half an hour of music takes some minutes."""
OnOutcome = Callable[[RenderOutcome], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSummary:
    """What came of a batch, in the order of the leaders.

    workers: 0 where it was rendered in this process. lost: workers that died meanwhile and were replaced.
    """

    out: str
    outcomes: tuple[RenderOutcome, ...]
    wall_s: float
    workers: int
    lost: int = 0

    @property
    def music_s(self) -> float:
        """Seconds of music that were rendered now."""
        return sum(one.duration_s for one in self.outcomes if one.status == "rendered")

    @property
    def music_s_per_s(self) -> float:
        """The throughput."""
        return self.music_s / self.wall_s if self.wall_s else 0.0

    @property
    def is_good(self) -> bool:
        """Whether every leader has its render."""
        return all(one.status in {"rendered", "done already"} for one in self.outcomes)

    def count(self, status: str) -> int:
        """How many ended so."""
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
    """A batch that was looked through: what is to be done, and what is known of the rest."""

    root: BatchRoot
    entries: tuple[LeaderEntry, ...]
    jobs: tuple[RenderJob, ...]
    known: dict[int, RenderOutcome] = field(default_factory=dict)


def render_batch(
    leaders: Sequence[str | Path | LeaderEntry],
    out: str | Path,
    *,
    workers: int | None = None,
    settings: RenderRequest | None = None,
    force: bool = False,
    block_frames: int = 100,
    leader_s: float = LEADER_S,
    on_outcome: OnOutcome | None = None,
    on_note: Callable[[str], None] | None = None,
) -> BatchSummary:
    """Render every leader into `out/<name>`, as `ensemble.render` would with `settings`, and write `out/batch.json`.

    What is there already, made from the same file with the same settings, stays. A leader that cannot be rendered does
    not stop the others.

    Args:
        leaders: recordings, scores, their URLs, or entries of a roster.
        out: a folder that every node sees, or a URL.
        workers: on the Ray that is running; one for every core if absent; 0 works in this process, without Ray.
        settings: how to render; as `ensemble render` does without options if absent.
        force: replace other renders that lie there.
        block_frames: how the work is cut up; never changes the sound.
        leader_s: what one leader may take, in seconds, on Ray.
        on_outcome: told what became of each leader, as it is known.
        on_note: told in a sentence what else happened.

    Raises:
        EnsembleError: the output cannot be used, or there is no worker.
    """
    entries = [one if isinstance(one, LeaderEntry) else None for one in leaders]
    others = iter(leaders_of([one for one in leaders if not isinstance(one, LeaderEntry)]))
    known = tuple(next(others) if one is None else one for one in entries)
    batch = look_through(known, out, settings or request_for(), force=force, on_outcome=on_outcome)
    return run_batch(
        batch, workers=workers, block_frames=block_frames, leader_s=leader_s, on_outcome=on_outcome, on_note=on_note
    )  # fmt: skip


def look_through(
    entries: Sequence[LeaderEntry],
    out: str | Path,
    settings: RenderRequest,
    *,
    force: bool,
    on_outcome: OnOutcome | None = None,
) -> Batch:
    """Find out what is to be done, without Ray.

    Raises:
        OutputError: the output cannot be used.
    """
    root = BatchRoot(out)
    batch = Batch(root=root, entries=tuple(entries), jobs=())
    jobs = []
    for number, found in enumerate(survey(entries, root, settings, force=force)):
        if isinstance(found, RenderOutcome):
            batch.known[number] = found
            (on_outcome or _nobody)(found)
        else:
            jobs.append(found)
    batch.jobs = tuple(
        sorted(jobs, key=lambda job: -job.size_bytes)
    )  # the longest first, so that it is not left for the end
    return batch


def run_batch(
    batch: Batch,
    *,
    workers: int | None,
    block_frames: int = 100,
    leader_s: float = LEADER_S,
    on_outcome: OnOutcome | None = None,
    on_note: Callable[[str], None] | None = None,
) -> BatchSummary:
    """Do what is to be done; see `render_batch`."""
    began = time.monotonic()
    count = lost = 0
    with contextlib.ExitStack() as opened:
        mark = opened.enter_context(batch.root.open())
        pool: ActorPool[RenderJob] | None = None
        if not batch.jobs or workers == 0:
            ended = _here(batch.jobs, block_frames)
        else:
            pool = opened.enter_context(_pool(batch, mark, workers, block_frames, leader_s, on_note or _nobody))
            ended = pool.run(batch.jobs)
        for job, answer in ended:
            outcome = job.outcome(answer)
            batch.known[job.number] = outcome
            (on_outcome or _nobody)(outcome)
        if pool is not None:
            count, lost = pool.count, pool.num_lost
        summary = BatchSummary(
            out=batch.root.what,
            outcomes=tuple(batch.known[number] for number in range(len(batch.entries))),
            wall_s=time.monotonic() - began,
            workers=count,
            lost=lost,
        )
        batch.root.write_summary(summary.document())
    return summary


def _here(jobs: Sequence[RenderJob], block_frames: int) -> Iterator[tuple[RenderJob, Rendered | EnsembleError]]:
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
    """Lend a pool of renderers, and an actor that owns the store if a leader is extended."""
    import ray

    from agents.pool import CLOSING_S, ActorPool

    if batch.root.is_of_this_process:
        raise OutputError(batch.root.what, "is of this process alone", "add --local, or name what every node reaches")
    total: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    count = min(workers or max(1, int(total.get("CPU", 1.0))), len(batch.jobs))
    asked = next((job.request.extension for job in batch.jobs if job.request.extension is not None), None)
    retrieval = None if asked is None else _retrieval(asked.retrieve)
    rates = tuple(sorted({job.request.sample_rate for job in batch.jobs}))
    make = partial(start_renderer, rates=rates, mark=mark, retrieval=retrieval)
    try:
        with ActorPool(
            make, count, ask=partial(_ask, block_frames=block_frames), deadline_s=leader_s, on_lost=_clear_after,
            on_note=on_note,
        ) as pool:  # fmt: skip
            yield pool
    finally:
        if retrieval is not None:
            ray.wait([retrieval.close.remote()], timeout=CLOSING_S)  # it lets go of the store, if it still can
            ray.kill(retrieval)


def start_renderer(number: int, *, rates: tuple[int, ...], mark: str = "", retrieval: Any = None) -> Any:
    """A `Renderer` on one core of the cluster; for what it takes see there."""
    import ray

    kind: Any = ray.remote(Renderer)
    options = {
        "num_cpus": 1,
        "max_concurrency": 2,
        "scheduling_strategy": "SPREAD",
    }  # one renders, one answers `status`
    return kind.options(**options, **_named(f"renderer-{number}")).remote(number, rates, mark, retrieval)


def _retrieval(settings: RetrieveSettings) -> Any:
    """The actor that owns the store; it asks for no core, so that every core renders."""
    import ray

    from agents.retrieval import RetrievalAgent

    kind: Any = ray.remote(RetrievalAgent)
    return kind.options(num_cpus=0, max_restarts=-1, max_task_retries=-1, **_named("retrieval")).remote(
        settings.model_dump_json()
    )


def _named(name: str) -> dict[str, str]:
    import uuid

    from agents.environment import NAMESPACE

    return {"name": f"{name}-{uuid.uuid4().hex[:8]}", "namespace": NAMESPACE}


def _ask(actor: Any, job: RenderJob, *, block_frames: int) -> Any:
    """Send a leader out; a small one with its content, so that it need not lie on every node."""
    if is_url(job.leader) or job.size_bytes > BY_VALUE_BYTES:
        return actor.render.remote(_task(job, block_frames))
    try:
        content = Path(job.leader).read_bytes()
    except OSError as error:
        raise AudioError(shown(job.leader), f"cannot be opened ({error.strerror})", "check the path") from error
    return actor.render.remote(_task(job, block_frames), content)


def _task(job: RenderJob, block_frames: int) -> Task:
    return Task(job.leader, job.size_bytes, job.out, job.request.model_dump_json(), job.force, block_frames)


def _clear_after(who: str, job: RenderJob) -> Rendered | None:
    """Clear away what a dead worker left; what it had finished counts."""
    clear_temporary(who)
    job.root.clear_after(job.name, who)
    return finished(job)


def _nobody(_told: Any) -> None:
    """Do nothing."""

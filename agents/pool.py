"""A pool of actors that do jobs. Ray restarts none of them: the pool replaces a lost actor and repeats its job."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Generic, Self, TypeVar

import ray
from ray.exceptions import RayError

from agents.ray_errors import LOOK_S, LostActor, translate
from ensemble.errors import BandError, DeadlineError, EnsembleError, JobLostError

J = TypeVar("J")
TRIES = 3
"""How often a job is given out whose worker dies on it, and a worker is started that dies before its first job."""
START_S = 120.0
"""How long a worker may take to start before the pool believes that the cluster has no room for it."""
CLOSING_S = 3.0
"""How long to wait for a killed worker to be gone."""


@dataclass(slots=True)
class _Worker:
    """One place in the pool, with the actor that fills it now."""

    number: int
    actor: Any = None
    name: str = ""
    """What `ready` answered."""
    deaths: int = 0
    """In a row, before the first job."""
    until: float = 0.0
    """By when it must have answered the first of its jobs."""


@dataclass(slots=True)
class _Task(Generic[J]):
    """One job, and how many workers it was given to so far."""

    job: J
    tries: int = 0


class ActorPool(Generic[J]):
    """Keeps `count` actors busy; a context that ends them all.

    Args:
        make: makes the actor of a number; its method `ready` returns its name, or raises what makes it unfit.
        count: number of actors.
        deadline_s: how long a job may take.
        ask: gives a job to an actor, and returns the reference to its answer; calls its method `do` if absent.
        ahead: jobs that an actor may hold at a time; it works on the first.
        on_lost: called with an actor's name and its job once that actor is gone. What it returns, if not None, is the
            answer: the job had just been finished.
        on_note: called with a sentence for the operator.
    """

    def __init__(
        self,
        make: Callable[[int], Any],
        count: int,
        *,
        deadline_s: float,
        ask: Callable[[Any, J], Any] = lambda actor, job: actor.do.remote(job),
        ahead: int = 1,
        on_lost: Callable[[str, J], Any] = lambda _name, _job: None,
        on_note: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        self.count = count
        self.num_lost = 0
        self._make, self._ask, self._on_lost, self._on_note = make, ask, on_lost, on_note
        self._deadline_s, self._ahead = deadline_s, ahead
        self._starting: dict[Any, _Worker] = {}
        self._ready: list[_Worker] = []
        self._given: dict[Any, tuple[_Worker, _Task[J]]] = {}
        self._waiting: deque[_Task[J]] = deque()
        self._refusal: EnsembleError | None = None
        self._started_at = 0.0
        for number in range(count):
            self._start(_Worker(number))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def run(self, jobs: Iterable[J]) -> Iterator[tuple[J, Any]]:
        """Do every job once.

        Args:
            jobs: taken one by one, as workers become free.

        Yields:
            Each job when it is done, with its answer or an `EnsembleError`.

        Raises:
            EnsembleError: not one worker could be started.
        """
        upcoming = (_Task(job) for job in jobs)
        self._waiting.clear()
        num_done = 0
        while self._has_next(upcoming) or self._given:
            for worker in self._free():
                if not self._has_next(upcoming):
                    break
                task = self._waiting.popleft()
                try:
                    self._give(worker, task)
                except EnsembleError as error:
                    yield task.job, error
            for task, answer in self._look():
                num_done += 1
                yield task.job, answer
            if self._waiting and not self._ready and (problem := self._why_nobody()):
                if not num_done and not self.num_lost:
                    raise problem
                yield from ((task.job, problem) for task in chain(self._waiting, upcoming))
                return

    def close(self) -> None:
        """End every actor; what was in the midst of a job counts as lost."""
        for worker in [*self._ready, *self._starting.values()]:
            ray.kill(worker.actor)
        if self._given:
            ray.wait(list(self._given), num_returns=len(self._given), timeout=CLOSING_S)
        for worker, task in self._given.values():
            self._on_lost(worker.name, task.job)
        self._given.clear()

    def _has_next(self, upcoming: Iterator[_Task[J]]) -> bool:
        if not self._waiting:
            self._waiting.extend(islice(upcoming, 1))
        return bool(self._waiting)

    def _free(self) -> Iterator[_Worker]:
        """Workers that can take a job now, those without any first; one is given each time."""
        for held in range(self._ahead):
            yield from (worker for worker in list(self._ready) if len(self._refs(worker)) == held)

    def _refs(self, worker: _Worker) -> list[Any]:
        """What this worker has not answered yet, in the order that it works in."""
        return [ref for ref, (one, _) in self._given.items() if one is worker]

    def _start(self, worker: _Worker) -> None:
        worker.actor, worker.name = self._make(worker.number), ""
        self._starting[worker.actor.ready.remote()] = worker
        self._started_at = time.monotonic()

    def _give(self, worker: _Worker, task: _Task[J]) -> None:
        ref = self._ask(worker.actor, task.job)
        if not self._refs(worker):
            worker.until = time.monotonic() + self._deadline_s
        self._given[ref] = worker, task

    def _look(self) -> Iterator[tuple[_Task[J], Any]]:
        """Look once what has been answered, who has started or was lost, and which job takes too long."""
        refs = [*self._given, *self._starting]
        for ref in ray.wait(refs, timeout=LOOK_S)[0] if refs else []:
            if ref in self._starting:
                self._welcome(self._starting.pop(ref), _outcome(ref))
                continue
            worker = self._given[ref][0]
            outcome = _outcome(ref)
            if isinstance(outcome, LostActor):
                yield from self._replace(worker)
            else:
                worker.until = time.monotonic() + self._deadline_s
                yield self._given.pop(ref)[1], outcome
        for worker in [one for one in self._ready if self._refs(one) and time.monotonic() > one.until]:
            yield from self._replace(worker, DeadlineError("its worker", f"took more than {self._deadline_s:g} s"))

    def _welcome(self, worker: _Worker, outcome: Any) -> None:
        """A worker has started, is unfit, or died on the way."""
        if isinstance(outcome, EnsembleError):
            self._refusal = outcome
            self._on_note(f"a worker cannot be used: {outcome}")
            ray.kill(worker.actor)
        elif not isinstance(outcome, LostActor):
            worker.name, worker.deaths = outcome, 0
            self._ready.append(worker)
        elif worker.deaths + 1 < TRIES:
            worker.deaths += 1
            self._start(worker)
        else:
            self._refusal = BandError("a worker", f"died {TRIES} times before its first work", "is there memory?")

    def _replace(self, worker: _Worker, verdict: EnsembleError | None = None) -> Iterator[tuple[_Task[J], Any]]:
        """Start another actor instead of one that is lost or too late.

        The first of its jobs without an answer had begun, and ends with the verdict, if there is one. It is otherwise
        given to another worker, as are those behind it.
        """
        self.num_lost += 1
        ray.kill(worker.actor)
        refs = self._refs(worker)
        ray.wait(refs, num_returns=len(refs), timeout=CLOSING_S)
        begun: _Task[J] | None = None
        repeated = []
        for ref in refs:
            _, task = self._given.pop(ref)
            outcome = _outcome(ref, timeout_s=0.0)
            if isinstance(outcome, LostActor):
                begun = begun or task
                outcome = self._salvaged(worker, task, verdict) if task is begun else None
                if outcome is None:
                    repeated.append(task)
                    continue
            yield task, outcome
        self._waiting.extendleft(reversed(repeated))
        self._ready.remove(worker)
        self._start(worker)

    def _salvaged(self, worker: _Worker, task: _Task[J], verdict: EnsembleError | None) -> Any:
        """What a job that was begun ends with: its answer after all, or an error; None if it is to be tried again."""
        task.tries += 1
        if verdict is None and task.tries >= TRIES:
            verdict = JobLostError("its worker", f"died on it {TRIES} times", "see `ensemble status`")
        answer = self._on_lost(worker.name, task.job)
        return verdict if answer is None else answer

    def _why_nobody(self) -> EnsembleError | None:
        """Why no worker will ever be ready; None while one may."""
        if not self._starting:
            return self._refusal or BandError("the pool", "has no workers")
        if time.monotonic() < self._started_at + START_S:
            return None
        free = ray.available_resources().get("CPU", 0.0)  # type: ignore[no-untyped-call]
        return BandError(
            "a worker",
            f"could not be placed within {START_S:g} s (asked for 1 CPU, the cluster has {free:g} CPU free)",
            "add a node, or wait for others",
        )


def _outcome(ref: Any, timeout_s: float | None = None) -> Any:
    """An answer, an `EnsembleError`, or a `LostActor`."""
    try:
        return ray.get(ref, timeout=timeout_s)
    except RayError as error:
        return translate(error, "its worker")

"""The order of the jobs: fair between clients, one job of a song at a time. Pure bookkeeping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """What the queue knows of a job."""

    id: str
    """Its name."""
    song: str
    """Of which song: its jobs are done in the order in which they were asked for."""
    client: str
    """Who asked for it."""


class JobQueue:
    """Jobs that wait and jobs that run.

    Whoever had the fewest jobs begun since it waits comes next, and of equals the one whose last is longest ago: a
    client with a hundred jobs does not keep another one waiting for more than the job that runs.
    """

    def __init__(self) -> None:
        self._waiting: list[QueuedJob] = []
        self._running: dict[str, QueuedJob] = {}
        self._served: Counter[str] = Counter()
        """How many jobs of each client that waits were begun since it has waited."""
        self._last: Counter[str] = Counter()
        """Which of all jobs that were begun was the last of each client."""
        self._places: dict[str, int] | None = None
        """As `places` tells them; None since something has changed."""

    @property
    def num_running(self) -> int:
        """Jobs that run."""
        return len(self._running)

    @property
    def num_waiting(self) -> int:
        """Jobs that wait."""
        return len(self._waiting)

    def num_of(self, client: str) -> int:
        """Jobs of a client, waiting or running."""
        return sum(job.client == client for job in (*self._waiting, *self._running.values()))

    def add(self, job: QueuedJob) -> None:
        """Append a job."""
        others = {one.client for one in self._waiting}
        if job.client not in others:  # it gets no credit for the time when it wanted nothing
            self._served[job.client] = min((self._served[client] for client in others), default=0)
        self._waiting.append(job)
        self._places = None

    def take(self) -> QueuedJob | None:
        """Begin the next job; None where none can be begun."""
        job = next(self._order(self._busy_songs()), None)
        if job is not None:
            self._waiting.remove(job)
            self._running[job.id] = job
            self._places = None
            _count(job, self._served, self._last)
        return job

    def drop(self, name: str) -> bool:
        """Take a job out that waits; whether it did."""
        found = next((job for job in self._waiting if job.id == name), None)
        if found is not None:
            self._waiting.remove(found)
            self._places = None
        return found is not None

    def end(self, name: str) -> None:
        """Note that a job runs no more."""
        self._running.pop(name, None)

    def places(self) -> dict[str, int]:
        """The place of each job that waits, 1 is next, by name; where a song is busy, as if it were not."""
        if self._places is None:
            self._places = {job.id: place for place, job in enumerate(self._order(set()), 1)}
        return self._places

    def _busy_songs(self) -> set[str]:
        return {job.song for job in self._running.values()}

    def _order(self, busy: set[str]) -> Iterator[QueuedJob]:
        """The jobs that wait in the order in which they would be begun, without those of songs that are busy."""
        served, last, left = Counter(self._served), Counter(self._last), list(self._waiting)
        while True:
            ready: dict[str, QueuedJob] = {}
            songs = set(busy)
            for job in left:
                if job.song not in songs:
                    ready.setdefault(job.client, job)
                songs.add(job.song)  # an earlier job of the song comes first
            if not ready:
                return
            job = min(ready.values(), key=lambda one: (served[one.client], last[one.client], left.index(one)))
            yield job
            left.remove(job)
            _count(job, served, last)


def _count(job: QueuedJob, served: Counter[str], last: Counter[str]) -> None:
    """Note that a job is begun."""
    served[job.client] += 1
    last[job.client] = max(last.values(), default=0) + 1

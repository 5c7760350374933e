"""Indexing on a Ray: a pool of describers, and one keeper that takes in what they found, in batches."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from cluster.sessions.local import local_ray
from ensemble.errors import BandError, DeadlineError, EnsembleError
from ensemble.retrieve.index_local import AUDIO
from ensemble.retrieve.library.indexer import Indexer, IndexJob, IndexOutcome, IndexReport
from ensemble.retrieve.library.ledger import Ledger
from ensemble.retrieve.library.ledger_log import LedgerEntry
from ensemble.retrieve.library.library import OnProgress
from ensemble.retrieve.library.opening import LibraryPlace
from ensemble.retrieve.library.sources import Sources
from ensemble.threads import num_cores

ANSWER_S = 300.0
"""How long the keeper may take for a batch."""
SEATING_S = 120.0
AHEAD = 2
"""Files that wait for each describer, so that none of them does."""


def index_on_ray(
    sources: Sources, place: LibraryPlace, *, jobs: int | None, copies: bool, on_progress: OnProgress
) -> IndexReport:
    """Take recordings into a library with a Ray of its own.

    Args:
        sources: what was found.
        place: of the library.
        jobs: describers; one for every core if absent.
        copies: keep a copy of every recording beside the ledger.
        on_progress: told what is done.

    Raises:
        EnsembleError: Ray did not start, or the library cannot be used.
    """
    jobs = jobs or num_cores()
    on_progress("start Ray", 0, 1)
    with local_ray(num_cpus=jobs + 1):
        keeper = KeeperSeat(place)
        try:
            pool = IndexPool(jobs)
            indexer = Indexer[Any](
                keeper, Ledger(place.folder).entries, copies=place.folder / AUDIO if copies else None,
                on_progress=on_progress,
            )  # fmt: skip
            return indexer.run(sources, pool.describe_all)
        finally:
            keeper.close()


class KeeperSeat:
    """The keeper, as an indexer's shelf: descriptions go from the pool to it, never through here.

    Raises:
        StoreBusyError: another process has the library open.
        StoreError: it cannot be used.
    """

    def __init__(self, place: LibraryPlace) -> None:
        import ray

        from agents.names import NAMESPACE
        from agents.retrieval import LibraryWriter

        kind: Any = ray.remote(LibraryWriter).options(
            num_cpus=0.1, max_restarts=-1, max_task_retries=-1, name=f"keeper-{os.getpid()}", namespace=NAMESPACE
        )
        self.actor: Any = kind.remote(place.uri, str(place.folder))
        answer(self.actor.ready.remote(), "the keeper", SEATING_S)

    def add(self, recordings: Sequence[tuple[Any, LedgerEntry]]) -> int:
        """Take recordings in; the number of rows."""
        entries = [asdict(entry) for _, entry in recordings]
        rows: int = answer(self.actor.add.remote(entries, *(ref for ref, _ in recordings)), "the keeper", ANSWER_S)
        return rows

    def remove(self, recordings: Sequence[str]) -> int:
        """Forget recordings; the number of rows."""
        rows: int = answer(self.actor.remove.remote(list(recordings)), "the keeper", ANSWER_S)
        return rows

    def restate(self, entry: LedgerEntry) -> None:
        """A known recording has moved, or is called otherwise."""
        answer(self.actor.restate.remote(asdict(entry)), "the keeper", ANSWER_S)

    def close(self) -> None:
        """Let another process open the library."""
        import ray

        try:
            answer(self.actor.close.remote(), "the keeper", SEATING_S)
        finally:
            ray.kill(self.actor)


class IndexPool:
    """Describers, kept busy."""

    def __init__(self, jobs: int) -> None:
        import ray

        from agents.describer import Describer

        kind: Any = ray.remote(Describer).options(num_cpus=1, max_restarts=-1, max_task_retries=1)
        self._seats: list[Any] = [kind.remote(number) for number in range(jobs)]

    def describe_all(self, jobs: Iterable[IndexJob]) -> Iterator[IndexOutcome[Any]]:
        """Describe files in any order. One whose describer dies twice over it is passed over."""
        waiting: dict[Any, tuple[IndexJob, Any, int]] = {}
        load = dict.fromkeys(range(len(self._seats)), 0)
        for job in jobs:
            if len(waiting) >= AHEAD * len(self._seats):
                yield self._next(waiting, load)
            seat = min(load, key=lambda number: load[number])
            load[seat] += 1
            source = job.source
            summary, described = (
                self._seats[seat]
                .describe.options(num_returns=2)
                .remote(str(source.path), source.title, source.licence, job.sha256)
            )
            waiting[summary] = job, described, seat
        while waiting:
            yield self._next(waiting, load)

    def _next(self, waiting: dict[Any, tuple[IndexJob, Any, int]], load: dict[int, int]) -> IndexOutcome[Any]:
        """Whichever is described first."""
        import ray
        from ray.exceptions import RayError

        ready: list[Any] = []
        while not ready:  # Ray lets no signal through while it waits: look up every quarter of a second
            ready, _ = ray.wait(list(waiting), num_returns=1, timeout=0.25)
        job, described, seat = waiting.pop(ready[0])
        load[seat] -= 1
        try:
            summary = ray.get(ready[0])
        except RayError as error:
            return IndexOutcome(job=job, reason=f"could not be described ({type(error).__name__})")
        return IndexOutcome(
            job=job, reason=summary.reason, described=described if summary.num_chunks else None,
            duration_s=summary.duration_s, num_chunks=summary.num_chunks,
        )  # fmt: skip


def answer(ref: Any, who: str, deadline_s: float) -> Any:
    """Wait for an actor's answer.

    Raises:
        DeadlineError: it did not come in time.
        EnsembleError: what went wrong there.
    """
    import time

    import ray
    from ray.exceptions import RayError, RayTaskError

    until = time.monotonic() + deadline_s
    while not ray.wait([ref], timeout=0.25)[0]:
        if time.monotonic() > until:
            raise DeadlineError(who, f"did not answer within {deadline_s:g} s", "see `ensemble status`")
    try:
        return ray.get(ref)
    except RayTaskError as error:
        if isinstance(error.cause, EnsembleError):
            raise error.cause from None
        raise BandError(who, f"failed ({type(error.cause).__name__}: {error.cause})") from error
    except RayError as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise BandError(who, f"was lost ({reason})", "run it again: what was taken in stays") from error

"""Indexing on a Ray: a pool of describers, and one actor that writes what they found into the library, in batches."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from agents.environment import NAMESPACE
from ensemble.errors import EnsembleError
from ensemble.events import OnProgress
from ensemble.retrieve.index_local import AUDIO, describe_job
from ensemble.retrieve.library.indexer import Indexer, IndexJob, IndexOutcome, IndexReport
from ensemble.retrieve.library.ledger import Ledger
from ensemble.retrieve.library.ledger_log import LedgerEntry
from ensemble.retrieve.library.opening import LibraryPlace
from ensemble.retrieve.library.sources import Sources
from ensemble.threads import num_cores
from ensemble.wire import pack

WRITE_S = 300.0
"""What the library's writer may take for a batch."""
OPEN_S = 120.0
"""What it may take to open or close the library."""
FILE_S = 3600.0
"""What one recording may take."""
AHEAD = 2
"""Files that each describer holds, so that it need not wait for the next one."""


def index_on_ray(
    sources: Sources, place: LibraryPlace, *, jobs: int | None, copies: bool, on_progress: OnProgress
) -> IndexReport:
    """Take recordings into a library, on the Ray that runs.

    Args:
        sources: what was found.
        place: of the library.
        jobs: describers; one for every core if absent.
        copies: keep a copy of every recording beside the ledger.
        on_progress: told what is done.

    Raises:
        EnsembleError: the library cannot be used.
    """
    library = RemoteLibrary(place)
    try:
        indexer = Indexer[Any](
            library, Ledger(place.folder).entries, copies=place.folder / AUDIO if copies else None,
            on_progress=on_progress,
        )  # fmt: skip
        return indexer.run(sources, lambda files: describe_all(files, jobs or num_cores()))
    finally:
        library.close()


class RemoteLibrary:
    """A library whose writer is an actor. Descriptions go from the describers to it, never through this process.

    Raises:
        StoreBusyError: another process has the library open.
        StoreError: it cannot be used.
    """

    def __init__(self, place: LibraryPlace) -> None:
        import ray

        from agents.retrieval import LibraryWriter
        from agents.slots import LIGHT_CPUS

        kind: Any = ray.remote(LibraryWriter).options(
            num_cpus=LIGHT_CPUS, max_restarts=-1, max_task_retries=-1, name=f"writer-{os.getpid()}", namespace=NAMESPACE
        )
        self._actor: Any = kind.remote(place.uri, str(place.folder))
        self._answer(self._actor.ready.remote(), OPEN_S)

    def add(self, recordings: Sequence[tuple[Any, LedgerEntry]]) -> int:
        """Take recordings in; the number of rows."""
        entries = [entry for _, entry in recordings]
        rows: int = self._answer(self._actor.add.remote(entries, *(ref for ref, _ in recordings)))
        return rows

    def remove(self, recordings: Sequence[str]) -> int:
        """Forget recordings; the number of rows."""
        rows: int = self._answer(self._actor.remove.remote(list(recordings)))
        return rows

    def restate(self, entry: LedgerEntry) -> None:
        """A known recording has moved, or is called otherwise."""
        self._answer(self._actor.restate.remote(entry))

    def close(self) -> None:
        """Let another process open the library."""
        import ray

        try:
            self._answer(self._actor.close.remote(), OPEN_S)
        finally:
            ray.kill(self._actor)

    def _answer(self, ref: Any, deadline_s: float = WRITE_S) -> Any:
        from agents.ray_errors import wait_for

        return wait_for(ref, "the library's writer", deadline_s, if_lost="run it again: what was taken in stays")


def describe_all(files: Iterable[IndexJob], jobs: int) -> Iterator[IndexOutcome[Any]]:
    """Describe files by so many actors, in any order; a file that nobody can describe is passed over."""
    import ray

    from agents.pool import ActorPool
    from agents.slots import LIGHT_CPUS
    from agents.worker import JobWorker

    kind: Any = ray.remote(JobWorker).options(num_cpus=LIGHT_CPUS)
    described: dict[str, Any] = {}

    def ask(actor: Any, job: IndexJob) -> Any:
        outcome, described[job.sha256] = actor.do.options(num_returns=2).remote(job)
        return outcome

    def make(number: int) -> Any:
        return kind.remote(number, "describer", _described)

    with ActorPool[IndexJob](make, jobs, ask=ask, deadline_s=FILE_S, ahead=AHEAD) as pool:
        for job, outcome in pool.run(files):
            message = described.pop(job.sha256, None)
            if isinstance(outcome, EnsembleError):
                yield IndexOutcome(job=job, reason=f"could not be described ({outcome.what} {outcome.problem})")
            else:
                yield replace(outcome, described=message if outcome.num_chunks else None)


def _described(job: IndexJob) -> tuple[IndexOutcome[Any], bytes]:
    """What came of a file, and its description as a message apart; empty if it has none."""
    outcome = describe_job(job)
    return replace(outcome, described=None), b"" if outcome.described is None else pack(outcome.described)

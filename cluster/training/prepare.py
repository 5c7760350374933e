"""Preparing a data set, here or by a pool of actors: each finished take is on disk before it is counted."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ensemble.data.takes import RecordedPart, Skip
from ensemble.errors import AudioError, DeadlineError, EnsembleError, JobLostError
from ensemble.events import unheard
from ensemble.train.prepare import PrepareWork, prepare_take

TAKE_S = 900.0
"""What one take may take: half an hour of sound takes a minute."""
Finished = tuple[RecordedPart, float | Skip]
"""A take, and its seconds of sound or why it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """What was done: takes prepared now, takes kept from earlier, what was passed over, and how long it took."""

    root: Path
    cache: Path
    sample_rate: int
    num_new: int
    num_kept: int
    skips: tuple[Skip, ...]
    sound_s: float
    wall_s: float

    @property
    def pace(self) -> float:
        """Seconds of sound per second."""
        return self.sound_s / self.wall_s if self.wall_s else 0.0


def prepare(work: PrepareWork, *, jobs: int = 0, on_take: Callable[[int, int, float], None] = unheard) -> Preparation:
    """Prepare what is new.

    Args:
        work: what `survey` found.
        jobs: 0 works in this process; more actors need a Ray that is running.
        on_take: told how many takes are done, of how many, and the seconds of sound prepared per second.

    Raises:
        OutputError: a shard cannot be written; what is finished is kept.
        BandError: a worker failed for a reason that is not in the take.
        DeadlineError: a take took more than `TAKE_S`.
    """
    began = time.monotonic()
    _remove_half_written(work.cache)
    skips: list[Skip] = []
    sound_s = 0.0
    finished = _by_actors(work, min(jobs, len(work.new))) if jobs else _here(work)
    for done, (_, outcome) in enumerate(finished, start=1):
        if isinstance(outcome, Skip):
            skips.append(outcome)
        else:
            sound_s += outcome
        on_take(done, len(work.new), sound_s / max(time.monotonic() - began, 1e-9))
    _remove_half_written(work.cache)
    return Preparation(
        root=work.root, cache=work.cache, sample_rate=work.sample_rate, num_new=len(work.new) - len(skips),
        num_kept=work.num_kept, skips=(*work.skips, *skips), sound_s=sound_s, wall_s=time.monotonic() - began,
    )  # fmt: skip


def _remove_half_written(cache: Path) -> None:
    """Remove what killed processes left: a cache has one preparation at a time (see `only_writer`)."""
    for left in cache.rglob(".*.part"):
        left.unlink(missing_ok=True)


def _here(work: PrepareWork) -> Iterator[Finished]:
    for take in work.new:
        try:
            yield take, prepare_take(take, work.sample_rate, work.cache)
        except AudioError as error:
            yield take, _skip(error)


def _by_actors(work: PrepareWork, count: int) -> Iterator[Finished]:
    import ray

    from agents.pool import ActorPool
    from agents.worker import JobWorker

    kind: Any = ray.remote(JobWorker).options(num_cpus=1)
    task = partial(_prepare_from, Path.cwd(), sample_rate=work.sample_rate, cache=work.cache.resolve())
    with ActorPool[RecordedPart](lambda at: kind.remote(at, "preparer", task), count, deadline_s=TAKE_S) as pool:
        for take, answer in pool.run(work.new):
            if isinstance(answer, AudioError):
                yield take, _skip(answer)
            elif isinstance(answer, JobLostError):
                yield take, Skip(path=take.audio or Path(take.piece), reason=f"{answer.what} {answer.problem}")
            elif isinstance(answer, DeadlineError):
                raise DeadlineError(f"{take.piece}/{take.part}", answer.problem, "look at `ensemble status`")
            elif isinstance(answer, EnsembleError):
                raise answer
            else:
                yield take, answer


def _prepare_from(folder: Path, take: RecordedPart, *, sample_rate: int, cache: Path) -> float:
    """`prepare_take` in a worker, which runs in a folder of its own: relative paths are the caller's, from `folder`."""
    with contextlib.chdir(folder):
        return prepare_take(take, sample_rate, cache)


def _skip(error: AudioError) -> Skip:
    return Skip(path=Path(error.what), reason=error.problem)

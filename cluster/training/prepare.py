"""Preparing a data set, here or by a pool of actors: each finished take is on disk before it is counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ensemble.data.takes import RecordedPart, Skip
from ensemble.errors import AudioError, BandError, DeadlineError, EnsembleError
from ensemble.train.prepare import PrepareWork, prepare_take

TRIES = 3
"""How often a take is given out whose worker dies on it."""
STALLED_S = 900.0
"""Without any take being finished: half an hour of sound takes a minute."""
Finished = tuple[RecordedPart, float | Skip]
"""A take, and its seconds of sound or why it has none."""
OnProgress = Callable[[int, int, float], None]
"""Called with takes done, takes in all, and seconds of sound prepared per second."""


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


def prepare(work: PrepareWork, *, jobs: int = 0, on_progress: OnProgress | None = None) -> Preparation:
    """Prepare what is new.

    Args:
        work: what `survey` found.
        jobs: 0 works in this process; more actors need a Ray that is running.
        on_progress: called after every take.

    Raises:
        OutputError: a shard cannot be written; what is finished is kept.
        BandError: a worker failed for a reason that is not in the take.
        DeadlineError: nothing was finished for `STALLED_S`.
    """
    began = time.monotonic()
    skips: list[Skip] = []
    sound_s = 0.0
    finished = _by_actors(work, min(jobs, len(work.new))) if jobs else _here(work)
    for done, (_, outcome) in enumerate(finished, start=1):
        if isinstance(outcome, Skip):
            skips.append(outcome)
        else:
            sound_s += outcome
        if on_progress is not None:
            on_progress(done, len(work.new), sound_s / max(time.monotonic() - began, 1e-9))
    return Preparation(
        root=work.root, cache=work.cache, sample_rate=work.sample_rate, num_new=len(work.new) - len(skips),
        num_kept=work.num_kept, skips=(*work.skips, *skips), sound_s=sound_s, wall_s=time.monotonic() - began,
    )  # fmt: skip


def _here(work: PrepareWork) -> Iterator[Finished]:
    for take in work.new:
        try:
            yield take, prepare_take(take, work.sample_rate, work.cache)
        except AudioError as error:
            yield take, _skip(error)


def _by_actors(work: PrepareWork, count: int) -> Iterator[Finished]:
    """Every actor has one take at a time, and gets the next when it has answered."""
    import ray

    from agents.preparer import Preparer

    seat = ray.remote(Preparer).options(num_cpus=1, max_restarts=-1, max_task_retries=TRIES - 1)
    actors: list[Any] = [seat.remote(work.sample_rate, str(work.cache.resolve())) for _ in range(count)]
    idle, waiting = list(actors), list(reversed(work.new))
    asked: dict[Any, tuple[Any, RecordedPart]] = {}
    heard_of = time.monotonic()
    try:
        while waiting or asked:
            while idle and waiting:
                actor, take = idle.pop(), waiting.pop()
                asked[actor.prepare.remote(take)] = actor, take
            ready, _ = ray.wait(list(asked), timeout=0.25)  # Ray lets no signal through while it waits
            for ref in ready:
                actor, take = asked.pop(ref)
                idle.append(actor)
                heard_of = time.monotonic()
                yield take, _answer(ref, take)
            if time.monotonic() - heard_of > STALLED_S:
                names = ", ".join(f"{take.piece}/{take.part}" for _, take in asked.values())
                raise DeadlineError(names, f"nothing was finished for {STALLED_S:g} s", "look at `ensemble status`")
    finally:
        for actor in actors:
            ray.kill(actor)


def _answer(ref: Any, take: RecordedPart) -> float | Skip:
    """Seconds of sound, or why this take has none."""
    import ray
    from ray.exceptions import OutOfMemoryError, RayActorError, RayError, RayTaskError

    try:
        seconds: float = ray.get(ref)
        return seconds
    except RayTaskError as error:
        if isinstance(error.cause, AudioError):
            return _skip(error.cause)
        if isinstance(error.cause, EnsembleError):
            raise error.cause from None
        raise BandError(str(take.audio), f"failed ({type(error.cause).__name__}: {error.cause})") from error
    except (RayActorError, OutOfMemoryError):
        return Skip(path=take.audio or Path(take.piece), reason=f"its worker died on it {TRIES} times")
    except RayError as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise BandError("Ray", f"was lost ({lines[0]})", "prepare again: what is finished is kept") from error


def _skip(error: AudioError) -> Skip:
    return Skip(path=Path(error.what), reason=error.problem)

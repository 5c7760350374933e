"""A pool of actors that do whole jobs, one each at a time. Whoever dies is replaced; the job goes to somebody else.

Ray restarts nobody here: a replacement is seated anew, wherever there is room, and says who it is before it gets work,
so that what its predecessor left can be cleared away by name.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ensemble.errors import BandError, DeadlineError, EnsembleError

J = TypeVar("J")
TRIES = 3
"""How often a job is given out whose worker dies on it, and how often a worker is seated that dies before its first."""
SEATING_S = 120.0
CLOSING_S = 3.0
_GLANCE_S = 0.25
"""Ray lets no signal through while it waits."""


@dataclass(slots=True)
class _Seat:
    """One worker. who: what its `ready` answered; empty until then."""

    number: int
    actor: Any
    who: str = ""
    deaths: int = 0


@dataclass(slots=True)
class _Asked(Generic[J]):
    """One job that somebody is doing."""

    seat: _Seat
    job: J
    tries: int
    until: float


class Pool(Generic[J]):
    """Workers, kept busy.

    Args:
        make: makes the actor of a numbered seat; its `ready` says who it is.
        count: of seats.
        ask: gives a job to an actor, and returns the reference to its answer.
        on_lost: told who died or was killed on which job, once it is gone; answers for it, if it had just finished.
        on_note: told in a sentence what the operator should know.
        deadline_s: how long a job may take.
    """

    def __init__(
        self,
        make: Callable[[int], Any],
        count: int,
        *,
        ask: Callable[[Any, J], Any],
        on_lost: Callable[[str, J], Any],
        on_note: Callable[[str], None],
        deadline_s: float,
    ) -> None:
        self.count = count
        self.num_lost = 0
        self._make, self._ask, self._on_lost, self._on_note = make, ask, on_lost, on_note
        self._deadline_s = deadline_s
        self._idle: list[_Seat] = []
        self._seating: dict[Any, _Seat] = {}
        self._asked: dict[Any, _Asked[J]] = {}
        self._refusal: EnsembleError | None = None
        self._seated_at = time.monotonic()
        for number in range(count):
            self._seat(_Seat(number, None))

    def run(self, jobs: Sequence[J]) -> Iterator[tuple[J, Any]]:
        """Every job once, as they are done, with its answer or an `EnsembleError`.

        Raises:
            EnsembleError: not one seat could be filled.
        """
        waiting = deque((job, 1) for job in jobs)
        while waiting or self._asked:
            while waiting and self._idle:
                job, tries = waiting.popleft()
                try:
                    self._give(job, tries)
                except EnsembleError as error:
                    yield job, error
            for asked, outcome in self._glance():
                if outcome is None and asked.tries < TRIES:
                    waiting.appendleft((asked.job, asked.tries + 1))
                elif outcome is None:
                    yield asked.job, BandError("its worker", f"died on it {TRIES} times", "see `ensemble status`")
                else:
                    yield asked.job, outcome
            if waiting and not self._asked and not self._idle and (nobody := self._nobody()):
                if self.num_lost == 0 and len(waiting) == len(jobs):
                    raise nobody
                yield from ((job, nobody) for job, _ in waiting)
                return

    def close(self) -> None:
        """Send everyone home; whoever was at work left something."""
        import ray

        for seat in [*self._idle, *self._seating.values(), *(asked.seat for asked in self._asked.values())]:
            ray.kill(seat.actor)
        if self._asked:
            ray.wait(list(self._asked), num_returns=len(self._asked), timeout=CLOSING_S)
        for asked in self._asked.values():
            self._on_lost(asked.seat.who, asked.job)
        self._asked.clear()

    def _seat(self, seat: _Seat) -> None:
        seat.actor, seat.who = self._make(seat.number), ""
        self._seating[seat.actor.ready.remote()] = seat
        self._seated_at = time.monotonic()

    def _give(self, job: J, tries: int) -> None:
        seat = self._idle.pop()
        try:
            ref = self._ask(seat.actor, job)
        except EnsembleError:
            self._idle.append(seat)
            raise
        self._asked[ref] = _Asked(seat, job, tries, time.monotonic() + self._deadline_s)

    def _glance(self) -> Iterator[tuple[_Asked[J], Any]]:
        """Look up once: jobs that are answered; those whose worker died have None for an answer."""
        import ray

        looked_at = [*self._asked, *self._seating]
        ready: list[Any] = ray.wait(looked_at, timeout=_GLANCE_S)[0] if looked_at else []
        for ref in ready:
            if ref in self._seating:
                self._welcome(ref)
            else:
                asked = self._asked.pop(ref)
                outcome = self._answer(ref)
                if outcome is None:
                    outcome = self._replace(asked)
                else:
                    self._idle.append(asked.seat)
                yield asked, outcome
        for ref in [ref for ref, asked in self._asked.items() if time.monotonic() > asked.until]:
            asked = self._asked.pop(ref)
            ray.kill(asked.seat.actor)
            ray.wait([ref], timeout=CLOSING_S)
            yield asked, self._replace(asked) or DeadlineError("its worker", f"took more than {self._deadline_s:g} s")

    def _welcome(self, ref: Any) -> None:
        """Somebody sits down, refuses, or died on the way."""
        seat = self._seating.pop(ref)
        outcome = self._answer(ref)
        if isinstance(outcome, EnsembleError):
            self._refusal = outcome
            self._on_note(f"a worker cannot be seated: {outcome}")
            _kill(seat.actor)
        elif outcome is None:
            seat.deaths += 1
            if seat.deaths < TRIES:
                self._seat(seat)
            else:
                self._refusal = BandError("a worker", f"died {TRIES} times before its first work", "is there memory?")
        else:
            seat.who, seat.deaths = outcome, 0
            self._idle.append(seat)

    def _replace(self, asked: _Asked[J]) -> Any:
        self.num_lost += 1
        _kill(asked.seat.actor)
        answer = self._on_lost(asked.seat.who, asked.job)
        self._seat(asked.seat)
        return answer

    def _nobody(self) -> EnsembleError | None:
        """Why nobody will ever come."""
        if not self._seating:
            return self._refusal or BandError("the pool", "has no seats")
        if time.monotonic() < self._seated_at + SEATING_S:
            return None
        import ray

        available: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
        has = f"{available.get('CPU', 0.0):g} CPU free"
        return BandError(
            "a worker",
            f"found no seat within {SEATING_S:g} s (asked for 1 CPU, the cluster has {has})",
            "add a node, or wait for others",
        )

    def _answer(self, ref: Any) -> Any:
        """An answer, an `EnsembleError`, or None where the worker is gone."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        try:
            return ray.get(ref)
        except RayTaskError as error:
            if isinstance(error.cause, EnsembleError):
                return error.cause
            return BandError("its worker", f"failed ({type(error.cause).__name__}: {error.cause})")
        except RayError:
            return None


def _kill(actor: Any) -> None:
    import ray

    ray.kill(actor)

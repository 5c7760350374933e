"""Why a team of workers failed, in our own words: what must be told, and what is worth another attempt."""

from __future__ import annotations

from ensemble.errors import EnsembleError, WorkersLostError

_LONGEST = 160


def reason(error: BaseException) -> EnsembleError:
    """What lies at the bottom of an error of Ray Train.

    One of our own errors where a worker raised one: it would be raised again. Otherwise who was lost; what the others
    say about the connection that broke is left out.
    """
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, EnsembleError):
            return inner
        failures: dict[int, BaseException] = getattr(inner, "worker_failures", None) or {}
        ours = [failure for failure in failures.values() if isinstance(failure, EnsembleError)]
        if ours:
            return ours[0]
        if failures:
            return WorkersLostError("training", _who_failed(failures))
        inner = inner.__cause__
    return WorkersLostError("training", f"was lost ({_in_short(error)})")


def _who_failed(failures: dict[int, BaseException]) -> str:
    from ray.exceptions import RayActorError

    dead = [
        rank
        for rank, failure in sorted(failures.items())
        if isinstance(getattr(failure, "health_check_failure", failure), RayActorError)
    ]
    if dead:
        who = ", ".join(map(str, dead))
        return f"worker {who} died" if len(dead) == 1 else f"workers {who} died"
    rank, failure = min(failures.items())
    return f"worker {rank} failed ({_in_short(failure)})"


def _in_short(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[-1]}"[:_LONGEST]

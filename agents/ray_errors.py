"""What `ray.get` raises, in our own terms: an error for the user, or the loss of an actor."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import ray
from ray.exceptions import (
    ActorDiedError,
    ActorUnavailableError,
    ActorUnschedulableError,
    OutOfMemoryError,
    RayError,
    RayTaskError,
    WorkerCrashedError,
)

from agents.recovery import Cause
from ensemble.errors import BandError, DeadlineError, EnsembleError

LOOK_S = 0.25
"""How long one wait on Ray may last: Ctrl-C is not noticed before it returns."""
_DEATHS = (ActorDiedError, ActorUnschedulableError, OutOfMemoryError, WorkerCrashedError)
"""A killed process, a node that is gone, and Ray's own memory monitor each raise another one."""


class LostActor(NamedTuple):
    """An answer did not arrive because an actor, or a node that held a value, is gone."""

    cause: Cause
    """What happened, for `recovery.decide`."""
    actor_id: str | None
    """Which actor, in hexadecimal; None where Ray does not say."""
    had_begun: bool
    """False if the call never ran, because one of its inputs was lost."""
    reason: str
    """The first line of Ray's message."""


def translate(error: RayError, who: str) -> EnsembleError | LostActor:
    """Say what an error of Ray means.

    Args:
        error: raised by `ray.get`.
        who: was called, for the message.

    Returns:
        The `EnsembleError` that the actor raised; a `BandError` if it raised anything else; or a `LostActor`.
    """
    had_begun = True
    if isinstance(error, RayTaskError):
        raised = error.cause
        if isinstance(raised, EnsembleError):
            return raised
        if not isinstance(raised, RayError):
            return BandError(who, f"failed ({type(raised).__name__}: {raised})")
        error, had_begun = raised, False
    if isinstance(error, _DEATHS):
        cause = Cause.DIED
    else:
        cause = Cause.UNREACHABLE if isinstance(error, ActorUnavailableError) else Cause.ANSWER
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return LostActor(cause, getattr(error, "actor_id", None), had_begun, reason)


def wait_for(ref: Any, who: str, deadline_s: float, *, if_lost: str = "see `ensemble status`") -> Any:
    """Wait for the answer of an actor that nobody replaces.

    Args:
        ref: of the answer.
        who: was called, for messages.
        deadline_s: how long to wait.
        if_lost: what to do if the actor is lost, for the message.

    Raises:
        DeadlineError: there was no answer in time.
        BandError: the actor failed or was lost.
        EnsembleError: what the actor raised.
    """
    until = time.monotonic() + deadline_s
    while not ray.wait([ref], timeout=min(LOOK_S, deadline_s))[0]:
        if time.monotonic() > until:
            raise DeadlineError(who, f"did not answer within {deadline_s:g} s", "see `ensemble status`")
    try:
        return ray.get(ref)
    except RayError as error:
        fault = translate(error, who)
        if isinstance(fault, LostActor):
            fault = BandError(who, f"was lost ({fault.reason})", if_lost)
        raise fault from error

"""What Ray raises becomes an error for the user or a loss with its cause."""

from __future__ import annotations

import pytest
from ray.exceptions import (
    ActorDiedError,
    ActorUnavailableError,
    ObjectLostError,
    OutOfMemoryError,
    OwnerDiedError,
    RayError,
    RayTaskError,
)

from agents.ray_errors import LostActor, translate
from agents.recovery import Cause
from ensemble.errors import AudioError, BandError


def raised_inside(cause: Exception) -> RayTaskError:
    return RayTaskError("play", "Traceback", cause)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ActorDiedError(), Cause.DIED),
        (OutOfMemoryError("killed"), Cause.DIED),
        (ActorUnavailableError("no answer", b"0" * 16), Cause.UNREACHABLE),
        (ObjectLostError("0" * 56, None, ""), Cause.ANSWER),
        (OwnerDiedError("0" * 56, None, ""), Cause.ANSWER),
    ],
)
def test_a_loss_has_a_cause(error: RayError, cause: Cause) -> None:
    lost = translate(error, "violin")
    assert isinstance(lost, LostActor)
    assert (lost.cause, lost.had_begun) == (cause, True)
    assert lost.reason
    assert "\n" not in lost.reason


def test_an_error_of_ours_arrives_as_it_was_raised() -> None:
    ours = AudioError("song.wav", "is empty")
    assert translate(raised_inside(ours), "violin") is ours


def test_any_other_error_names_who_failed() -> None:
    failed = translate(raised_inside(KeyError("f0")), "violin")
    assert isinstance(failed, BandError)
    assert str(failed) == "violin: failed (KeyError: 'f0')"


def test_a_call_whose_input_was_lost_never_ran() -> None:
    lost = translate(raised_inside(ActorDiedError()), "violin")
    assert isinstance(lost, LostActor)
    assert (lost.cause, lost.had_begun) == (Cause.DIED, False)

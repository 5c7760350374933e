"""What Ray Train says about a team that failed, in a line of ours."""

from __future__ import annotations

import pytest
from ray.exceptions import RayActorError
from ray.train import ControllerError, WorkerGroupError
from ray.train.v2._internal.exceptions import WorkerHealthCheckFailedError

from cluster.training.lost_workers import reason
from ensemble.errors import OutputError, WorkersLostError

CUT_OFF = RuntimeError("[enforce fail at gloo] Connection closed by peer [127.0.0.1]:1234")
DEAD = WorkerHealthCheckFailedError("rank 1 died", failure=RayActorError())


@pytest.mark.parametrize(
    ("failures", "said"),
    [
        ({0: CUT_OFF, 1: DEAD}, "training: worker 1 died"),
        ({0: DEAD, 1: RayActorError()}, "training: workers 0, 1 died"),
        ({0: RuntimeError("first\nout of memory")}, "training: worker 0 failed (RuntimeError: out of memory)"),
    ],
)
def test_who_was_lost_is_said_without_the_collateral(failures, said):
    found = reason(WorkerGroupError("a page of text", failures))
    assert isinstance(found, WorkersLostError)
    assert str(found) == said


def test_what_a_worker_refused_is_told_as_it_was_and_not_tried_again():
    full = OutputError("run/checkpoint.safetensors", "cannot be written (No space left on device)")
    found = reason(WorkerGroupError("a page of text", {0: full, 1: CUT_OFF}))
    assert found is full
    assert not isinstance(found, WorkersLostError)


def test_anything_else_is_one_short_line():
    found = reason(ControllerError(RuntimeError("x" * 1000)))
    assert isinstance(found, WorkersLostError)
    assert len(str(found)) < 220
    assert "\n" not in str(found)

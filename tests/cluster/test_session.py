"""Whoever is impatient loses Ray at once, and nothing of their own with it."""

from __future__ import annotations

import errno
import socket
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from cluster.sessions.local import check_loopback, local_ray
from ensemble.errors import BandError

IMPATIENT = """
import time
import psutil
import ray
from cluster.sessions.local import check_loopback, local_ray

shut_down = ray.shutdown

def shut_down_late():
    time.sleep(1.0)  # a raylet that has lost an agent is gone by then
    for one in psutil.Process().children():
        print(f"{one.name()}: {one.status()}")
    shut_down()

ray.shutdown = shut_down_late
try:
    with local_ray(num_cpus=1):
        raise KeyboardInterrupt
finally:
    print("cleaned up")
"""


@pytest.mark.ray
def test_an_impatient_end_does_not_take_the_caller_along() -> None:
    """A raylet goes when one of its agents does, and takes its driver with it, whatever that had left to clean up."""
    done = subprocess.run([sys.executable, "-c", IMPATIENT], capture_output=True, text=True, timeout=280, check=False)
    assert "cleaned up" in done.stdout, done.stderr
    assert "raylet: " in done.stdout, done.stderr
    assert "raylet: zombie" not in done.stdout, done.stderr


@pytest.mark.parametrize(("failures", "tries"), [([Exception("timed out")], 2), ([Exception("a"), Exception("b")], 2)])
def test_a_ray_that_took_too_long_to_start_is_started_once_more(
    failures: list[Exception], tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    calls: list[Any] = []

    def init(**settings: Any) -> SimpleNamespace:
        calls.append(settings["_temp_dir"])
        if len(calls) <= len(failures):
            raise failures[len(calls) - 1]
        return SimpleNamespace(dashboard_url="127.0.0.1:1")

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)  # other tests of this process may have a Ray
    if len(failures) < tries:
        with local_ray(dashboard=True) as address:
            assert address == "http://127.0.0.1:1"
    else:
        with pytest.raises(BandError, match=r"did not start \(b\)"), local_ray():
            pass
    assert len(set(calls)) == tries


def test_what_another_try_does_not_mend_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    tried: list[bool] = []

    def init(**_: Any) -> None:
        tried.append(True)
        raise ValueError("no such setting")

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)  # other tests of this process may have a Ray
    with pytest.raises(BandError, match="no such setting"), local_ray():
        pass
    assert tried == [True]


def test_a_machine_that_does_not_reach_itself_is_told_before_ray_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr(socket, "create_connection", unreachable)
    with pytest.raises(BandError, match="is not reached by this machine") as refused:
        check_loopback()
    assert "--local" in str(refused.value)

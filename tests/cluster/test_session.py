"""Whoever is impatient loses Ray at once, and nothing of their own with it."""

from __future__ import annotations

import subprocess
import sys

import pytest

IMPATIENT = """
import time
import psutil
import ray
from cluster.sessions.local import local_ray

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
    done = subprocess.run([sys.executable, "-c", IMPATIENT], capture_output=True, text=True, timeout=60, check=False)
    assert "cleaned up" in done.stdout, done.stderr
    assert "raylet: " in done.stdout, done.stderr
    assert "raylet: zombie" not in done.stdout, done.stderr

"""Everything inside is on one thread, also what was imported after the first time."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from ensemble.threads import num_cores, num_threads, one_thread

LATE = """
import json
import numpy
from threadpoolctl import threadpool_info
from ensemble.threads import one_thread

def threads():
    return [pool["num_threads"] for pool in threadpool_info()]

with one_thread():
    first = threads()
import scipy.linalg
outside = threads()
with one_thread():
    later = threads()
print(json.dumps([first, outside, later]))
"""


def test_a_pool_that_is_loaded_later_is_held_to_one_thread_too() -> None:
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
    said = subprocess.run([sys.executable, "-c", LATE], env=environment, capture_output=True, text=True, check=True)
    first, outside, later = json.loads(said.stdout)
    assert len(first) > 0
    assert set(first) == {1}
    assert len(outside) > len(first), "scipy no longer brings a pool of its own: choose another library"
    assert set(outside) == {2}
    assert later == [1] * len(outside)


def test_who_has_one_core_shares_work_among_one_thread() -> None:
    assert num_threads() == num_cores() > 0
    with one_thread():
        assert num_threads() == 1
        with one_thread():
            assert num_threads() == 1
        assert num_threads() == 1
    assert num_threads() == num_cores()

"""Every process writes the same parts, whatever its hash seed and its number of threads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import hashlib
from tests.conduct.handmade_leader import heard_of
from tests.conduct.test_parts import EVERYONE
from ensemble.conduct.parts import write_parts
whole = hashlib.sha256()
for part in write_parts(heard_of(bars=6), EVERYONE, 1300, 11):
    whole.update(repr(part.notes if hasattr(part, "notes") else part.hits).encode())
    if hasattr(part, "f0_hz"):
        whole.update(part.f0_hz.tobytes() + part.level_db.tobytes())
print(whole.hexdigest())
"""


@pytest.mark.parametrize("change", [{"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2", "OPENBLAS_NUM_THREADS": "1"}])
def test_two_processes_write_the_same_parts(change):
    path = str(Path(__file__).parents[2])

    def digest(settings: dict[str, str]) -> str:
        environment = os.environ | {"PYTHONPATH": path} | settings
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    assert digest(change) == digest({"PYTHONHASHSEED": "0"})

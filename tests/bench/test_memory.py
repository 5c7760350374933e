"""What a command takes is counted once, with all its children."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from ensemble.errors import DeadlineError
from tests.bench.memory import memory_of_command

if not Path("/proc/self/smaps_rollup").exists():
    pytest.skip("SKIPPED LOUDLY: this kernel does not share out memory (smaps_rollup)", allow_module_level=True)

MIB = 2**20
HOLD = "import sys, time; held = b'x' * (int(sys.argv[1]) << 20); time.sleep(0.8)"
FAMILY = f"""
import subprocess, sys, time
held = b'x' * (60 << 20)
child = subprocess.Popen([sys.executable, '-c', {HOLD!r}, '90'], start_new_session=True)
child.wait()
"""
WRITE = "any(os.write(file, b'x' * (1 << 20)) < 0 for _ in range(70))"  # by pieces: each is held for a moment
SHARING = """
import mmap, os, time
shared = mmap.mmap(-1, 80 << 20)
for _ in range(80):
    shared.write(b'x' * (1 << 20))
children = [os.fork() for _ in range(2) if os.getpid() == int(os.environ['ELDEST'])]
for start in range(0, len(shared), 4096):
    shared[start]
time.sleep(0.8)
"""


def grown(program: str, *arguments: str) -> float:
    """MiB over an interpreter that does nothing."""
    taken = [
        memory_of_command([sys.executable, "-c", text, *arguments], timeout_s=60, interval_s=0.05).peak.total
        for text in ("import time; time.sleep(0.3)", program)
    ]
    return (taken[1] - taken[0]) / MIB


def test_what_a_process_holds_is_counted() -> None:
    assert 95 < grown(HOLD, "100") < 115


def test_what_its_children_hold_is_counted_too_in_sessions_of_their_own() -> None:
    assert 140 < grown(FAMILY) < 180  # and an interpreter


def test_what_several_share_is_counted_once() -> None:
    program = f"import os; os.environ['ELDEST'] = str(os.getpid())\n{SHARING}"
    assert 75 < grown(program) < 110


def test_a_file_in_shared_memory_is_counted_when_nobody_maps_it() -> None:
    program = f"import os, time; file = os.memfd_create('store'); {WRITE}; time.sleep(0.8)"
    assert 65 < grown(program) < 85


def test_status_and_output_are_given_back() -> None:
    done = memory_of_command([sys.executable, "-c", "print('told'); raise SystemExit(3)"], timeout_s=60)
    assert (done.exit_status, done.output) == (3, "told\n")
    assert done.peak.total == max((taken for _, taken in done.course), default=0)


def test_what_does_not_end_is_killed(tmp_path: Path) -> None:
    program = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    with pytest.raises(DeadlineError, match="did not end within 5 s"):
        memory_of_command([sys.executable, "-c", program], timeout_s=5.0)
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))

"""How much memory a command takes, with everything that it starts, at its worst moment.

Conventions: bytes of main memory, every page counted once. A page that several processes map is shared out between them
by the kernel (PSS), so that the sum over all processes counts it once. Files in shared memory, such as Ray's object
store, count with all their pages, also with those that no process maps any more. The kernel's cache of ordinary files
is not counted: the kernel gives it up whenever memory is asked for.
"""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from ensemble.errors import DeadlineError

INTERVAL_S = 0.15
"""From one look at the memory to the next."""
_SHARED_PLACES = ("/dev/shm/", "/memfd:")  # noqa: S108  where others keep theirs
_GONE = (OSError, psutil.Error)
"""What reading about a process raises when it has just ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """Memory of a command's processes at one moment."""

    at_s: float
    """Since the command began."""
    processes: dict[str, int]
    """Bytes by name, without shared memory."""
    shared: int
    """Bytes of shared memory."""

    @property
    def total(self) -> int:
        """Bytes of all together."""
        return sum(self.processes.values()) + self.shared


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryOfCommand:
    """What a command took."""

    peak: Footprint
    """The largest that was seen."""
    course: tuple[tuple[float, int], ...]
    """The total over time: one pair (seconds, bytes) per look."""
    duration_s: float
    """From its start to its end."""
    exit_status: int
    """As the shell sees it."""
    output: str = field(repr=False)
    """What it wrote to either stream."""


def memory_of_command(
    command: Sequence[str], *, timeout_s: float, interval_s: float = INTERVAL_S, folder: Path | None = None
) -> MemoryOfCommand:
    """Run a command in a process group of its own, and look at the memory of it and all its descendants meanwhile.

    Args:
        command: the program and its arguments.
        timeout_s: after so long it is killed.
        interval_s: from one look to the next; what comes and goes in between is not seen.
        folder: to run it in; this process's own when absent.

    Returns:
        The largest footprint and the course of all; the exit status, and what was written to either stream.

    Raises:
        DeadlineError: it did not end in time.
        OSError: it cannot be started, or this is no Linux.
    """
    began = time.monotonic()
    course: list[tuple[float, int]] = []
    peak = Footprint(at_s=0.0, processes={}, shared=0)
    with _started(command, folder) as (child, output):
        processes = _Processes(child.pid)
        while child.poll() is None:
            at_s = time.monotonic() - began
            if at_s > timeout_s:
                raise DeadlineError(command[0], f"did not end within {timeout_s:g} s", "give it more time")
            now = processes.footprint(at_s)
            if now.total > peak.total:  # pages that change hands while one process after the other is read count twice
                now = min(now, processes.footprint(at_s), key=lambda one: one.total)
            course.append((at_s, now.total))
            peak = max(peak, now, key=lambda one: one.total)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(interval_s)
        output.seek(0)
        told = output.read().decode(errors="replace")
    return MemoryOfCommand(
        peak=peak, course=tuple(course), duration_s=time.monotonic() - began, exit_status=child.returncode, output=told
    )


@contextlib.contextmanager
def _started(command: Sequence[str], folder: Path | None) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """The running command, and where its output goes; its process group is gone afterwards."""
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            yield child, output
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


class _Processes:
    """A process and all its descendants. One that was seen once is followed on, also when its parent has ended."""

    def __init__(self, first: int) -> None:
        self._members = {first: psutil.Process(first)}

    def footprint(self, at_s: float) -> Footprint:
        """What all that are alive take now."""
        self._update()
        processes: dict[str, int] = {}
        shared_files: dict[tuple[int, int], int] = {}
        mapped = 0
        for member in self._members.values():
            with contextlib.suppress(*_GONE):
                share = _shares(member.pid)
                name = member.name()
                processes[name] = processes.get(name, 0) + share["Pss_Anon"] + share["Pss_File"]
                mapped += share["Pss_Shmem"]
                shared_files |= _shared_files(member.pid)
        return Footprint(at_s=at_s, processes=processes, shared=max(mapped, sum(shared_files.values())))

    def _update(self) -> None:
        """Drop those that have ended, add new children: parents come before their children in order of creation."""
        self._members = {pid: one for pid, one in self._members.items() if one.is_running()}
        with contextlib.suppress(*_GONE):
            for one in sorted(psutil.process_iter(["ppid", "create_time"]), key=lambda one: one.info["create_time"]):
                if one.info["ppid"] in self._members:
                    self._members.setdefault(one.pid, one)


def _shares(pid: int) -> dict[str, int]:
    """Of the memory of one process, its share by kind, in bytes."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    return {name: 1024 * int(size.split()[0]) for name, size in (line.split(":") for line in lines)}


def _shared_files(pid: int) -> dict[tuple[int, int], int]:
    """Bytes that each file in shared memory takes which the process holds open, by device and number."""
    found: dict[tuple[int, int], int] = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(*_GONE):
            if str(link.readlink()).startswith(_SHARED_PLACES):
                status = link.stat()
                if stat.S_ISREG(status.st_mode):
                    found[status.st_dev, status.st_ino] = 512 * status.st_blocks
    return found

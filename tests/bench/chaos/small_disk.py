"""A disk that is soon full: a file system of a few MiB that only the commands started on it see."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ensemble.errors import BandError
from tests.bench.chaos.hosts import Inside, Space

_MOUNT = 'set -e; mount -t tmpfs -o size="$2" tmpfs "$1"; echo ready; read -r _'


class SmallDisk:
    """A file system of its own over one folder, seen only by the commands started on it.

    Args:
        path: an empty folder that it lies over.
        size: as mount takes it: 6m.
    """

    def __init__(self, path: Path, size: str) -> None:
        self.path = path
        self._space = Space(["--mount", "--pid", "--mount-proc"], _MOUNT, str(path), size)

    def popen(self, command: list[str], **how: Any) -> Inside:
        """Start a command that sees it."""
        return Inside([*self._way_in(), *command], **how)

    def grow(self, size: str) -> None:
        """Make it larger.

        Raises:
            BandError: it cannot be.
        """
        command = [*self._way_in(), "mount", "-o", f"remount,size={size}", str(self.path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BandError("the small disk", f"cannot grow ({done.stderr.strip()})")

    def end(self) -> None:
        """End what runs on it, and the file system with it."""
        self._space.end()

    def _way_in(self) -> list[str]:
        return ["nsenter", "--target", str(self._space.pid), "--mount", "--pid", f"--wdns={Path.cwd()}", "--"]


@contextlib.contextmanager
def small_disk(path: Path, size: str) -> Iterator[SmallDisk]:
    """A small disk over a folder; it ends with the block.

    Raises:
        BandError: this machine does not let us make one.
    """
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        raise BandError("a small disk", "needs root and unshare", "run as root, with util-linux")
    disk = SmallDisk(path, size)
    try:
        yield disk
    finally:
        disk.end()

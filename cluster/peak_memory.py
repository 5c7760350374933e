"""The most memory that a command and all its children hold at once."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from ensemble.audio.files import write_clip
from ensemble.errors import BandError

SAMPLE_S = 0.2
RENDER_S = 3600.0


def render_peak_bytes(minutes: float) -> int:
    """Of a render of a leader of so many minutes on a Ray of its own, in the shell: everything that it starts counts.

    Raises:
        BandError: the render failed.
    """
    from cluster.block_times import leader

    with tempfile.TemporaryDirectory(prefix="ensemble-bench-") as folder:
        write_clip(Path(folder) / "leader.wav", leader(60.0 * minutes, is_heard=False).clip)
        options = ("leader.wav", "--out", "out", "--json")
        return peak_bytes([sys.executable, "-P", "-m", "cluster", "render", *options], folder)


def peak_bytes(command: Sequence[str], folder: str) -> int:
    """Run a command in a folder, and look every 0.2 s at what it and its children hold.

    Returns:
        The largest sum of proportional set sizes (Linux): what several processes share counts once.

    Raises:
        BandError: it failed, or took more than an hour.
    """
    peak, until_s = 0, time.monotonic() + RENDER_S
    with tempfile.TemporaryFile("w+") as said, psutil.Popen(command, cwd=folder, stdout=said, stderr=said) as process:
        while process.poll() is None:
            if time.monotonic() > until_s:
                process.kill()
                raise BandError("bench", f"{' '.join(command[:5])} took more than {RENDER_S:g} s")
            peak = max(peak, _held_bytes(process))
            time.sleep(SAMPLE_S)
        if process.returncode:
            said.seek(0)
            lines = said.read().strip().splitlines() or [f"exit status {process.returncode}"]
            raise BandError("bench", f"the render failed ({lines[-1]})")
    return peak


def _held_bytes(process: psutil.Process) -> int:
    held = 0
    for one in [process, *_children(process)]:
        try:
            lines = Path(f"/proc/{one.pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        except (OSError, UnicodeDecodeError):
            continue  # it has ended meanwhile
        held += sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))
    return held


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        children: list[psutil.Process] = process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return children

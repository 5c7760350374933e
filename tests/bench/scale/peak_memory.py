"""The most memory that a render holds at once, with everything that it starts."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from cluster.bench.memory import memory_of_command
from ensemble.audio.files import write_clip
from ensemble.errors import BandError

RENDER_S = 3600.0


def render_peak_bytes(minutes: float) -> int:
    """Of a render of a leader of so many minutes on a Ray of its own, in the shell: everything that it starts counts.

    Raises:
        BandError: the render failed.
        DeadlineError: it took more than an hour.
    """
    from tests.bench.scale.block_times import leader

    with tempfile.TemporaryDirectory(prefix="ensemble-bench-") as folder:
        clip = leader(60.0 * minutes, is_heard=False).clip
        write_clip(Path(folder) / "leader.wav", clip.span(0, clip.num_samples))
        command = [sys.executable, "-P", "-m", "cluster", "render", "leader.wav", "--out", "out", "--address", "local"]
        taken = memory_of_command(command, timeout_s=RENDER_S, folder=Path(folder))
    if taken.exit_status:
        said = taken.output.strip().splitlines() or [f"exit status {taken.exit_status}"]
        raise BandError("bench", f"the render failed ({said[-1]})")
    return taken.peak.total

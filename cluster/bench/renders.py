"""How fast this machine plays: the synthesizer against a plain one, and whole renders."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ensemble.errors import BandError
from ensemble.leaders import leader_path

RENDER_S = 600.0
"""A render from the shell that takes longer is given up."""


def bench_playing(leader: Path | None, *, with_ray: bool, on_stage: Callable[[str], None]) -> dict[str, float]:
    """Measure everything.

    Args:
        leader: the recording to render; the bundled guitar when None.
        with_ray: also time a render on a fresh local Ray.
        on_stage: told what is measured next.

    Returns:
        Figures by name: `*_ratio` against the plain synthesizer of the same run, `*_realtime` in seconds of sound per
        second, `*_snr_db`, `*_wall_s` from the shell (interpreter, imports, Ray and all).

    Raises:
        BandError: a render from the shell failed.
    """
    from cluster.bench.speed import bench_synth

    on_stage("synthesizer against the baseline")
    figures = bench_synth()
    source = leader or leader_path()
    on_stage("render in this process")
    figures["render_realtime"] = _render_realtime(source)
    on_stage("render --local from the shell")
    figures["render_local_wall_s"] = _wall_s(source, "--local")
    if with_ray:
        on_stage("render on a fresh Ray from the shell")
        figures["render_ray_wall_s"] = _wall_s(source)
    return figures


def _render_realtime(source: Path) -> float:
    """Seconds of music per second of a second render in one process: imports and compiling are not counted."""
    from ensemble.rendering.render import render

    with tempfile.TemporaryDirectory(prefix="ensemble-bench-") as folder:
        render(source, Path(folder) / "first")
        execution = render(source, Path(folder) / "second").execution
    return execution.duration_s / execution.seconds["total"]


def _wall_s(source: Path, *options: str) -> float:
    with tempfile.TemporaryDirectory(prefix="ensemble-bench-") as folder:
        command = [sys.executable, "-m", "cluster", "render", str(source.resolve()), "--out", f"{folder}/out", *options]
        environment = os.environ | {"PYTHONSAFEPATH": "1"}
        began = time.perf_counter()
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=RENDER_S
        )
        wall_s = time.perf_counter() - began
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise BandError("bench", f"the render failed ({said[-1]})")
    return wall_s

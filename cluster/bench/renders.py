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
from ensemble.manifest import MANIFEST, Manifest

RENDER_S = 600.0
"""A command from the shell that takes longer is given up."""


def bench_playing(leader: Path | None, *, with_ray: bool, on_stage: Callable[[str], None]) -> dict[str, float]:
    """Measure everything.

    Args:
        leader: the recording to render; the bundled guitar when None.
        with_ray: also time a render on a fresh local Ray.
        on_stage: told what is measured next.

    Returns:
        Figures by name: `*_ratio` against the plain synthesizer of the same run, `*_realtime` in seconds of sound per
        second, `*_snr_db`, `*_wall_s` from the shell (interpreter, imports, Ray and all). `help_s` and `refuse_s` (of a
        leader that does not exist) are of commands that play nothing, `first_sound_s` is from the local render's
        command to its mix, and `cold_ray_over_local` the ratio of the two renders from the shell.

    Raises:
        BandError: a command from the shell failed.
    """
    from cluster.bench.speed import bench_synth

    on_stage("synthesizer against the baseline")
    figures = bench_synth()
    source = leader or leader_path()
    on_stage("render in this process")
    figures["render_realtime"] = _render_realtime(source)
    on_stage("commands that play nothing")
    figures["help_s"] = _command_s("--help")
    figures["refuse_s"] = _command_s("render", "no such recording.wav", "--out", "out", status=1)
    on_stage("render --local from the shell")
    figures["render_local_wall_s"], figures["first_sound_s"] = _render_s(source, "--local")
    if with_ray:
        on_stage("render on a fresh Ray from the shell")
        figures["render_ray_wall_s"], _ = _render_s(source)
        figures["cold_ray_over_local"] = figures["render_ray_wall_s"] / figures["render_local_wall_s"]
    return figures


def _render_realtime(source: Path) -> float:
    """Seconds of music per second of a second render in one process: imports and compiling are not counted."""
    from ensemble.rendering.render import render

    with tempfile.TemporaryDirectory(prefix="ensemble-bench-") as folder:
        render(source, Path(folder) / "first")
        execution = render(source, Path(folder) / "second").execution
    return execution.duration_s / execution.seconds["total"]


def _render_s(source: Path, *options: str) -> tuple[float, float]:
    """Seconds that a render from the shell takes, and those until its mix can be heard."""
    with tempfile.TemporaryDirectory(prefix="ensemble-bench-") as folder:
        wall_s = _command_s("render", str(source.resolve()), "--out", f"{folder}/out", *options)
        report_s = Manifest.read(Path(folder) / "out" / MANIFEST).execution.seconds["report"]
    return wall_s, wall_s - report_s


def _command_s(*words: str, status: int = 0) -> float:
    """Seconds that a command takes from the shell."""
    with tempfile.TemporaryDirectory(prefix="ensemble-bench-") as folder:
        command, environment = [sys.executable, "-m", "cluster", *words], os.environ | {"PYTHONSAFEPATH": "1"}
        began = time.perf_counter()
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=RENDER_S
        )
        wall_s = time.perf_counter() - began
    if done.returncode != status:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise BandError("bench", f"{words[0]} failed ({said[-1]})")
    return wall_s

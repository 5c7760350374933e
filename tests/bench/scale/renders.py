"""`ensemble bench`: the synthesizer against a textbook baseline, and whole renders by the clock on the wall."""

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


def playing(leader: Path | None, *, with_ray: bool, on_stage: Callable[[str], None]) -> dict[str, float]:
    """Measure everything.

    Returns:
        Figures by name: `*_ratio` against the baseline of the same run, `*_realtime` in seconds of sound per second,
        `*_snr_db`, `*_wall_s` from the shell (interpreter, imports, Ray and all).
    """
    from cluster.bench.speed import bench_synth

    on_stage("synthesizer against the baseline")
    figures: dict[str, float] = bench_synth()
    source = leader or leader_path()
    on_stage("render in this process")
    figures["render_realtime"] = _render_realtime(source)
    on_stage("render --local from the shell")
    figures["render_local_wall_s"] = _wall_s(source, "--local")
    if with_ray:
        on_stage("render on a fresh Ray from the shell")
        figures["render_ray_wall_s"] = _wall_s(source)
    return figures


def training(*, workers: int = 0, on_stage: Callable[[str], None]) -> dict[str, float]:
    """Measure a training step against a textbook one, or a team of workers against one of them.

    See `tests.bench.training_speed.bench_train` and `tests.bench.training_workers.bench_workers`.
    """
    if workers:
        from cluster.sessions.local import local_ray
        from tests.bench.training_workers import bench_workers

        on_stage("start Ray")
        with local_ray(num_cpus=workers):
            on_stage(f"one worker and {workers}, by turns")
            return bench_workers(workers)
    from tests.bench.training_speed import bench_train

    on_stage("a training step against the textbook's")
    figures: dict[str, float] = bench_train()
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

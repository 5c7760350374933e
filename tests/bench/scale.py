"""What Ray costs per block, how memory grows with length, what a second worker brings: `make scale`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from cluster.cli.json_output import AsJson, print_json
from cluster.cli.progress import OUT, Monitor, show_bench
from cluster.main import main
from cluster.sessions.local import local_ray
from ensemble.audio.files import write_clip
from ensemble.band import LocalBand
from ensemble.errors import BandError
from ensemble.takes import Lead
from ensemble.threads import num_cores
from tests.bench.batch_speed import batch_speedup
from tests.bench.block_times import leader, percentiles_ms, plan_for, play
from tests.bench.memory import memory_of_command

OnStage = Callable[[str], None]
CORES = num_cores()
LONG_RENDER_S = 3600.0


def bench_scale(
    instruments: Annotated[int, typer.Option(min=1, max=8, help="Of the largest band.")] = 8,
    seconds: Annotated[float, typer.Option(min=1.0, max=60.0, help="Of the leader that is followed.")] = 16.0,
    rounds: Annotated[int, typer.Option(min=1, help="Of the comparison with one process.")] = 4,
    skip_memory: Annotated[
        bool, typer.Option("--skip-memory", help="Leave out the renders of 2 and 20 minutes, which take minutes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure Ray's cost per block, memory by length, and what a second worker brings to a batch."""
    with Monitor(quiet=False) as monitor:
        on_stage = monitor.stage
        on_stage("hear the leader")
        lead = leader(seconds)
        figures: dict[str, Any] = {"cores": float(CORES), "load": os.getloadavg()[0]}
        with local_ray(num_cpus=max(2, CORES)):
            figures |= ray_overhead(lead, instruments, rounds, on_stage)
            figures["blocks"] = list(bands_of_all_sizes(lead, instruments, on_stage))
            on_stage("leaders with one worker and with two")
            figures["batch_speedup_2_workers"] = batch_speedup(seconds, turns=min(rounds, 3))
        figures |= {"memory_ratio_20min_2min": None} if skip_memory else memory_by_length(on_stage)
    if as_json:
        print_json(figures)
        return
    rows = figures.pop("blocks")
    show_bench({name: value for name, value in figures.items() if value is not None})
    table = Table(*(name.replace("_", " ") for name in rows[0]), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(f"{value:.3g}" for value in row.values()))
    OUT.print("\nblocks", table, sep="\n")


def ray_overhead(lead: Lead, instruments: int, rounds: int, on_stage: OnStage) -> dict[str, float]:
    """Ray's cost over one process: instruments at 48 kHz, each in an actor of its own, in blocks of 0.2 s.

    Convention, the least flattering that we know: the time from asking for a block to having it in the driver, one
    block at a time, less the time that the same block takes in one process divided by the cores: as if its work could
    be dealt out evenly, the conductor need not be first, and nobody had to wait. Percentiles are over all blocks of
    all rounds; rounds in one process and on Ray alternate, so that a busy machine treats both alike.
    """
    from agents import RayBand

    plan = plan_for(lead, instruments)
    here = LocalBand(plan)
    on_stage(f"start {instruments} instruments")
    on_ray = RayBand(plan)
    try:
        for band in (here, on_ray):
            play(band, lead, plan, in_flight=1)  # compile, and fill the caches
        on_stage("blocks in one process and on Ray, by turns")
        pairs = [[play(band, lead, plan, in_flight=1).latency_s for band in (here, on_ray)] for _ in range(rounds)]
    finally:
        on_ray.close()
    local_s, ray_s = (np.concatenate(side) for side in zip(*pairs, strict=True))
    p50_ms, p99_ms = percentiles_ms(ray_s - local_s / min(CORES, instruments))
    return {
        "ray_overhead_p50_ms": p50_ms,
        "ray_overhead_p99_ms": p99_ms,
        "ray_block_p50_ms": percentiles_ms(ray_s)[0],
        "local_block_p50_ms": percentiles_ms(local_s)[0],
    }


def bands_of_all_sizes(lead: Lead, largest: int, on_stage: OnStage) -> Iterator[dict[str, float]]:
    """Bands of 1, 2, 4 and 8 instruments, up to the largest, on one and on two actors per core.

    Block latencies are with one block in flight, the real-time factor is with two.
    """
    known: dict[tuple[int, int], dict[str, float]] = {}
    for instruments in (count for count in (1, 2, 4, 8) if count <= largest):
        for per_core in (1, 2):
            actors = min(per_core * CORES, instruments)
            if (instruments, actors) not in known:
                on_stage(f"{instruments} instruments on {actors} actors")
                known[instruments, actors] = _latency_and_speed(lead, instruments, actors)
            row = {"instruments": instruments, "actors_per_core": per_core, "actors": actors}
            yield row | known[instruments, actors]


def _latency_and_speed(lead: Lead, instruments: int, actors: int) -> dict[str, float]:
    from agents import RayBand

    plan = plan_for(lead, instruments)
    band = RayBand(plan, actors=actors)
    try:
        play(band, lead, plan, in_flight=2)
        p50_ms, p99_ms = percentiles_ms(play(band, lead, plan, in_flight=1).latency_s)
        realtime = play(band, lead, plan, in_flight=2).realtime
    finally:
        band.close()
    return {"block_p50_ms": p50_ms, "block_p99_ms": p99_ms, "realtime": realtime}


def memory_by_length(on_stage: OnStage) -> dict[str, float]:
    """The most that all processes of a render hold, for a leader of 2 minutes and for one of 20."""
    held = {}
    for minutes in (2, 20):
        on_stage(f"memory of a leader of {minutes} minutes")
        held[minutes] = render_peak_bytes(minutes)
    return {
        "memory_ratio_20min_2min": held[20] / held[2],
        "memory_2min_mb": held[2] / 1e6,
        "memory_20min_mb": held[20] / 1e6,
    }


def render_peak_bytes(minutes: float) -> int:
    """Of a render from the shell, on a Ray of its own: everything that it starts counts.

    Raises:
        BandError: the render failed.
        DeadlineError: it took more than an hour.
    """
    with tempfile.TemporaryDirectory(prefix="ensemble-bench-") as folder:
        clip = leader(60.0 * minutes, is_heard=False).clip
        write_clip(Path(folder) / "leader.wav", clip.span(0, clip.num_samples))
        command = [sys.executable, "-P", "-m", "cluster", "render", "leader.wav", "--out", "out", "--address", "local"]
        taken = memory_of_command(command, timeout_s=LONG_RENDER_S, folder=Path(folder))
    if taken.exit_status:
        said = taken.output.strip().splitlines() or [f"exit status {taken.exit_status}"]
        raise BandError("bench", f"the render failed ({said[-1]})")
    return taken.peak.total


if __name__ == "__main__":
    main(partial(typer.run, bench_scale))

"""`ensemble bench scale`: Ray's cost per block, memory by length, what more workers bring, and a forecast for more."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from ensemble.band import Band, LocalBand
from ensemble.plan import RenderPlan
from ensemble.rendering.leader import Lead
from ensemble.threads import num_cores
from tests.bench.scale.batch_simulation import BatchCosts
from tests.bench.scale.block_times import BLOCK_S, Played, leader, percentiles_ms, plan_for, play
from tests.bench.scale.forecast import READ_BYTES, WRITTEN_BYTES, batch_forecast, forecast
from tests.bench.scale.simulation import Costs, Machines, Work, simulate

OnStage = Callable[[str], None]
CORES = num_cores()


def scaling(*, instruments: int, seconds: float, rounds: int, with_memory: bool, on_stage: OnStage) -> dict[str, Any]:
    """Measure and forecast everything, on a machine as busy as `load` says.

    Args:
        instruments: of the largest band, 1 to 8.
        seconds: of the leader that the bands follow.
        rounds: of the comparison with one process, and (3 at most) of one worker with two.
        with_memory: render a leader of 2 minutes and one of 20.
        on_stage: told what is done.

    Returns:
        ray_overhead_p50_ms, ray_overhead_p99_ms and others of `overhead`; memory_ratio_20min_2min, or None;
        batch_speedup_2_workers and others of `bench.batch_speed`; `blocks`: the table of `crowds`; `costs`: what the
        forecasts are made with; `two_nodes`: a real run of two nodes beside its forecast; `forecast`,
        `batch_forecast`: rows.
    """
    from cluster.sessions.local import local_ray
    from tests.bench.scale.batch_speed import batch_speedup

    on_stage("hear the leader")
    lead = leader(seconds)
    with local_ray(num_cpus=max(2, CORES)):
        figures: dict[str, Any] = {"cores": float(CORES), "load": os.getloadavg()[0]}
        figures |= overhead(lead, instruments, rounds, on_stage)
        costs: Costs = figures.pop("costs")
        figures["blocks"] = list(crowds(lead, instruments, on_stage))
        on_stage("leaders with one worker and with two")
        batch = batch_speedup(seconds, turns=min(rounds, 3))
    figures |= batch
    figures["two_nodes"] = against_two_nodes(lead, instruments, costs, on_stage)
    figures["memory_ratio_20min_2min"] = None
    if with_memory:
        figures |= memory(on_stage)
    on_stage("forecast")
    figures["costs"] = asdict(costs) | {"conduct_s": _mean(costs.conduct_s), "play_s": _mean_of_all(costs)}
    figures["forecast"] = list(forecast(costs))
    batch_costs = BatchCosts(
        render_s=batch["render_core_s"], submit_s=costs.submit_s, start_s=batch["worker_start_s"],
        grant_s=figures["head_actor_s"], read_bytes=READ_BYTES, written_bytes=WRITTEN_BYTES,
    )  # fmt: skip
    figures["batch_forecast"] = list(batch_forecast(batch_costs))
    return figures


def overhead(lead: Lead, instruments: int, rounds: int, on_stage: OnStage) -> dict[str, Any]:
    """Ray's cost over one process: instruments at 48 kHz, each in an actor of its own, in blocks of 0.2 s.

    Convention, the least flattering that we know: the time from asking for a block to having it in the driver, one
    block at a time, less the time that the same block takes in one process divided by the cores: as if its work could
    be dealt out evenly, the conductor need not be first, and nobody had to wait. Percentiles are over all blocks of
    all rounds; rounds in one process and on Ray alternate, so that a busy machine treats both alike.

    Returns:
        ray_overhead_p50_ms, ray_overhead_p99_ms; ray_block_p50_ms and local_block_p50_ms; head_actor_s: CPU of the head
        (GCS) for every actor that is started; and `costs`.
    """
    from agents import RayBand
    from tests.bench.scale.step_costs import cpu_s, measured_costs

    plan = plan_for(lead, instruments)
    here = LocalBand(plan)
    on_stage(f"seat {instruments} instruments")
    before = cpu_s()
    seated = RayBand(plan)
    grant_s = sum(after_s - before.get(name, 0.0) for name, after_s in cpu_s().items() if "gcs_server" in name)
    try:
        for band in (here, seated):
            play(band, lead, plan, in_flight=1)  # compile, and fill the caches
        on_stage("blocks in one process and on Ray, by turns")
        pairs = [[play(band, lead, plan, in_flight=1).latency_s for band in (here, seated)] for _ in range(rounds)]
        on_stage("the cost of every step")
        costs = measured_costs(seated, lead, plan)
    finally:
        seated.close()
    local_s, ray_s = (np.concatenate(side) for side in zip(*pairs, strict=True))
    p50_ms, p99_ms = percentiles_ms(ray_s - local_s / min(CORES, instruments))
    return {
        "ray_overhead_p50_ms": p50_ms,
        "ray_overhead_p99_ms": p99_ms,
        "ray_block_p50_ms": percentiles_ms(ray_s)[0],
        "local_block_p50_ms": percentiles_ms(local_s)[0],
        "head_actor_s": grant_s / (instruments + 1),
        "costs": costs,
    }


def crowds(lead: Lead, largest: int, on_stage: OnStage) -> Iterator[dict[str, Any]]:
    """Bands of 1, 2, 4 and 8, up to the largest, on one and on two actors per core.

    Block latencies are with one block in flight, the real-time factor is with two.
    """
    from agents import RayBand

    known: dict[tuple[int, int], dict[str, float]] = {}
    for instruments in (count for count in (1, 2, 4, 8) if count <= largest):
        for per_core in (1, 2):
            actors = min(per_core * CORES, instruments)
            if (instruments, actors) not in known:
                on_stage(f"{instruments} instruments on {actors} actors")
                plan = plan_for(lead, instruments)
                band = RayBand(plan, actors=actors)
                try:
                    play(band, lead, plan, in_flight=2)
                    known[instruments, actors] = _latency_and_speed(band, lead, plan)
                finally:
                    band.close()
            row = {"instruments": instruments, "actors_per_core": per_core, "actors": actors}
            yield row | known[instruments, actors]


def against_two_nodes(lead: Lead, instruments: int, costs: Costs, on_stage: OnStage) -> dict[str, float]:
    """Play on two real nodes, stems written and mixed, and forecast the same from the costs on one.

    Two nodes on one machine share its cores, so the forecast's machine is one with that many; what this checks is how
    cores, queues and the window of blocks add up, and not the network between two machines. The forecast is for
    idle cores; `others_share` is what everybody else on this machine took of them meanwhile, and the crowded forecast
    is for what they left.
    """
    from agents import RayBand
    from tests.bench.scale.step_costs import play_into_files
    from tests.bench.scale.two_nodes import one_seat, two_nodes

    on_stage("two nodes")
    plan = plan_for(lead, instruments)
    with two_nodes(instruments + 1):
        band = RayBand(plan, stager=one_seat)
        try:
            play(band, lead, plan, in_flight=2)
            played, spent = play_into_files(band, lead, plan)
        finally:
            band.close()
    real_p50_ms, real_p99_ms = percentiles_ms(played.latency_s)
    real = played.num_blocks * BLOCK_S / played.wall_s
    machine, work = Machines(nodes=1, cores=CORES), Work(instruments=instruments, blocks=played.num_blocks)
    model = simulate(costs, machine, work)
    crowded = simulate(costs.slowed(1.0 / max(1e-3, 1.0 - spent.others_share)), machine, work)
    return {
        "measured_realtime": real,
        "forecast_realtime": model.realtime,
        "relative_error": model.realtime / real - 1.0,
        "others_share": spent.others_share,
        "crowded_forecast_realtime": crowded.realtime,
        "measured_block_p50_ms": real_p50_ms,
        "forecast_block_p50_ms": model.block_p50_ms,
        "measured_block_p99_ms": real_p99_ms,
        "forecast_block_p99_ms": model.block_p99_ms,
    }


def memory(on_stage: OnStage) -> dict[str, float]:
    """The most that all processes of a render hold, for 2 minutes and for 20."""
    from tests.bench.scale.peak_memory import render_peak_bytes

    held = {}
    for minutes in (2, 20):
        on_stage(f"memory of a leader of {minutes} minutes")
        held[minutes] = render_peak_bytes(minutes)
    return {
        "memory_ratio_20min_2min": held[20] / held[2],
        "memory_2min_mb": held[2] / 1e6,
        "memory_20min_mb": held[20] / 1e6,
    }


def _latency_and_speed(band: Band, lead: Lead, plan: RenderPlan) -> dict[str, float]:
    one_by_one: Played = play(band, lead, plan, in_flight=1)
    ahead = play(band, lead, plan, in_flight=2)
    p50_ms, p99_ms = percentiles_ms(one_by_one.latency_s)
    return {
        "block_p50_ms": p50_ms,
        "block_p99_ms": p99_ms,
        "realtime": ahead.num_blocks * BLOCK_S / ahead.wall_s,
    }


def _mean(samples: tuple[float, ...]) -> float:
    return float(np.mean(samples))


def _mean_of_all(costs: Costs) -> float:
    return float(np.mean([_mean(samples) for samples in costs.play_s]))

"""The model of a render on a cluster: cases that can be worked out by hand, and what must hold for all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.bench.scale.batch_simulation import Batch, BatchCosts, simulate_batch
from tests.bench.scale.simulation import Costs, Machines, Work, bottleneck, simulate

FREE = Costs(conduct_s=(0.0,), play_s=((0.0,),))
LIKELY = Costs(
    conduct_s=(0.004, 0.005, 0.004), play_s=((0.003, 0.002), (0.005,)), submit_s=0.0003, collect_s=0.0005,
    aside_s=0.0004, mix_s=0.0002, score_bytes=5_000, state_bytes=200, stem_bytes=40_000,
)  # fmt: skip
GIGABIT = Machines(nodes=2, cores=2, latency_s=1e-4, bytes_per_s=1.25e8)


def test_one_instrument_without_a_network_costs_its_step() -> None:
    forecast = simulate(replace(FREE, play_s=((0.1,),)), Machines(nodes=1), Work(instruments=1, blocks=10))
    assert forecast.realtime == pytest.approx(0.2 / 0.1)
    assert simulate(
        replace(FREE, play_s=((0.1,),)), Machines(nodes=1), Work(instruments=1, in_flight=1)
    ).block_p50_ms == pytest.approx(100.0)


def test_two_equal_instruments_on_two_nodes_cost_no_more_than_one() -> None:
    costs, one_core = replace(FREE, play_s=((0.1,),)), Machines(nodes=2, cores=1)
    assert simulate(costs, one_core, Work(instruments=2)).realtime == pytest.approx(2.0)
    assert simulate(costs, replace(one_core, nodes=1), Work(instruments=2)).realtime == pytest.approx(1.0)


def test_two_instruments_in_one_seat_play_one_after_the_other() -> None:
    costs, roomy = replace(FREE, play_s=((0.1,),)), Machines(nodes=1, cores=8)
    assert simulate(costs, roomy, Work(instruments=4)).realtime == pytest.approx(2.0)
    assert simulate(costs, roomy, Work(instruments=4, actors=2)).realtime == pytest.approx(1.0)


def test_the_conductor_is_heard_before_anybody_plays() -> None:
    costs = replace(FREE, conduct_s=(0.03,), play_s=((0.1,),))
    alone = simulate(costs, Machines(nodes=1, cores=8), Work(instruments=3, in_flight=1))
    assert alone.block_p50_ms == pytest.approx(130.0)
    ahead = simulate(costs, Machines(nodes=1, cores=8), Work(instruments=3, in_flight=4, blocks=500))
    assert ahead.realtime == pytest.approx(0.2 / 0.1, rel=0.01)


def test_the_driver_limits_when_its_calls_take_longer_than_the_block() -> None:
    costs = replace(FREE, conduct_s=(0.001,), play_s=((0.001,),), submit_s=0.02)
    machines, work = Machines(nodes=16, cores=4), Work(instruments=15, blocks=40)
    forecast = simulate(costs, machines, work)
    assert forecast.realtime == pytest.approx(0.2 / (16 * 0.02), rel=0.02)
    assert forecast.busy["driver"] > 0.95
    limit, gain = bottleneck(costs, machines, work)
    assert limit == "driver"
    assert gain == pytest.approx(2.0, rel=0.1)


def test_a_thin_wire_limits_by_its_bytes() -> None:
    costs = replace(FREE, score_bytes=10_000, stem_bytes=40_000)
    machines = Machines(nodes=9, cores=2, bytes_per_s=1e6)
    forecast = simulate(costs, machines, Work(instruments=9, in_flight=4, blocks=200))
    assert forecast.realtime == pytest.approx(0.2 / (8 * 0.04), rel=0.05), "one of nine sits beside the driver"
    assert bottleneck(costs, machines, Work(instruments=9, in_flight=4))[0] == "network"


def test_the_slowest_player_limits_where_everything_else_is_free() -> None:
    costs = replace(FREE, play_s=((0.01,), (0.01,), (0.25,)))
    machines, work = Machines(nodes=4, cores=4), Work(instruments=3)
    assert simulate(costs, machines, work).realtime == pytest.approx(0.8)
    assert bottleneck(costs, machines, work)[0] == "players"


@pytest.mark.parametrize("instruments", [8, 32])
def test_more_nodes_are_never_slower_to_speak_of(instruments: int) -> None:
    speeds = [
        simulate(LIKELY, replace(GIGABIT, nodes=nodes, latency_s=0.0), Work(instruments=instruments)).realtime
        for nodes in (1, 2, 4, 8, 16, 32, 64)
    ]
    assert (np.diff(speeds) > -0.02 * np.array(speeds[:-1])).all()
    assert speeds[-1] > 1.1 * speeds[0]


@pytest.mark.parametrize("in_flight", [1, 2, 5])
@pytest.mark.parametrize("renders", [1, 3])
def test_every_block_is_delivered_once_and_in_order(in_flight: int, renders: int) -> None:
    work = Work(instruments=5, blocks=23, in_flight=in_flight, renders=renders, spread=renders > 1)
    forecast = simulate(LIKELY, GIGABIT, work)
    assert forecast.order == (tuple(range(23)),) * renders
    assert all(0.0 <= share <= 1.0 + 1e-9 for share in forecast.busy.values())
    assert forecast.block_p50_ms <= forecast.block_p99_ms


def test_renders_that_keep_to_their_nodes_add_up() -> None:
    alone = simulate(LIKELY, replace(GIGABIT, nodes=1), Work(instruments=4))
    many = simulate(LIKELY, replace(GIGABIT, nodes=16), Work(instruments=4, renders=16, spread=False))
    assert many.realtime == pytest.approx(16 * alone.realtime, rel=1e-6)


def test_leaders_are_rendered_as_fast_as_there_are_cores() -> None:
    costs, machines = BatchCosts(render_s=0.1), Machines(nodes=3, cores=2)
    forecast = simulate_batch(costs, machines, Batch(leaders=600, leader_s=10.0))
    assert forecast.done == 600
    assert forecast.realtime == pytest.approx(6 / 0.1)
    assert forecast.limit == "cores"


@pytest.mark.parametrize(
    ("limit", "costs", "realtime"),
    [
        ("storage", BatchCosts(render_s=0.001, read_bytes=1e5, written_bytes=3e5), 1e8 / 4e5),
        ("store", BatchCosts(render_s=0.001, ask_s=0.5), 20.0),
        ("driver", BatchCosts(render_s=0.001, submit_s=0.1), 100.0),
    ],
)
def test_a_batch_is_as_fast_as_what_it_shares(limit: str, costs: BatchCosts, realtime: float) -> None:
    batch = Batch(leaders=2_000, leader_s=10.0, storage_bytes_per_s=1e8)
    forecast = simulate_batch(costs, Machines(nodes=16, cores=8), batch)
    assert forecast.limit == limit
    assert forecast.realtime == pytest.approx(realtime, rel=0.03)


def test_short_batches_on_large_clusters_wait_for_their_workers() -> None:
    costs, batch = BatchCosts(render_s=0.1, start_s=5.0, grant_s=0.01), Batch(leaders=128, leader_s=20.0)
    forecast = simulate_batch(costs, Machines(nodes=64, cores=2), batch)
    assert forecast.hours * 3600 == pytest.approx(128 * 0.01 + 5.0 + 2.0)
    alone = simulate_batch(costs, Machines(nodes=64, cores=2), Batch(leaders=1, leader_s=20.0))
    assert alone.hours * 3600 == pytest.approx(0.01 + 5.0 + 2.0)
    assert alone.limit == "waiting"

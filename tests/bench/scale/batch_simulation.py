"""Many leaders on many nodes as a discrete-event model: one worker per core, one driver, one store, shared storage."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import simpy

from tests.bench.scale.simulation import Machines, Station

Steps = Generator[simpy.Event, Any, None]


@dataclass(frozen=True, kw_only=True)
class BatchCosts:
    """What one leader costs. render_s: of one core per second of music. submit_s: of the driver, per leader.
    start_s: of a node, until one more worker is there; a node starts one at a time per core. grant_s: of the head (GCS)
    per worker that is started. read_bytes, written_bytes: of shared storage, per second of music. ask_s: of the store
    per leader; zero where nobody asks what comes next.
    """

    render_s: float
    submit_s: float = 0.0
    start_s: float = 0.0
    grant_s: float = 0.0
    read_bytes: float = 0.0
    written_bytes: float = 0.0
    ask_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What is asked. storage_bytes_per_s: of the storage that all nodes share."""

    leaders: int
    leader_s: float = 30.0
    storage_bytes_per_s: float = float("inf")


@dataclass(frozen=True, kw_only=True)
class BatchForecast:
    """What came of it. realtime: seconds of music per second. hours: until the last leader is done. busy: share of the
    time that everybody works. limit: who works most, or "waiting" where nobody works for most of it (there are fewer
    leaders than cores, or workers are only starting). done: leaders that were delivered.
    """

    realtime: float
    hours: float
    busy: dict[str, float]
    limit: str
    done: int


def simulate_batch(costs: BatchCosts, machines: Machines, batch: Batch) -> BatchForecast:
    """Let it happen."""
    environment = simpy.Environment()
    driver, head, storage, store = (Station(environment) for _ in range(4))
    seats = [Station(environment, machines.cores) for _ in range(machines.nodes)]
    queue: simpy.Store = simpy.Store(environment)
    done: list[int] = []

    def drive() -> Steps:
        for leader in range(batch.leaders):
            yield from driver.serve(costs.submit_s)
            yield queue.put(leader)

    def work(seat: Station) -> Steps:
        yield from head.serve(costs.grant_s)
        yield from seat.serve(costs.start_s)
        while True:
            leader = yield queue.get()
            yield from storage.serve(costs.read_bytes * batch.leader_s / batch.storage_bytes_per_s)
            yield from store.serve(costs.ask_s)
            yield from seat.serve(costs.render_s * batch.leader_s)
            yield from storage.serve(costs.written_bytes * batch.leader_s / batch.storage_bytes_per_s)
            done.append(leader)
            if len(done) == batch.leaders:
                finished.succeed()

    finished = environment.event()
    environment.process(drive())
    for worker in range(min(machines.nodes * machines.cores, batch.leaders)):
        environment.process(work(seats[worker % machines.nodes]))
    environment.run(finished)
    total_s = environment.now
    busy = {
        "driver": driver.busy_s / total_s,
        "head": head.busy_s / total_s,
        "store": store.busy_s / total_s,
        "storage": storage.busy_s / total_s,
        "cores": sum(seat.busy_s for seat in seats) / total_s / machines.nodes / machines.cores,
    }
    busiest = max(busy, key=lambda who: busy[who])
    return BatchForecast(
        realtime=batch.leaders * batch.leader_s / total_s, hours=total_s / 3600, busy=busy,
        limit=busiest if busy[busiest] > 0.5 else "waiting", done=len(done),
    )  # fmt: skip

"""A render on a cluster as a discrete-event model: what it would reach, and what would limit it. No Ray in here.

The model is `ensemble.perform` and `agents.band.RayBand` in outline. Per block the driver asks the conductor, then
every player. A player's call leaves the driver when the block's score and the player's last state are there. It takes
the driver's network card, the wire, a core of the player's node, and the way back. The driver opens every stem, in
order, and holds at most `in_flight` blocks open. Costs are seconds of one core, as `bench.step_costs` measures them;
who waits for whom follows from the queues.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import cycle
from typing import Any

import numpy as np
import simpy

_OF_THE_DRIVER = ("submit_s", "collect_s", "aside_s", "mix_s")
Steps = Generator[simpy.Event, Any, None]


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What one block costs. Times in seconds of one core, sizes in bytes.

    conduct_s: samples of the conductor's step, with all that its process does for it; drawn from in turn. play_s: the
    same of each player; where there are more players than that, they begin again with the first. submit_s: of the
    driver's thread per call. collect_s: of the same, per stem that is opened and kept. aside_s: per call, of the
    driver's other threads. mix_s: per stem and block, when the last block is there.
    """

    conduct_s: tuple[float, ...]
    play_s: tuple[tuple[float, ...], ...]
    submit_s: float = 0.0
    collect_s: float = 0.0
    aside_s: float = 0.0
    mix_s: float = 0.0
    score_bytes: int = 0
    state_bytes: int = 0
    stem_bytes: int = 0

    def slowed(self, factor: float) -> Costs:
        """The same where everything takes so many times longer."""
        return replace(
            self,
            conduct_s=tuple(factor * sample for sample in self.conduct_s),
            play_s=tuple(tuple(factor * sample for sample in samples) for samples in self.play_s),
            **{name: factor * getattr(self, name) for name in _OF_THE_DRIVER},
        )


@dataclass(frozen=True, kw_only=True)
class Machines:
    """A cluster of equal nodes: cores, the wire's latency one way in seconds, each card's bytes per second each way."""

    nodes: int
    cores: int = 2
    latency_s: float = 0.0
    bytes_per_s: float = float("inf")


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is played. actors: that share the instruments, each its own when absent. renders: at once, each by a driver
    of its own on the next node. spread: one render's actors over all nodes, in turn; else they stay on their driver's.
    """

    instruments: int
    actors: int | None = None
    blocks: int = 50
    block_s: float = 0.2
    in_flight: int = 2
    renders: int = 1
    spread: bool = True


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What came of it. realtime: seconds of music per second, of all renders together, mixing included. block_p50_ms,
    block_p99_ms: from asking for a block to having all of it. busy: share of the time that the busiest of a kind works.
    order: the blocks as they were delivered, by render.
    """

    realtime: float
    block_p50_ms: float
    block_p99_ms: float
    busy: dict[str, float]
    order: tuple[tuple[int, ...], ...] = field(repr=False)


def simulate(costs: Costs, machines: Machines, work: Work) -> Forecast:
    """Let it happen."""
    environment = simpy.Environment()
    nodes = [_Node(environment, machines) for _ in range(machines.nodes)]
    renders = [_Render(environment, nodes, number, costs, machines, work) for number in range(work.renders)]
    everyone = environment.all_of([environment.process(render.drive()) for render in renders])
    environment.run(everyone)
    total_s = environment.now
    latencies_ms = np.concatenate([render.latencies_s for render in renders]) * 1e3
    p50_ms, p99_ms = np.percentile(latencies_ms, [50, 99])
    busy = {
        "driver": max(render.thread.busy_s for render in renders) / total_s,
        "conductor": max(render.desk.busy_s for render in renders) / total_s,
        "player": max(seat.busy_s for render in renders for seat in render.seats) / total_s,
        "cores": max(node.cores.busy_s for node in nodes) / total_s / machines.cores,
        "network": max(max(node.sending.busy_s, node.receiving.busy_s) for node in nodes) / total_s,
    }
    return Forecast(
        realtime=work.renders * work.blocks * work.block_s / total_s,
        block_p50_ms=float(p50_ms),
        block_p99_ms=float(p99_ms),
        busy=busy,
        order=tuple(tuple(render.delivered) for render in renders),
    )


def bottleneck(costs: Costs, machines: Machines, work: Work) -> tuple[str, float]:
    """What limits: whatever, if it took half its time, would help most; and how many times faster all would then be."""
    as_is = simulate(costs, machines, work).realtime
    half = costs.slowed(0.5)
    halved = {
        "driver": (replace(costs, **{name: getattr(half, name) for name in _OF_THE_DRIVER}), machines),
        "conductor": (replace(costs, conduct_s=half.conduct_s), machines),
        "players": (replace(costs, play_s=half.play_s), machines),
        "network": (costs, replace(machines, latency_s=machines.latency_s / 2, bytes_per_s=machines.bytes_per_s * 2)),
        "cores": (costs, replace(machines, cores=machines.cores * 2)),
    }
    gains = {name: simulate(*inputs, work).realtime / as_is for name, inputs in halved.items()}
    limit = max(gains, key=lambda name: gains[name])
    return limit, gains[limit]


class Station:
    """Somebody who serves `places` at once, in order of arrival, and remembers for how long."""

    def __init__(self, environment: simpy.Environment, places: int = 1) -> None:
        self._environment = environment
        self._resource = simpy.Resource(environment, places)
        self.busy_s = 0.0

    def serve(self, seconds: float) -> Steps:
        """Wait for a place, and hold it for so long."""
        if seconds > 0.0:
            with self._resource.request() as place:
                yield place
                yield self._environment.timeout(seconds)
                self.busy_s += seconds

    @contextmanager
    def held(self) -> Iterator[simpy.Event]:
        """A place that is held while something else is served."""
        with self._resource.request() as place:
            yield place


class _Node:
    """Cores, and a network card that sends and receives at once."""

    def __init__(self, environment: simpy.Environment, machines: Machines) -> None:
        self.cores = Station(environment, machines.cores)
        self.sending, self.receiving = Station(environment), Station(environment)


class _Render:
    """One driver, its conductor beside it, its players in their seats."""

    def __init__(
        self, environment: simpy.Environment, nodes: Sequence[_Node], number: int, costs: Costs, machines: Machines,
        work: Work,
    ) -> None:  # fmt: skip
        self._environment, self._costs, self._machines, self._work = environment, costs, machines, work
        self._home = nodes[number % len(nodes)]
        num_seats = min(work.actors or work.instruments, work.instruments)
        shift = number * num_seats if work.spread else number
        self._places = [nodes[(shift + seat * work.spread) % len(nodes)] for seat in range(num_seats)]
        self.thread, self.desk = Station(environment), Station(environment)
        self.seats = [Station(environment) for _ in range(num_seats)]
        self._conduct_s = cycle(costs.conduct_s)
        self._play_s = [cycle(costs.play_s[part % len(costs.play_s)]) for part in range(work.instruments)]
        self.latencies_s: list[float] = []
        self.delivered: list[int] = []

    def drive(self) -> Steps:
        """Ask for blocks, hold `in_flight` of them open, take them in order, mix."""
        work, costs, start = self._work, self._costs, self._environment.process
        conducted: simpy.Event = self._environment.timeout(0)
        states: list[simpy.Event] = [conducted] * work.instruments
        open_blocks: list[tuple[int, float, list[simpy.Event]]] = []
        for block in range(work.blocks):
            asked_s = self._environment.now
            yield from self._think(costs.submit_s)
            conducted = start(self._conduct(conducted))
            for part in range(work.instruments):
                yield from self._think(costs.submit_s)
                states[part] = start(self._play(part, conducted, states[part]))
            open_blocks.append((block, asked_s, list(states)))
            if len(open_blocks) >= work.in_flight:
                yield from self._deliver(*open_blocks.pop(0))
        for oldest in open_blocks:
            yield from self._deliver(*oldest)
        yield from self._think(costs.mix_s * work.instruments * work.blocks)

    def _deliver(self, block: int, asked_s: float, stems: Sequence[simpy.Event]) -> Steps:
        yield self._environment.all_of(stems)
        yield from self._think(self._costs.collect_s * len(stems))
        self.latencies_s.append(self._environment.now - asked_s)
        self.delivered.append(block)

    def _think(self, seconds: float) -> Steps:
        """The driver's own thread works: on a core of its node."""
        with self.thread.held() as turn:
            yield turn
            yield from self._home.cores.serve(seconds)
            self.thread.busy_s += seconds

    def _conduct(self, before: simpy.Event) -> Steps:
        yield before
        yield from self._step(self.desk, self._home, next(self._conduct_s))
        yield from self._home.cores.serve(self._costs.aside_s)

    def _play(self, part: int, score: simpy.Event, state: simpy.Event) -> Steps:
        seat, costs = part % len(self.seats), self._costs
        place = self._places[seat]
        yield score & state
        yield from self._travel(self._home, place, costs.score_bytes + costs.state_bytes)
        yield from self._step(self.seats[seat], place, next(self._play_s[part]))
        yield from self._travel(place, self._home, costs.stem_bytes + costs.state_bytes)
        yield from self._home.cores.serve(costs.aside_s)

    def _step(self, seat: Station, place: _Node, seconds: float) -> Steps:
        """A seat plays one thing at a time, and needs a core to do so."""
        with seat.held() as turn:
            yield turn
            yield from place.cores.serve(seconds)
            seat.busy_s += seconds

    def _travel(self, sender: _Node, receiver: _Node, size: int) -> Steps:
        """Over the wire, unless both are one machine."""
        if sender is not receiver:
            seconds = size / self._machines.bytes_per_s
            yield from sender.sending.serve(seconds)
            yield self._environment.timeout(self._machines.latency_s)
            yield from receiver.receiving.serve(seconds)

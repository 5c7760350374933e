"""What the models say of clusters that nobody has here: 2 to 100 nodes, up to 10,000 leaders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

from tests.bench.scale.batch_simulation import Batch, BatchCosts, simulate_batch
from tests.bench.scale.simulation import Costs, Machines, Work, bottleneck, simulate

PARTS = 8
GIGABIT = {"latency_s": 2e-4, "bytes_per_s": 1.25e8}
"""A gigabit network card, 0.2 ms one way."""
NODE_CORES = 8
STORAGE_BYTES_PER_S = 1e9
"""Of the storage that all nodes share."""
READ_BYTES, WRITTEN_BYTES = 3 * 48_000, 6 * 48_000 * 5
"""Per second of music, 24 bit at 48 kHz: a mono leader; three stems, the mix and the leader in stereo."""
NODES = (2, 4, 8, 16, 32, 64)
LEADERS = (1, 100, 10_000)
ASK_S = 0.3
"""Of one store per leader that is to go on, 10,000 chunks on Milvus Lite: `ensemble bench retrieval`."""


def forecast(costs: Costs) -> Iterator[dict[str, Any]]:
    """Renders of 8 and of 32 over all nodes, and eight of 32 at once: what limits each, and what halving that brings.

    Last, 256 instruments under one driver, more than a band may have. Renders that each keep to a node of their own
    share nothing here, and add up.
    """
    for nodes in NODES:
        machines = Machines(nodes=nodes, cores=NODE_CORES, **GIGABIT)
        works = [
            Work(instruments=PARTS, blocks=24),
            Work(instruments=32, blocks=24),
            Work(instruments=32, blocks=8, renders=8),
        ]
        for work in [*works, Work(instruments=256, blocks=8)] if nodes == max(NODES) else works:
            limit, gain = bottleneck(costs, machines, replace(work, blocks=5))
            row = asdict(simulate(costs, machines, work)) | {"limit": limit, "gain_if_halved": gain}
            del row["order"]
            yield {"nodes": nodes, "instruments": work.instruments, "renders": work.renders} | row


def batch_forecast(costs: BatchCosts) -> Iterator[dict[str, Any]]:
    """A batch of leaders of 30 s, one worker per core; and the same where each leader asks one store how to go on."""
    for ask_s in (0.0, ASK_S):
        for nodes in (1, *NODES, 100):
            for leaders in LEADERS if not ask_s else LEADERS[-1:]:
                batch = Batch(leaders=leaders, storage_bytes_per_s=STORAGE_BYTES_PER_S)
                machines = Machines(nodes=nodes, cores=NODE_CORES)
                row = asdict(simulate_batch(replace(costs, ask_s=ask_s), machines, batch))
                yield {"nodes": nodes, "leaders": leaders, "ask_s": ask_s} | row

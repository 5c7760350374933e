"""Three simulated nodes, two of them with a logical GPU; eight players with a quarter each; one node is lost.

A program of its own, since two Rays in one process mix up. Prints what happened as JSON.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
import uuid
from typing import Any

from agents.environment import on_loopback, prepare_environment

prepare_environment()

import ray  # noqa: E402
from ray.cluster_utils import Cluster  # noqa: E402

from agents.meters import Meters  # noqa: E402
from agents.names import NAMESPACE  # noqa: E402
from agents.node_check import Stamp, fingerprint_digest, stamped  # noqa: E402
from agents.placement import Placement, nodes  # noqa: E402
from agents.recovery import Rules  # noqa: E402
from agents.slots import ActorSlot, SlotRequest  # noqa: E402
from agents.supervision import Supervisor  # noqa: E402
from cluster.stage import Strategy, stager  # noqa: E402
from ensemble.config import FollowerSettings  # noqa: E402
from ensemble.errors import BandError  # noqa: E402
from ensemble.wire import pack  # noqa: E402

FAST = {
    "health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 3,
}  # fmt: skip


class Player:
    """Says where it sits, and on what."""

    def __init__(self, device: str) -> None:
        self._device = device

    def play(self) -> tuple[bytes, Stamp]:
        with stamped() as stamp:
            time.sleep(0.05)
        return pack(self._device), stamp


def wishes(count: int, gpu: float) -> list[SlotRequest]:
    return [
        SlotRequest(
            who=f"v{at}",
            followers=(FollowerSettings(name=f"v{at}", instrument="violin", role="counter", device="cuda", gpu=gpu),),
        )
        for at in range(count)
    ]


def seated(count: int, gpu: float, seating_s: float = 20.0) -> tuple[Placement, list[ActorSlot]]:
    wanted = wishes(count, gpu)
    stage = stager(strategy=Strategy.PACK, fingerprint=fingerprint_digest())
    hall = Placement(wanted, stage, uuid.uuid4().hex[:8], seating_s)
    kind = ray.remote(Player)
    return hall, [hall.seat(kind, wish, ("cuda",), ("cpu",)) for wish in wanted]


def everyone_plays(supervisor: Supervisor, seats: list[ActorSlot]) -> list[str]:
    from ensemble.wire import unpack

    answers = [supervisor.ask(seat, seat.name, "play", (str,))[0] for seat in seats]
    supervisor.settle([one.call for one in answers], 60.0)
    return [unpack(one.call.values[0], str) for one in answers if one.call.values is not None]


def refused(*asked: Any) -> dict[str, Any]:
    began = time.monotonic()
    try:
        seated(*asked)[0].close()
    except BandError as error:
        return {"said": str(error), "after_s": time.monotonic() - began}
    return {"said": "", "after_s": 0.0}


def main() -> dict[str, Any]:
    told: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="e-") as empty, contextlib.chdir(empty), on_loopback():
        node = {"include_dashboard": False, "node_ip_address": "127.0.0.1", "object_store_memory": 100 << 20}
        cluster = Cluster(initialize_head=True, head_node_args=node | {"num_cpus": 2, "_system_config": FAST})
        try:
            lost = cluster.add_node(**node | {"num_cpus": 2, "num_gpus": 1})
            cluster.add_node(**node | {"num_cpus": 2, "num_gpus": 1})
            ray.init(address=cluster.address, namespace=NAMESPACE, log_to_driver=False, logging_level="ERROR")
            cluster.wait_for_nodes()
            told["nodes"] = [one.num_gpus for one in nodes()]
            hall, seats = seated(8, 0.25)
            supervisor = Supervisor(hall, Rules(gpu_s=1.0), Meters("test", {seat.name: "violin" for seat in seats}))
            told["before"] = everyone_plays(supervisor, seats)
            told["exact_before"] = supervisor.tally().exact
            told["places"] = sorted(seat.node_id for seat in seats)
            on_lost = [seat.name for seat in seats if seat.node_id == lost.node_id]
            told["too_many"] = refused(1, 0.25)
            cluster.remove_node(lost, allow_graceful=False)
            time.sleep(3.0)  # a process outlives its node for a moment, and would still answer
            told["after"] = everyone_plays(supervisor, seats)
            tally = supervisor.tally()
            told |= {
                "on_lost": on_lost, "exact_after": tally.exact, "restarts": tally.restarts,
                "incidents": [one.model_dump() for one in tally.incidents],
            }  # fmt: skip
            hall.close()
            told["two_gpus"] = refused(1, 2.0)
            groups = ray.util.placement_group_table().values()
            told["groups_left"] = sum(group["state"] != "REMOVED" for group in groups)
        finally:
            ray.shutdown()
            cluster.shutdown()
    return told


if __name__ == "__main__":
    json.dump(main(), sys.stdout)

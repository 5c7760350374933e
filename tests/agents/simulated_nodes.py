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
from functools import partial
from typing import Any

from agents.environment import on_loopback, prepare_environment

prepare_environment()

import psutil  # noqa: E402
import ray  # noqa: E402
from ray.cluster_utils import Cluster  # noqa: E402

from agents.environment import NAMESPACE  # noqa: E402
from agents.meters import Meters  # noqa: E402
from agents.node_check import Stamp, fingerprint_digest, stamped  # noqa: E402
from agents.placement import Placement, nodes  # noqa: E402
from agents.recovery import Rules  # noqa: E402
from agents.slots import ActorSlot, SlotRequest  # noqa: E402
from agents.supervision import Supervisor  # noqa: E402
from cluster.planner import plan_placement  # noqa: E402
from ensemble.config import FollowerSettings  # noqa: E402
from ensemble.errors import BandError  # noqa: E402
from ensemble.wire import Message, pack  # noqa: E402

FAST = {
    "health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 3,
}  # fmt: skip


class Player:
    """Says where it sits, and on what."""

    def __init__(self, device: str) -> None:
        self._device = device

    def play(self) -> tuple[Message[str], Stamp]:
        with stamped() as stamp:
            time.sleep(0.05)
        return pack(self._device), stamp


def requests(count: int, gpu: float) -> list[SlotRequest]:
    return [
        SlotRequest(
            who=f"v{at}",
            followers=(FollowerSettings(name=f"v{at}", instrument="violin", role="counter", device="cuda", gpu=gpu),),
        )
        for at in range(count)
    ]


def placed(count: int, gpu: float, place_s: float = 20.0) -> tuple[Placement, list[ActorSlot]]:
    wanted = requests(count, gpu)
    plan = partial(plan_placement, fingerprint=fingerprint_digest())
    placement = Placement(wanted, plan, uuid.uuid4().hex[:8], place_s)
    kind = ray.remote(Player)
    return placement, [placement.place(kind, request, ("cuda",), ("cpu",)) for request in wanted]


def everyone_plays(supervisor: Supervisor, slots: list[ActorSlot]) -> list[str]:
    from ensemble.wire import unpack

    answers = [supervisor.ask(slot, slot.name, Player.play)[0] for slot in slots]
    supervisor.settle([one.call for one in answers], 60.0)
    return [unpack(one.call.values[0], str) for one in answers if one.call.values is not None]


def refused(*asked: Any) -> dict[str, Any]:
    began = time.monotonic()
    try:
        placed(*asked)[0].close()
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
            placement, slots = placed(8, 0.25)
            supervisor = Supervisor(
                placement, Rules(gpu_s=1.0), Meters("test", {slot.name: "violin" for slot in slots})
            )
            told["before"] = everyone_plays(supervisor, slots)
            told["exact_before"] = supervisor.tally().exact
            told["places"] = sorted(slot.node_id for slot in slots)
            on_lost = [slot.name for slot in slots if slot.node_id == lost.node_id]
            told["too_many"] = refused(1, 0.25)
            seated = psutil.Process(lost.all_processes["raylet"][0].process.pid).children()
            cluster.remove_node(lost, allow_graceful=False)
            psutil.wait_procs(seated, timeout=60.0)  # they outlive their node for a moment, and would still answer
            while any(one["Alive"] for one in ray.nodes() if one["NodeID"] == lost.node_id):
                time.sleep(0.1)
            told["after"] = everyone_plays(supervisor, slots)
            tally = supervisor.tally()
            told |= {
                "on_lost": on_lost, "exact_after": tally.exact, "restarts": tally.restarts,
                "incidents": [one.model_dump() for one in tally.incidents],
            }  # fmt: skip
            placement.close()
            told["two_gpus"] = refused(1, 2.0)
            groups = ray.util.placement_group_table().values()
            told["groups_left"] = sum(group["state"] != "REMOVED" for group in groups)
        finally:
            ray.shutdown()
            cluster.shutdown()
    return told


if __name__ == "__main__":
    json.dump(main(), sys.stdout)

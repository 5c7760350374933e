"""A real cluster of two Ray nodes on this machine, to hold the simulation against."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from agents.environment import on_loopback, prepare_environment
from agents.names import NAMESPACE
from agents.slots import Node, PlacementPlan, SlotRequest

STORE_BYTES = 150 << 20


@contextlib.contextmanager
def two_nodes(seats: int) -> Iterator[None]:
    """Start two Ray nodes on loopback that hold so many seats of `one_seat` together, and half of them each.

    A node is a raylet with an object store and workers of its own; both share this machine's cores, and what they say
    to each other crosses its loopback.
    """
    prepare_environment()
    import ray
    from ray.cluster_utils import Cluster

    home = str(Path(__file__).resolve().parents[2])
    before = os.environ.get("PYTHONPATH")
    with tempfile.TemporaryDirectory(prefix="ensemble-", ignore_cleanup_errors=True) as empty:
        os.environ["PYTHONPATH"] = os.pathsep.join([home, before] if before else [home])
        node: dict[str, Any] = {
            "object_store_memory": STORE_BYTES,
            "include_dashboard": False,
            "node_ip_address": "127.0.0.1",
        }
        try:
            with contextlib.chdir(empty), on_loopback():
                cluster = Cluster(initialize_head=True, head_node_args=node | {"num_cpus": -(-seats // 2)})
                try:
                    cluster.add_node(**node | {"num_cpus": seats // 2})
                    ray.init(
                        address=cluster.address, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR,
                        _node_ip_address="127.0.0.1",
                    )  # fmt: skip
                    cluster.wait_for_nodes()
                    yield
                finally:
                    ray.shutdown()
                    cluster.shutdown()  # type: ignore[no-untyped-call]
        finally:
            if before is None:
                del os.environ["PYTHONPATH"]
            else:
                os.environ["PYTHONPATH"] = before


def one_seat(wishes: Sequence[SlotRequest], _nodes: Sequence[Node], _free_gpus: float) -> PlacementPlan:
    """Every seat takes one of the node's places, so that neither node can hold them all."""
    return PlacementPlan(bundles=({"CPU": 1.0},) * len(wishes))

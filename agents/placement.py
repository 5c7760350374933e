"""The seats of one performance on a cluster: the group that holds them, and what the cluster has."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from agents.node_check import code_digest, fingerprint_digest
from agents.slots import ActorSlot, Node, PlacementPlan, SlotRequest, Stager
from ensemble.errors import BandError

PROBE_S = 30.0
"""For a node to say what kind of machine it is: it may have to start a process first."""


class Placement:
    """Reserves seats, all together or none, and gives them to actors.

    Args:
        wishes: who wants to sit.
        stager: decides what each gets.
        performance: a name of this performance.
        seating_s: how long to wait for the group.

    Raises:
        BandError: they cannot be seated; says what was asked for and what the cluster has.
    """

    def __init__(self, wishes: Sequence[SlotRequest], stager: Stager, performance: str, seating_s: float) -> None:
        self.seats: list[ActorSlot] = []
        self._performance = performance
        self._wishes = {wish.who: index for index, wish in enumerate(wishes)}
        self._homes = [wish.node_id for wish in wishes]
        total: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        free: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
        self._stage = stager(wishes, nodes(), free.get("GPU", 0.0))
        _check_gpus(self._stage, total.get("GPU", 0.0))
        self._group = self._reserve(seating_s) if self._stage.strategy else None

    def seat(
        self, kind: Any, wish: SlotRequest, settings: tuple[Any, ...], plain_settings: tuple[Any, ...]
    ) -> ActorSlot:
        """Give one wish its actor.

        Args:
            kind: the actor class.
            wish: one of those that were reserved for.
            settings: of the actor.
            plain_settings: of an actor that plays the same without a GPU.
        """
        index = self._wishes[wish.who]
        on_cpu = wish.who in self._stage.on_cpu
        own = plain_settings if on_cpu else settings
        name = f"{wish.who}-{self._performance}"
        seat = ActorSlot(kind, wish.who, name, own, self._stage.bundles[index], plain_settings)
        seat.is_degraded = on_cpu
        seat.sit(self._group, index, warm_name=warm_name(kind, wish.who, own))
        self.seats.append(seat)
        return seat

    def is_alive(self, node_id: str) -> bool:
        """Whether a node is one of the cluster's; true of nobody's node."""
        return not node_id or any(one["NodeID"] == node_id and one["Alive"] for one in ray.nodes())  # type: ignore[no-untyped-call]

    def has_free(self) -> str:
        """What nobody holds, for people."""
        available: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
        free = {kind: amount for kind, amount in available.items() if kind in ("CPU", "GPU")}
        amounts = ", ".join(f"{amount:g} {kind}" for kind, amount in sorted(free.items()))
        return f"the cluster has {amounts or 'nothing'} free"

    def close(self) -> None:
        """Send everyone home and give the seats back."""
        for seat in self.seats:
            seat.leave()
        if self._group is not None:
            with contextlib.suppress(RayError):
                remove_placement_group(self._group)
            self._group = None

    def _reserve(self, seating_s: float) -> PlacementGroup:
        stage = self._stage
        places = [[home] if home else stage.node_ids for home in self._homes]
        selectors = [{"ray.io/node-id": f"in({', '.join(place)})"} if place else {} for place in places]
        group: PlacementGroup = placement_group(
            list(stage.bundles), strategy=stage.strategy, name=f"band-{self._performance}",
            bundle_label_selector=selectors if any(selectors) else None,
        )  # fmt: skip
        try:
            is_there = group.wait(seating_s)
        except BaseException:
            remove_placement_group(group)
            raise
        if not is_there:
            remove_placement_group(group)
            asked = {kind: sum(one.get(kind, 0.0) for one in stage.bundles) for kind in ("CPU", "GPU")}
            wants = " and ".join(f"{amount:g} {kind}" for kind, amount in asked.items() if amount)
            raise BandError(
                "the band", f"asks for {len(stage.bundles)} seats ({wants}) and found none within {seating_s:g} s "
                f"({self.has_free()})", "add a node, or share seats with --actors",
            )  # fmt: skip
        return group


def warm_name(kind: Any, who: str, settings: tuple[Any, ...]) -> str:
    """How a player is called that stays between renders: whoever wants exactly this one finds it by name."""
    plays = f"{kind.__ray_metadata__.class_name}{code_digest()}{settings!r}"
    return f"warm-{who}-{hashlib.sha256(plays.encode()).hexdigest()[:12]}"


def nodes() -> list[Node]:
    """The nodes of the cluster, each with its kind of machine, as it says itself.

    Raises:
        BandError: a node does not say.
    """
    alive = [one for one in ray.nodes() if one["Alive"]]  # type: ignore[no-untyped-call]
    kinds = _kinds([one["NodeID"] for one in alive])
    return [
        Node(
            node_id=one["NodeID"], host=one["NodeManagerHostname"], num_cpus=one["Resources"].get("CPU", 0.0),
            num_gpus=one["Resources"].get("GPU", 0.0), fingerprint=kinds[one["NodeID"]],
        )
        for one in alive
    ]  # fmt: skip


def home() -> str:
    """The node that this process is on; empty where it speaks to the cluster from outside."""
    is_outside: bool = ray.util.client.ray.is_connected()  # type: ignore[no-untyped-call]
    return "" if is_outside else str(ray.get_runtime_context().get_node_id())


def _kinds(node_ids: Sequence[str]) -> dict[str, str]:
    """What kind of machine each node is. A cluster of one node, with this process on it, need not be asked."""
    here = home()
    others = [one for one in node_ids if one != here]
    asked = {
        one: ray.remote(_kind_of_machine)
        .options(num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(one, soft=False))
        .remote()
        for one in others
    }
    if asked:
        ray.wait(list(asked.values()), num_returns=len(asked), timeout=PROBE_S)
    kinds = {here: fingerprint_digest()} if here in node_ids else {}
    for one, ref in asked.items():
        try:
            kinds[one] = ray.get(ref, timeout=0.0)
        except RayError:
            kinds[one] = ""  # it does not answer, or cannot load this package: nobody is seated there
    return kinds


def _kind_of_machine() -> str:
    return fingerprint_digest()


def _check_gpus(stage: PlacementPlan, has: float) -> None:
    """A cluster without a GPU never gets one by waiting."""
    wanted = sum(bundle.get("GPU", 0.0) for bundle in stage.bundles)
    if wanted > has:
        raise BandError(
            "the band", f"asks for {wanted:g} GPUs, the cluster has {has:g}", "use device: auto, or add a node"
        )

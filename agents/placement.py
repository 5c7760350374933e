"""Places the actors of one render on a cluster, and finds out what its nodes are."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from agents.environment import WARM
from agents.node_check import code_digest, fingerprint_digest
from agents.slots import ActorSlot, Node, PlacementPlan, Planner, SlotRequest
from ensemble.errors import BandError

PROBE_S = 30.0
"""For a node to say what kind of machine it is: it may have to start a process first."""


class Placement:
    """Reserves room for all actors of a band or for none, and fills it.

    Args:
        requests: the actors.
        planner: decides what each gets, and where.
        render: the id of this render, part of the actors' names.
        place_s: how long to wait for room.

    Raises:
        BandError: there is no room; says what was asked for and what the cluster has.
    """

    def __init__(self, requests: Sequence[SlotRequest], planner: Planner, render: str, place_s: float) -> None:
        self.slots: list[ActorSlot] = []
        self._render = render
        self._requests = {request.who: index for index, request in enumerate(requests)}
        self._homes = [request.node_id for request in requests]
        total: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        free: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
        self._plan = planner(requests, nodes(), free.get("GPU", 0.0))
        _check_gpus(self._plan, total.get("GPU", 0.0))
        self._group = self._reserve(place_s) if self._plan.strategy else None

    def place(
        self, kind: Any, request: SlotRequest, settings: tuple[Any, ...], plain_settings: tuple[Any, ...]
    ) -> ActorSlot:
        """Give one request its actor.

        Args:
            kind: the actor class.
            request: one of those that room was reserved for.
            settings: arguments of the actor's constructor.
            plain_settings: arguments for an actor that plays the same without a GPU.
        """
        index = self._requests[request.who]
        on_cpu = request.who in self._plan.on_cpu
        own = plain_settings if on_cpu else settings
        slot = ActorSlot(
            kind=kind, name=request.who, actor_name=f"{request.who}-{self._render}", settings=own,
            plain_settings=plain_settings, bundle=self._plan.bundles[index], is_degraded=on_cpu,
        )  # fmt: skip
        slot.fill(self._group, index, warm_name=warm_name(kind, request.who, own))
        self.slots.append(slot)
        return slot

    def is_alive(self, node_id: str) -> bool:
        """Whether a node is alive; an empty id, of an actor that never answered, counts as alive."""
        return not node_id or any(one["NodeID"] == node_id and one["Alive"] for one in ray.nodes())  # type: ignore[no-untyped-call]

    def has_free(self) -> str:
        """What is free on the cluster, as a sentence."""
        available: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
        free = {kind: amount for kind, amount in available.items() if kind in ("CPU", "GPU")}
        amounts = ", ".join(f"{amount:g} {kind}" for kind, amount in sorted(free.items()))
        return f"the cluster has {amounts or 'nothing'} free"

    def close(self) -> None:
        """End every actor, and give the room back."""
        for slot in self.slots:
            slot.release()
        if self._group is not None:
            with contextlib.suppress(RayError):
                remove_placement_group(self._group)
            self._group = None

    def _reserve(self, place_s: float) -> PlacementGroup:
        plan = self._plan
        places = [[home] if home else plan.node_ids for home in self._homes]
        selectors = [{"ray.io/node-id": f"in({', '.join(place)})"} if place else {} for place in places]
        group: PlacementGroup = placement_group(
            list(plan.bundles), strategy=plan.strategy, name=f"band-{self._render}",
            bundle_label_selector=selectors if any(selectors) else None,
        )  # fmt: skip
        try:
            is_there = group.wait(place_s)
        except BaseException:
            remove_placement_group(group)
            raise
        if not is_there:
            remove_placement_group(group)
            asked = {kind: sum(one.get(kind, 0.0) for one in plan.bundles) for kind in ("CPU", "GPU")}
            wants = " and ".join(f"{amount:g} {kind}" for kind, amount in asked.items() if amount)
            raise BandError(
                "the band",
                f"asks for {len(plan.bundles)} actors ({wants}) and could not be placed within {place_s:g} s "
                f"({self.has_free()})",
                "add a node, or ask for fewer with --actors",
            )  # fmt: skip
        return group


def warm_name(kind: Any, who: str, settings: tuple[Any, ...]) -> str:
    """The name of an actor that stays between renders: the same class, code and settings have the same name."""
    plays = f"{kind.__ray_metadata__.class_name}{code_digest()}{settings!r}"
    return f"{WARM}{who}-{hashlib.sha256(plays.encode()).hexdigest()[:12]}"


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
    """The node that this process runs on; empty where it talks to the cluster from outside (`ray://`)."""
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
            kinds[one] = ""  # it does not answer, or cannot load this package: no actor is placed there
    return kinds


def _kind_of_machine() -> str:
    return fingerprint_digest()


def _check_gpus(plan: PlacementPlan, has: float) -> None:
    """A cluster without a GPU never gets one by waiting."""
    wanted = sum(bundle.get("GPU", 0.0) for bundle in plan.bundles)
    if wanted > has:
        raise BandError(
            "the band", f"asks for {wanted:g} GPUs, the cluster has {has:g}", "use device: auto, or add a node"
        )

"""What an actor of a band asks of a node, what it gets, and the slot that one actor fills after another."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.util.placement_group import PlacementGroup
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from agents.environment import NAMESPACE
from ensemble.config import FollowerSettings

LIGHT_CPUS = 0.1
"""Cores that Ray counts for an actor that is mostly waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotRequest:
    """One actor that is to be placed."""

    who: str
    """Its name: the parts that it plays, "conductor" or "retrieval"."""
    followers: tuple[FollowerSettings, ...] = ()
    """The parts that it plays; none for conductor and retrieval."""
    node_id: str = ""
    """The node that it must run on because files lie there; empty if any will do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node of the cluster."""

    node_id: str
    host: str
    num_cpus: float
    """In all, used or free."""
    num_gpus: float
    """In all, used or free."""
    fingerprint: str
    """Its kind of machine (see `node_check.fingerprint_digest`); empty if it does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementPlan:
    """What every requested actor gets, and where."""

    bundles: tuple[dict[str, float], ...]
    """For each request, in order: what it gets of a node, as Ray counts it (`CPU`, `GPU`)."""
    on_cpu: frozenset[str] = frozenset()
    """Names of requests for a GPU that get none."""
    strategy: str = ""
    """PACK or SPREAD; empty where no placement group is formed."""
    node_ids: tuple[str, ...] = ()
    """The nodes that may be used; empty for all."""


Planner = Callable[[Sequence[SlotRequest], Sequence[Node], float], PlacementPlan]
"""From requests, nodes and the GPUs that are free to a plan; see `cluster.planner`."""


def anywhere(requests: Sequence[SlotRequest], _nodes: Sequence[Node], _free_gpus: float) -> PlacementPlan:
    """A tenth of a core for each actor and the GPU shares that are asked for, on whatever node Ray chooses."""
    shares = [gpu_share(request) for request in requests]
    return PlacementPlan(bundles=tuple({"CPU": LIGHT_CPUS} | ({"GPU": one} if one else {}) for one in shares))


def gpu_share(request: SlotRequest) -> float:
    """The GPU share of the most demanding part; 0 if none asks for a GPU."""
    return max((one.gpu for one in request.followers if one.device == "cuda"), default=0.0)


@dataclass(eq=False, slots=True, kw_only=True)
class ActorSlot:
    """One place in the band: an actor, and after a loss another like it."""

    kind: Any
    """The actor class."""
    name: str
    """Of the slot, for people."""
    actor_name: str
    """The actor's name in Ray."""
    settings: tuple[Any, ...]
    """Arguments of the actor's constructor."""
    plain_settings: tuple[Any, ...]
    """Arguments for an actor that plays the same without a GPU."""
    bundle: dict[str, float]
    """What it gets of a node."""
    is_degraded: bool = False
    """Whether it plays without the GPU that was asked for."""
    is_lent: bool = False
    """Whether the present actor is one that `ensemble up` keeps."""
    actor: Any = None
    """The present one."""
    lives: int = 0
    """How many actors were lost here."""
    pids: set[int] = field(default_factory=set)
    """Of every process that answered from here."""
    in_a_row: int = 0
    """Losses since the last answer."""
    replayed_life: int = -1
    """`lives` at the last loss that a block was played again for."""
    node_id: str = ""
    """Where the last answer came from."""
    waiting_since: float | None = None
    """When the present actor was asked for; None once it has answered."""
    where: PlacementGroupSchedulingStrategy | None = None
    """Its bundle of the placement group."""

    @property
    def actor_id(self) -> str:
        """Of the present actor, as Ray's errors tell it."""
        return str(self.actor._actor_id.hex()) if hasattr(self.actor, "_actor_id") else ""  # noqa: SLF001  the only way

    def fill(self, group: PlacementGroup | None, index: int, *, warm_name: str = "") -> None:
        """Take the first actor: a warm one of that name, or a new one in its bundle of the group."""
        if group is not None:
            self.where = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=index)
        with contextlib.suppress(ValueError):
            if warm_name:
                self.actor = ray.get_actor(warm_name, namespace=NAMESPACE)
                self.is_lent = True
                return
        self._start()

    def replace(self, *, on_cpu: bool = False) -> None:
        """Start another actor instead of the present one; on_cpu: without a GPU, outside of the group."""
        self.release()
        self.lives += 1
        self.is_lent = False
        if on_cpu:
            self.is_degraded = True
            self.settings, self.bundle, self.where = self.plain_settings, {"CPU": LIGHT_CPUS}, None
        self._start()

    def release(self) -> None:
        """End the actor, unless it is kept warm."""
        if not self.is_lent:
            with contextlib.suppress(Exception):  # it is gone already, or cannot be reached
                ray.kill(self.actor)

    def _start(self) -> None:
        self.waiting_since = time.monotonic()
        name = f"{self.actor_name}.{self.lives}" if self.lives else self.actor_name
        where = {} if self.where is None else {"scheduling_strategy": self.where}
        self.actor = self.kind.options(
            name=name, namespace=NAMESPACE, max_restarts=0, max_task_retries=0,
            num_cpus=self.bundle.get("CPU", 0.0), num_gpus=self.bundle.get("GPU", 0.0), **where,
        ).remote(*self.settings)  # fmt: skip

"""What an actor of a band asks of a node, what it gets, and the slot that one actor fills after another."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


class ActorSlot:
    """One place in the band: an actor, and after a loss another like it.

    Args:
        kind: the actor class.
        name: of the slot, for people.
        actor_name: the actor's name in Ray.
        settings: arguments of the actor's constructor.
        bundle: what it gets of a node.
        plain_settings: arguments for an actor that plays the same without a GPU.
    """

    def __init__(
        self,
        kind: Any,
        name: str,
        actor_name: str,
        settings: tuple[Any, ...],
        bundle: dict[str, float],
        plain_settings: tuple[Any, ...],
    ) -> None:
        self.name = name
        self.bundle = bundle
        self.actor: Any = None
        """The present one."""
        self.lives = 0
        """How many actors were lost here."""
        self.pids: set[int] = set()
        """Of every process that answered from here."""
        self.in_a_row = 0
        """Losses since the last answer."""
        self.replayed_life = -1
        """`lives` at the last loss that a block was played again for."""
        self.node_id = ""
        """Where the last answer came from."""
        self.waiting_since: float | None = None
        """When the present actor was asked for; None once it has answered."""
        self.is_degraded = False
        """Whether it plays without the GPU that was asked for."""
        self.is_lent = False
        """Whether the present actor is one that `ensemble up` keeps."""
        self._kind = kind
        self._actor_name = actor_name
        self._settings = settings
        self._plain_settings = plain_settings
        self._where: PlacementGroupSchedulingStrategy | None = None

    @property
    def actor_id(self) -> str:
        """Of the present actor, as Ray's errors tell it."""
        return str(self.actor._actor_id.hex()) if hasattr(self.actor, "_actor_id") else ""  # noqa: SLF001  the only way

    def fill(self, group: PlacementGroup | None, index: int, *, warm_name: str = "") -> None:
        """Take the first actor: a warm one of that name, or a new one in its bundle of the group."""
        if group is not None:
            self._where = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=index)
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
            self._settings, self.bundle, self._where = self._plain_settings, {"CPU": LIGHT_CPUS}, None
        self._start()

    def release(self) -> None:
        """End the actor, unless it is kept warm."""
        if not self.is_lent:
            with contextlib.suppress(Exception):  # it is gone already, or cannot be reached
                ray.kill(self.actor)

    def _start(self) -> None:
        self.waiting_since = time.monotonic()
        name = f"{self._actor_name}.{self.lives}" if self.lives else self._actor_name
        where = {} if self._where is None else {"scheduling_strategy": self._where}
        self.actor = self._kind.options(
            name=name, namespace=NAMESPACE, max_restarts=0, max_task_retries=0,
            num_cpus=self.bundle.get("CPU", 0.0), num_gpus=self.bundle.get("GPU", 0.0), **where,
        ).remote(*self._settings)  # fmt: skip

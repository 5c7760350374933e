"""Where players sit: what a seat asks of a node, what a stage offers, the actor and whoever replaces it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.util.placement_group import PlacementGroup
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from agents.names import NAMESPACE
from ensemble.config import FollowerSettings

LIGHT_CPUS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotRequest:
    """Who wants a seat: the parts of one instrument actor, or nobody (conductor, retrieval), and what it is called.

    node_id: where it has to sit, if anywhere: whoever reads files that lie there.
    """

    who: str
    followers: tuple[FollowerSettings, ...] = ()
    node_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node of the cluster: what it has in all, and its kind of machine (see `presence.fingerprint_digest`)."""

    node_id: str
    host: str
    num_cpus: float
    num_gpus: float
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementPlan:
    """Who sits how.

    bundles: what every wish gets of a node, as Ray counts it (`CPU`, `GPU`). on_cpu: wishes that asked for a GPU and
    get none. strategy: PACK or SPREAD, or empty where no group is formed. node_ids: that may be used; empty for all.
    """

    bundles: tuple[dict[str, float], ...]
    on_cpu: frozenset[str] = frozenset()
    strategy: str = ""
    node_ids: tuple[str, ...] = ()


Stager = Callable[[Sequence[SlotRequest], Sequence[Node], float], PlacementPlan]
"""From wishes, the nodes, and the GPUs that nobody holds, to a stage; see `cluster.stage`."""


def anywhere(wishes: Sequence[SlotRequest], _nodes: Sequence[Node], _free_gpus: float) -> PlacementPlan:
    """A tenth of a core for each seat and the GPU shares that are asked for, wherever Ray finds them."""
    return PlacementPlan(bundles=tuple(light(wish) for wish in wishes))


def light(wish: SlotRequest) -> dict[str, float]:
    """A tenth of a core, and the GPU share of the most demanding part."""
    shares = [one.gpu for one in wish.followers if one.device == "cuda"]
    return {"CPU": LIGHT_CPUS} | ({"GPU": max(shares)} if shares else {})


class ActorSlot:
    """One place in the band: an actor, and after a loss another like it.

    Args:
        kind: the actor class.
        name: how the seat is called, for people.
        actor_name: how Ray knows the actor.
        settings: what makes an actor of its kind play what it should.
        bundle: what it gets of a node.
        plain_settings: the same without a GPU.

    Attributes:
        actor: who sits there now.
        lives: how many sat there before.
        pids: of the processes that answered from here.
        replayed_life: of the last loss that a block was played again for.
        in_a_row: losses since it last answered.
        waiting_since: when the present one was asked for, until it answers.
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
        self.lives = 0
        self.pids: set[int] = set()
        self.in_a_row = 0
        self.replayed_life = -1
        self.node_id = ""
        self.waiting_since: float | None = None
        self.is_degraded = False
        self._kind = kind
        self._actor_name = actor_name
        self._settings = settings
        self._plain_settings = plain_settings
        self._place: PlacementGroupSchedulingStrategy | None = None
        self.actor: Any = None
        self.is_lent = False

    @property
    def actor_id(self) -> str:
        """Of who sits there now, as Ray's errors tell it."""
        return str(self.actor._actor_id.hex()) if hasattr(self.actor, "_actor_id") else ""  # noqa: SLF001  the only way

    def sit(self, group: PlacementGroup | None, index: int, *, warm_name: str = "") -> None:
        """Take the first player: one that is kept warm under that name, or a new one in its bundle of the group."""
        if group is not None:
            self._place = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=index)
        with contextlib.suppress(ValueError):
            if warm_name:
                self.actor = ray.get_actor(warm_name, namespace=NAMESPACE)
                self.is_lent = True
                return
        self._call_in()

    def replace(self, *, on_cpu: bool = False) -> None:
        """Let another take the place; without its GPU, and outside of the group, if so told."""
        self.leave()
        self.lives += 1
        self.is_lent = False
        if on_cpu:
            self.is_degraded = True
            self._settings, self.bundle, self._place = self._plain_settings, {"CPU": LIGHT_CPUS}, None
        self._call_in()

    def leave(self) -> None:
        """Send the player home, unless it is kept warm."""
        if not self.is_lent:
            with contextlib.suppress(Exception):  # it is gone already, or cannot be reached
                ray.kill(self.actor)

    def _call_in(self) -> None:
        self.waiting_since = time.monotonic()
        name = f"{self._actor_name}.{self.lives}" if self.lives else self._actor_name
        where = {} if self._place is None else {"scheduling_strategy": self._place}
        self.actor = self._kind.options(
            name=name, namespace=NAMESPACE, max_restarts=0, max_task_retries=0,
            num_cpus=self.bundle.get("CPU", 0.0), num_gpus=self.bundle.get("GPU", 0.0), **where,
        ).remote(*self._settings)  # fmt: skip

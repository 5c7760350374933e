"""`BandActors`: the actors of one band, placed on the Ray that is running."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import ray

from agents.calls import Answer, Call
from agents.conductor import ConductorAgent
from agents.instrument import InstrumentAgent, PartSpec
from agents.meters import Meters
from agents.node_check import Stamp
from agents.placement import Placement, home
from agents.recovery import Rules
from agents.slots import ActorSlot, Planner, SlotRequest
from agents.supervision import Supervisor
from ensemble.band import Promise
from ensemble.conduct.models import is_model
from ensemble.config import BandSettings, FollowerSettings
from ensemble.errors import BandError, DeadlineError
from ensemble.plan import RenderPlan
from ensemble.retrieve.settings import RetrieveSettings
from ensemble.wire import Message

T = TypeVar("T")
U = TypeVar("U")
InstrumentActor = ray.remote(InstrumentAgent)
ConductorActor = ray.remote(ConductorAgent)
CLOSING_S = 1.0
ACTORS_PER_CORE = 4


class BandActors:
    """A conductor, the instruments, and a retriever where the plan asks for one: placed here, and asked to load.

    Args:
        plan: what will be played.
        actors, planner, rules, place_s: of `RayBand`.

    Raises:
        BandError: there is no room for an actor.
    """

    def __init__(
        self, plan: RenderPlan, actors: int | None, planner: Planner, rules: Rules | None, place_s: float
    ) -> None:
        asked = plan.request
        self._place_s = place_s
        total: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        tables = _tables(asked.band.followers, actors or max(4, int(ACTORS_PER_CORE * total.get("CPU", 1.0))))
        requests = [
            SlotRequest(who="conductor"),
            *(SlotRequest(who=_called(table), followers=tuple(table)) for table in tables),
        ]
        looks_up = looked_up(plan)
        if looks_up is not None:
            requests.append(SlotRequest(who="retrieval", node_id="" if "://" in looks_up.uri else home()))
        self.count = len(requests)
        performance = uuid.uuid4().hex[:8]
        self.meters = Meters(performance, {one.name: one.instrument for one in asked.band.followers})
        try:
            self._placement = Placement(requests, planner, performance, place_s)
        except BaseException:
            self.meters.close()
            raise
        self.supervisor = Supervisor(self._placement, rules or Rules(), self.meters)
        self.players: dict[str, ActorSlot] = {}
        self.retrieval: ActorSlot | None = None
        try:
            spec = conductor_spec(asked.band, asked.weights_sha256)
            self.conductor = self._placement.place(ConductorActor, requests[0], spec, spec)
            for table, request in zip(tables, requests[1:], strict=False):
                specs = [instrument_spec(one, asked.weights_sha256) for one in (table, [_plain(one) for one in table])]
                slot = self._placement.place(InstrumentActor, request, *specs)
                self.players |= {follower.name: slot for follower in table}
            if looks_up is not None:
                from agents.retrieval import RetrievalAgent

                settings = (looks_up.model_dump_json(),)
                self.retrieval = self._placement.place(ray.remote(RetrievalAgent), requests[-1], settings, settings)
            self._loading = self._load(asked.sample_rate, asked.seed)
        except BaseException:
            self.close()
            raise

    def wait_until_loaded(self) -> None:
        """Wait until everyone has loaded what they play with.

        Raises:
            BandError: an actor was not placed and ready in time.
        """
        loading, self._loading = self._loading, []
        try:
            self.supervisor.settle(loading, self._place_s)
        except DeadlineError as error:
            problem = f"{error.what} could not be placed within {self._place_s:g} s ({self._placement.has_free()})"
            raise BandError("the band", problem, "add a node, or ask for fewer with --actors") from error

    def ask_one(
        self, slot: ActorSlot, who: str, method: Callable[..., tuple[Message[T], Stamp]], *inputs: Any
    ) -> Promise[T]:
        """Call a method that answers with one value."""
        (answer,) = self.supervisor.ask(slot, who, method, *inputs)
        return Promise(answer, who)

    def ask_two(
        self, slot: ActorSlot, who: str, method: Callable[..., tuple[Message[T], Message[U], Stamp]], *inputs: Any
    ) -> tuple[Promise[T], Promise[U]]:
        """Call a method that answers with two values."""
        first, second = self.supervisor.ask(slot, who, method, *inputs)
        return Promise(first, who), Promise(second, who)

    def close(self) -> None:
        """End every actor."""
        self.meters.close()
        if self.retrieval is not None:  # it lets go of the store, if it still can
            ray.wait([self.retrieval.actor.close.remote()], timeout=CLOSING_S)
        self._placement.close()

    def _load(self, sample_rate: int, seed: int) -> list[Call]:
        """Ask every actor to load what it plays with."""
        slots = {id(slot): slot for slot in self.players.values()}.values()
        everyone: list[Promise[Any]] = [
            self.ask_one(self.conductor, "conductor", ConductorAgent.ready, seed),
            *(self.ask_one(slot, slot.name, InstrumentAgent.ready, sample_rate, seed) for slot in slots),
        ]
        answers: list[Answer] = [promise.token for promise in everyone]
        return [one.call for one in answers]


def looked_up(plan: RenderPlan) -> RetrieveSettings | None:
    """Where the plan's continuations are looked up; None where it asks for none."""
    extension = plan.request.extension
    return extension.retrieve if extension is not None and plan.must_retrieve else None


def conductor_spec(band: BandSettings, weights_sha256: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The arguments of the band's `ConductorAgent`."""
    models = {name: sha256 for name, sha256 in weights_sha256.items() if is_model(name)}
    return band.model_dump_json(), models


def instrument_spec(followers: Sequence[FollowerSettings], weights_sha256: Mapping[str, str]) -> tuple[list[str]]:
    """The arguments of the `InstrumentAgent` that plays these parts."""
    specs = [PartSpec(follower=one, weights_sha256=weights_sha256.get(one.name)) for one in followers]
    return ([spec.model_dump_json() for spec in specs],)


def _called(table: Sequence[FollowerSettings]) -> str:
    return "+".join(follower.name for follower in table)


def _plain(follower: FollowerSettings) -> FollowerSettings:
    """The same on a CPU."""
    return follower.model_copy(update={"device": "cpu"}) if follower.device == "cuda" else follower


def _tables(followers: Sequence[FollowerSettings], slots: int) -> list[list[FollowerSettings]]:
    """Deal the parts out to at most `slots` actors, in turn."""
    tables: list[list[FollowerSettings]] = [[] for _ in range(min(max(slots, 1), len(followers)))]
    for index, follower in enumerate(followers):
        tables[index % len(tables)].append(follower)
    return tables

"""`RayBand`: every instrument is a Ray actor. States travel with the calls, so that a lost actor costs one block."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import ray

from agents.calls import Answer, Call, Known
from agents.conductor import ConductorAgent
from agents.instrument import InstrumentAgent, PartSpec
from agents.meters import Meters
from agents.node_check import Stamp
from agents.placement import Placement, home
from agents.recovery import Rules
from agents.slots import ActorSlot, Planner, SlotRequest, anywhere
from agents.supervision import Supervisor
from ensemble import events
from ensemble.band import Promise, Tally
from ensemble.clock import Block
from ensemble.conduct.models import is_model
from ensemble.config import BandSettings, FollowerSettings
from ensemble.errors import BandError, DeadlineError
from ensemble.listen.overrides import Overrides
from ensemble.live.settings import LiveSettings
from ensemble.plan import RenderPlan
from ensemble.types.continuation import Continuation, ContinuationQuery
from ensemble.types.music import Arrangement, AudioClip, ConductorState, Heard, PlayerState, Score, Stem
from ensemble.wire import Message, pack, unpack

T = TypeVar("T")
U = TypeVar("U")
InstrumentActor = ray.remote(InstrumentAgent)
ConductorActor = ray.remote(ConductorAgent)
CLOSING_S = 1.0
ACTORS_PER_CORE = 4


class RayBand:
    """The players of one plan as actors of the Ray that is running.

    Whoever is lost is replaced, by the rules; what had not been answered is asked again, with the state that was
    acknowledged last.

    Args:
        plan: what will be played.
        actors: at most so many instrument actors share the parts. When absent each part has its own, up to four for
            every core of the cluster.
        planner: decides what each actor gets, and where; see `cluster.planner`.
        rules: for losses.
        place_s: how long the actors may take to be placed and ready.

    Raises:
        BandError: an actor could not be placed.
    """

    kind = "ray"

    def __init__(
        self,
        plan: RenderPlan,
        *,
        actors: int | None = None,
        planner: Planner = anywhere,
        rules: Rules | None = None,
        place_s: float = 120.0,
    ) -> None:
        asked = plan.request
        self._voicing = (asked.sample_rate, asked.seed)
        total: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        tables = _tables(asked.band.followers, actors or max(4, int(ACTORS_PER_CORE * total.get("CPU", 1.0))))
        requests = [
            SlotRequest(who="conductor"),
            *(SlotRequest(who=_called(table), followers=tuple(table)) for table in tables),
        ]
        extension = asked.extension if plan.must_retrieve else None
        looks_up = extension.retrieve if extension is not None else None
        if looks_up is not None:
            requests.append(SlotRequest(who="retrieval", node_id="" if "://" in looks_up.uri else home()))
        performance = uuid.uuid4().hex[:8]
        self._meters = Meters(performance, {one.name: one.instrument for one in asked.band.followers})
        try:
            self._placement = Placement(requests, planner, performance, place_s)
        except BaseException:
            self._meters.close()
            raise
        self._supervisor = Supervisor(self._placement, rules or Rules(), self._meters)
        self.actors = len(requests)
        try:
            spec = conductor_spec(asked.band, asked.weights_sha256)
            self._conductor = self._placement.place(ConductorActor, requests[0], spec, spec)
            self._players: dict[str, ActorSlot] = {}
            for table, request in zip(tables, requests[1:], strict=False):
                specs = [instrument_spec(one, asked.weights_sha256) for one in (table, [_plain(one) for one in table])]
                slot = self._placement.place(InstrumentActor, request, *specs)
                self._players |= {follower.name: slot for follower in table}
            self._retrieval: ActorSlot | None = None
            if looks_up is not None:
                from agents.retrieval import RetrievalAgent

                settings = (looks_up.model_dump_json(),)
                self._retrieval = self._placement.place(ray.remote(RetrievalAgent), requests[-1], settings, settings)
            self._loading = self._load()
            self._wait_for_everyone(place_s)
        except BaseException:
            self.close()
            raise

    def listen(self, leader: AudioClip, overrides: Overrides) -> Promise[Heard]:
        """Hear the whole leader, with what its player said in place of what is heard."""
        asked = (ray.put(pack(leader)), overrides.model_dump_json())
        return self._ask_one(self._conductor, "conductor", ConductorAgent.listen, *asked)

    def hold(self, value: T) -> Promise[T]:
        """Take what is known already, instead of asking for it."""
        return Promise(Answer(Known(pack(value), type(value)), 0), "driver")

    def retrieve(self, heard: Promise[Heard], query: ContinuationQuery) -> Promise[tuple[Continuation, ...]]:
        """Find what could come next, best first."""
        if self._retrieval is None:
            raise ValueError("the plan asks for no extension")
        from agents.retrieval import RetrievalAgent

        asked = (heard.token, ray.put(pack(query)))
        return self._ask_one(self._retrieval, "retrieval", RetrievalAgent.retrieve, *asked)

    def arrange(
        self, heard: Promise[Heard], num_frames: int, known: Promise[Arrangement] | None = None
    ) -> Promise[Arrangement]:
        """Write what every follower plays along with a leader."""
        asked = (self._seed, heard.token, num_frames, None if known is None else known.token)
        return self._ask_one(self._conductor, "conductor", ConductorAgent.arrange, *asked)

    def follow(
        self, leader: AudioClip, num_frames: int, said: Overrides, live: LiveSettings
    ) -> tuple[Promise[Heard], Promise[Arrangement]]:
        """Hear a leader and write the parts as if the leader were still playing, for `num_frames` control frames."""
        asked = (self._seed, ray.put(pack(leader)), num_frames, said.model_dump_json(), live.model_dump_json())
        return self._ask_two(self._conductor, "conductor", ConductorAgent.follow, *asked)

    def start_conducting(self) -> Promise[ConductorState]:
        """The conductor's state before the first block."""
        return self._ask_one(self._conductor, "conductor", ConductorAgent.start, self._seed)

    def conduct(
        self, arrangement: Promise[Arrangement], block: Block, state: Promise[ConductorState]
    ) -> tuple[Promise[Score], Promise[ConductorState]]:
        """Predict one block's dynamics and cue everyone: the reference to the one answer goes to all players."""
        span = (block.start_frame, block.stop_frame, block.is_last)
        digest = arrangement.token.name
        asked = (self._seed, digest, arrangement.token, span, state.token, events.position_now())
        return self._ask_two(self._conductor, "conductor", ConductorAgent.conduct, *asked)

    def start_playing(self, part: str) -> Promise[PlayerState]:
        """A player's state before the first block."""
        return self._ask_one(self._players[part], part, InstrumentAgent.start, part, *self._voicing)

    def play(
        self, part: str, score: Promise[Score], state: Promise[PlayerState]
    ) -> tuple[Promise[Stem], Promise[PlayerState]]:
        """Play one block of one part."""
        asked = (part, *self._voicing, score.token, state.token, events.position_now())
        return self._ask_two(self._players[part], part, InstrumentAgent.play, *asked)

    def collect(self, promises: Sequence[Promise[T]], deadline_s: float) -> list[T]:
        """Wait for values; the only wait there is.

        Raises:
            DeadlineError: somebody did not answer in time; says who.
            BandError: an actor is lost for good.
        """
        messages = self.messages(promises, deadline_s)
        return [unpack(one, promise.token.kind) for one, promise in zip(messages, promises, strict=True)]

    def messages(self, promises: Sequence[Promise[Any]], deadline_s: float) -> list[bytes]:
        """Wait for values, and leave them as they came.

        Raises:
            DeadlineError: somebody did not answer in time; says who.
            BandError: an actor is lost for good.
        """
        answers: list[Answer] = [promise.token for promise in promises]
        self._supervisor.settle([one.call for one in answers], deadline_s)
        return [one.call.values[one.index] for one in answers if one.call.values is not None]

    def tally(self) -> Tally:
        """What the work cost, who was lost, what was played again."""
        return self._supervisor.tally()

    def was_ready(self, left_s: float) -> None:
        """Export that a quantum of a live session was ready so many seconds before it was due."""
        self._meters.was_ready(left_s)

    def has_rested(self, bars: float) -> None:
        """Export that the band was 20 dB down so many bars after its leader had stopped."""
        self._meters.has_rested(bars)

    def is_exact(self) -> bool:
        """Whether every value so far came from a machine of this one's fingerprint."""
        return self._supervisor.is_exact()

    def close(self) -> None:
        """End every actor."""
        self._meters.close()
        retrieval: ActorSlot | None = getattr(self, "_retrieval", None)
        if retrieval is not None:
            ray.wait([retrieval.actor.close.remote()], timeout=CLOSING_S)  # it lets go of the store, if it still can
        self._placement.close()

    @property
    def _seed(self) -> int:
        return self._voicing[1]

    def _ask_one(
        self, slot: ActorSlot, who: str, method: Callable[..., tuple[Message[T], Stamp]], *inputs: Any
    ) -> Promise[T]:
        """Call a method that answers with one value."""
        (answer,) = self._supervisor.ask(slot, who, method, *inputs)
        return Promise(answer, who)

    def _ask_two(
        self, slot: ActorSlot, who: str, method: Callable[..., tuple[Message[T], Message[U], Stamp]], *inputs: Any
    ) -> tuple[Promise[T], Promise[U]]:
        """Call a method that answers with two values."""
        first, second = self._supervisor.ask(slot, who, method, *inputs)
        return Promise(first, who), Promise(second, who)

    def _load(self) -> list[Call]:
        """Ask every actor to load what it plays with."""
        slots = {id(slot): slot for slot in self._players.values()}.values()
        everyone: list[Promise[Any]] = [
            self._ask_one(self._conductor, "conductor", ConductorAgent.ready, self._seed),
            *(self._ask_one(slot, slot.name, InstrumentAgent.ready, *self._voicing) for slot in slots),
        ]
        return [promise.token.call for promise in everyone]

    def _wait_for_everyone(self, place_s: float) -> None:
        try:
            self._supervisor.settle(self._loading, place_s)
        except DeadlineError as error:
            raise BandError(
                "the band", f"{error.what} could not be placed within {place_s:g} s ({self._placement.has_free()})",
                "add a node, or ask for fewer with --actors",
            ) from error  # fmt: skip


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

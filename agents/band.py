"""`RayBand`: every instrument is a Ray actor. States travel with the calls, so that a lost actor costs one block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import ray

from agents.band_actors import BandActors, looked_up
from agents.calls import Answer, Known
from agents.conductor import ConductorAgent
from agents.hearing import heard_meanwhile
from agents.instrument import InstrumentAgent
from agents.recovery import Rules
from agents.slots import Planner, anywhere
from ensemble import events
from ensemble.band import Promise, Tally
from ensemble.clock import Block
from ensemble.listen.overrides import Overrides
from ensemble.live.settings import LiveSettings
from ensemble.plan import RenderPlan
from ensemble.types.continuation import Continuation, ContinuationQuery
from ensemble.types.music import Arrangement, AudioClip, ConductorState, Heard, PlayerState, Score, Stem
from ensemble.wire import pack, unpack

T = TypeVar("T")


class RayBand:
    """The players of one plan as actors of a Ray.

    Whoever is lost is replaced, by the rules; what had not been answered is asked again, with the state that was
    acknowledged last.

    Args:
        plan: what will be played.
        actors: at most so many instrument actors share the parts. When absent each part has its own, up to four for
            every core of the cluster.
        planner: decides what each actor gets, and where; see `cluster.planner`.
        rules: for losses.
        place_s: how long the actors may take to be placed and ready.
        enter: starts or joins Ray, once. With it the band is seated when it is first asked for something, and a leader
            that comes first is heard here meanwhile. When absent Ray is running, and everyone is waited for here.

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
        enter: Callable[[], object] | None = None,
    ) -> None:
        self._voicing = (plan.request.sample_rate, plan.request.seed)
        self._enter, self._can_retrieve = enter, looked_up(plan) is not None
        self._place = partial(BandActors, plan, actors, planner, rules, place_s)
        self._seated: BandActors | None = None
        if enter is None:
            try:
                self.seat().wait_until_loaded()
            except BaseException:
                self.close()
                raise

    def seat(self) -> BandActors:
        """The band's actors: enter Ray and place them, unless that was done."""
        if self._seated is None:
            if self._enter is not None:
                self._enter()
                self._enter = None
            self._seated = self._place()
        return self._seated

    @property
    def actors(self) -> int:
        """Number of Ray actors."""
        return self._seated.count if self._seated else 0

    def listen(self, leader: AudioClip, overrides: Overrides) -> Promise[Heard]:
        """Hear the whole leader, with what its player said in place of what is heard."""
        if self._seated is None:
            heard = heard_meanwhile(leader, overrides)
            self.seat()
            return self.hold(heard())
        here, asked = self._seated, (ray.put(pack(leader)), overrides.model_dump_json())
        return here.ask_one(here.conductor, "conductor", ConductorAgent.listen, *asked)

    def hold(self, value: T) -> Promise[T]:
        """Take what is known already, instead of asking for it."""
        return Promise(Answer(Known(pack(value), type(value)), 0), "driver")

    def retrieve(self, heard: Promise[Heard], query: ContinuationQuery) -> Promise[tuple[Continuation, ...]]:
        """Find what could come next, best first."""
        from agents.retrieval import RetrievalAgent

        here = self.seat() if self._can_retrieve else None
        if here is None or here.retrieval is None:
            raise ValueError("the plan asks for no extension")
        asked = (heard.token, ray.put(pack(query)))
        return here.ask_one(here.retrieval, "retrieval", RetrievalAgent.retrieve, *asked)

    def arrange(
        self, heard: Promise[Heard], num_frames: int, known: Promise[Arrangement] | None = None
    ) -> Promise[Arrangement]:
        """Write what every follower plays along with a leader."""
        here, before = self.seat(), None if known is None else known.token
        asked = (self._seed, heard.token, num_frames, before)
        return here.ask_one(here.conductor, "conductor", ConductorAgent.arrange, *asked)

    def follow(
        self, leader: AudioClip, num_frames: int, said: Overrides, live: LiveSettings
    ) -> tuple[Promise[Heard], Promise[Arrangement]]:
        """Hear a leader and write the parts as if the leader were still playing, for `num_frames` control frames."""
        here = self.seat()
        asked = (self._seed, ray.put(pack(leader)), num_frames, said.model_dump_json(), live.model_dump_json())
        return here.ask_two(here.conductor, "conductor", ConductorAgent.follow, *asked)

    def start_conducting(self) -> Promise[ConductorState]:
        """The conductor's state before the first block."""
        here = self.seat()
        return here.ask_one(here.conductor, "conductor", ConductorAgent.start, self._seed)

    def conduct(
        self, arrangement: Promise[Arrangement], block: Block, state: Promise[ConductorState]
    ) -> tuple[Promise[Score], Promise[ConductorState]]:
        """Predict one block's dynamics and cue everyone: the reference to the one answer goes to all players."""
        here = self.seat()
        here.wait_until_loaded()  # parts are written while players still load
        span = (block.start_frame, block.stop_frame, block.is_last)
        digest = arrangement.token.name
        asked = (self._seed, digest, arrangement.token, span, state.token, events.position_now())
        return here.ask_two(here.conductor, "conductor", ConductorAgent.conduct, *asked)

    def start_playing(self, part: str) -> Promise[PlayerState]:
        """A player's state before the first block."""
        here = self.seat()
        return here.ask_one(here.players[part], part, InstrumentAgent.start, part, *self._voicing)

    def play(
        self, part: str, score: Promise[Score], state: Promise[PlayerState]
    ) -> tuple[Promise[Stem], Promise[PlayerState]]:
        """Play one block of one part."""
        here = self.seat()
        asked = (part, *self._voicing, score.token, state.token, events.position_now())
        return here.ask_two(here.players[part], part, InstrumentAgent.play, *asked)

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
        self.seat().supervisor.settle([one.call for one in answers], deadline_s)
        return [one.call.values[one.index] for one in answers if one.call.values is not None]

    def tally(self) -> Tally:
        """What the work cost, who was lost, what was played again."""
        return self._seated.supervisor.tally() if self._seated else Tally()

    def was_ready(self, left_s: float) -> None:
        """Export that a quantum of a live session was ready so many seconds before it was due."""
        if self._seated is not None:
            self._seated.meters.was_ready(left_s)

    def has_rested(self, bars: float) -> None:
        """Export that the band was 20 dB down so many bars after its leader had stopped."""
        if self._seated is not None:
            self._seated.meters.has_rested(bars)

    def is_exact(self) -> bool:
        """Whether every value so far came from a machine of this one's fingerprint."""
        return self._seated is None or self._seated.supervisor.is_exact()

    def close(self) -> None:
        """End every actor."""
        if self._seated is not None:
            self._seated.close()

    @property
    def _seed(self) -> int:
        return self._voicing[1]

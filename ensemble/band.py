"""`Band`: the calls that a performance consists of; `Promise`: their results; `LocalBand`: a band in this process."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar, cast

from ensemble.clock import Block
from ensemble.listen.overrides import Overrides
from ensemble.live.settings import LiveSettings
from ensemble.manifest import Incident
from ensemble.plan import RenderPlan
from ensemble.threads import one_thread
from ensemble.types.continuation import Continuation, ContinuationQuery
from ensemble.types.music import Arrangement, AudioClip, ConductorState, Heard, PlayerState, Score, Stem
from ensemble.wire import pack

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Promise(Generic[T]):
    """A value that a band has computed or will compute; only `collect` of the same band returns it."""

    token: Any
    """The band's own reference to the value, or the value itself."""
    who: str
    """The worker that computes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Work and losses of a band, counted over one performance."""

    busy_s: dict[str, float] = field(default_factory=dict)
    """Seconds of work, by worker."""
    restarts: int = 0
    """Number of workers that were lost and replaced."""
    replays: dict[str, int] = field(default_factory=dict)
    """Blocks that were computed again after a loss, by part (and `conductor`)."""
    incidents: tuple[Incident, ...] = ()
    """The losses, in order."""
    exact: bool = True
    """Whether all workers ran on machines of one fingerprint, which equal bytes need."""


class Band(Protocol):
    """The calls of one performance. A band keeps nothing between two calls: states are passed in and returned."""

    @property
    def kind(self) -> str:
        """`local` or `ray`."""

    @property
    def actors(self) -> int:
        """Number of Ray actors; 0 in one process."""

    def listen(self, leader: AudioClip, overrides: Overrides) -> Promise[Heard]:
        """Listen to the whole leader; `overrides` replace what is heard."""

    def hold(self, value: T) -> Promise[T]:
        """Give the band a value that is known already, as a promise."""

    def retrieve(self, heard: Promise[Heard], query: ContinuationQuery) -> Promise[tuple[Continuation, ...]]:
        """Find continuations, best first."""

    def arrange(
        self, heard: Promise[Heard], num_frames: int, known: Promise[Arrangement] | None = None
    ) -> Promise[Arrangement]:
        """Write what every follower plays along with a leader, for `num_frames` control frames.

        Parts that would be the same are taken from `known`, another arrangement by the same performers.
        """

    def follow(
        self, leader: AudioClip, num_frames: int, said: Overrides, live: LiveSettings
    ) -> tuple[Promise[Heard], Promise[Arrangement]]:
        """Hear a leader and write the parts as if the leader were still playing, for `num_frames` control frames."""

    def start_conducting(self) -> Promise[ConductorState]:
        """The conductor's state before the first block."""

    def conduct(
        self, arrangement: Promise[Arrangement], block: Block, state: Promise[ConductorState]
    ) -> tuple[Promise[Score], Promise[ConductorState]]:
        """Conduct one block: predict its dynamics and make every player's cue."""

    def start_playing(self, part: str) -> Promise[PlayerState]:
        """A player's state before the first block."""

    def play(
        self, part: str, score: Promise[Score], state: Promise[PlayerState]
    ) -> tuple[Promise[Stem], Promise[PlayerState]]:
        """Play one block of one part."""

    def collect(self, promises: Sequence[Promise[T]], deadline_s: float) -> list[T]:
        """Wait for values and return them.

        Raises:
            DeadlineError: a worker did not answer in time; names the worker.
        """

    def messages(self, promises: Sequence[Promise[Any]], deadline_s: float) -> list[bytes]:
        """Wait for values and return them as messages (see `wire`), for a caller that stores them as they are.

        Raises:
            DeadlineError: a worker did not answer in time; names the worker.
        """

    def tally(self) -> Tally:
        """Work and losses so far."""

    def was_ready(self, left_s: float) -> None:
        """Tell who watches that a quantum of a live session was ready so many seconds before it was due."""

    def has_rested(self, bars: float) -> None:
        """Tell who watches that the band was 20 dB down so many bars after the leader of a live session had stopped."""

    def is_exact(self) -> bool:
        """Whether every value so far was computed on a machine of this one's fingerprint; waits for nothing."""

    def close(self) -> None:
        """Release the workers."""


class LocalBand:
    """The whole band in this process; every call is computed before it returns."""

    kind = "local"
    actors = 0

    def __init__(self, plan: RenderPlan) -> None:
        from ensemble.conduct.conductor import Conductor
        from ensemble.listen.listener import Listener
        from ensemble.play.player import make_player

        self._listener = Listener()
        request = plan.request
        self._extension = request.extension
        self._band, self._seed = request.band, request.seed
        self._conductor = Conductor(request.band, request.seed)
        self._players = {
            follower.name: make_player(follower, request.sample_rate, request.seed)
            for follower in request.band.followers
        }
        self._busy_s: dict[str, float] = defaultdict(float)

    def listen(self, leader: AudioClip, overrides: Overrides) -> Promise[Heard]:
        """Listen to the whole leader; `overrides` replace what is heard."""
        return self._keep(self._timed("listener", self._listener.listen, leader, overrides))

    def hold(self, value: T) -> Promise[T]:
        """Give the band a value that is known already, as a promise."""
        return self._keep(value)

    def retrieve(self, heard: Promise[Heard], query: ContinuationQuery) -> Promise[tuple[Continuation, ...]]:
        """Find continuations, best first."""
        from ensemble.retrieve.default_library import open_retriever

        if self._extension is None:
            raise ValueError("the plan asks for no extension")
        with open_retriever(self._extension.retrieve) as retriever:
            return self._keep(self._timed("retriever", retriever.continuations, heard.token, query))

    def arrange(
        self, heard: Promise[Heard], num_frames: int, known: Promise[Arrangement] | None = None
    ) -> Promise[Arrangement]:
        """Write what every follower plays along with a leader, for `num_frames` control frames."""
        before = None if known is None else known.token
        return self._keep(self._timed("conductor", self._conductor.arrange, heard.token, num_frames, before))

    def follow(
        self, leader: AudioClip, num_frames: int, said: Overrides, live: LiveSettings
    ) -> tuple[Promise[Heard], Promise[Arrangement]]:
        """Hear a leader and write the parts as if the leader were still playing, for `num_frames` control frames."""
        from ensemble.live.stream import follow

        followed = self._timed("conductor", follow, leader, num_frames, self._band, self._seed, live, said)
        return self._keep(followed.heard), self._keep(followed.arrangement)

    def start_conducting(self) -> Promise[ConductorState]:
        """The conductor's state before the first block."""
        return self._keep(self._conductor.start())

    def conduct(
        self, arrangement: Promise[Arrangement], block: Block, state: Promise[ConductorState]
    ) -> tuple[Promise[Score], Promise[ConductorState]]:
        """Conduct one block: predict its dynamics and make every player's cue."""
        score, after = self._timed("conductor", self._conductor.conduct, arrangement.token, block, state.token)
        return self._keep(score), self._keep(after)

    def start_playing(self, part: str) -> Promise[PlayerState]:
        """A player's state before the first block."""
        return self._keep(self._players[part].start())

    def play(
        self, part: str, score: Promise[Score], state: Promise[PlayerState]
    ) -> tuple[Promise[Stem], Promise[PlayerState]]:
        """Play one block of one part."""
        cue = cast("Score", score.token).cue(part)
        stem, after = self._timed(part, self._players[part].play, cue, state.token)
        return self._keep(stem), self._keep(after)

    def collect(self, promises: Sequence[Promise[T]], deadline_s: float) -> list[T]:  # noqa: ARG002
        """Return the values, which are there already."""
        return [promise.token for promise in promises]

    def messages(self, promises: Sequence[Promise[Any]], deadline_s: float) -> list[bytes]:  # noqa: ARG002
        """Return the values as messages."""
        return [pack(promise.token) for promise in promises]

    def tally(self) -> Tally:
        """Work and losses so far."""
        return Tally(busy_s=dict(self._busy_s))

    def was_ready(self, left_s: float) -> None:
        """Nobody watches a band in one process."""

    def has_rested(self, bars: float) -> None:
        """Nobody watches a band in one process."""

    def is_exact(self) -> bool:
        """Everything is computed here."""
        return True

    def close(self) -> None:
        """There is nothing to release."""

    def _keep(self, value: T) -> Promise[T]:
        return Promise(value, self.kind)

    def _timed(self, worker: str, work: Any, *inputs: Any) -> Any:
        began = time.perf_counter()
        with one_thread():
            value = work(*inputs)
        self._busy_s[worker] += time.perf_counter() - began
        return value

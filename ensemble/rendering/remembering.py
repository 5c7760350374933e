"""`RememberingBand`: a band that looks into a memory before it asks another band, and keeps what that one answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Generic, TypeVar, cast

from ensemble.band import Band, Promise, Tally
from ensemble.clock import Block
from ensemble.conduct.conductor import cued
from ensemble.listen import networks
from ensemble.listen.overrides import Overrides, with_overrides
from ensemble.live.settings import LiveSettings
from ensemble.plan import RenderPlan
from ensemble.rendering.deciding import conductor_facts, dynamics_facts, models_of, player_facts, seen_of
from ensemble.rendering.memory import Memory, digest
from ensemble.types.continuation import Continuation, ContinuationQuery
from ensemble.types.music import Arrangement, AudioClip, ConductorState, Heard, PlayerState, Score, Stem
from ensemble.wire import pack, unpack

T = TypeVar("T")
_STATE_FRAMES = 400
"""The conductor's state is kept so often: it is larger than a block's sound."""


@dataclass(slots=True, kw_only=True)
class _Value(Generic[T]):
    """A value that is known, or asked for."""

    kind: type[T]
    """Its type."""
    key: Callable[[], bytes] | None = None
    """Under which it is kept; None where it is not."""
    message: bytes | None = None
    """The value as a message, once it is there."""
    asked: Promise[T] | None = None
    """The other band's promise."""
    value: T | None = None
    """The value, once it was needed."""
    name: bytes = b""
    """Stands for the value in keys: the digest of the message, or of what it is computed from; once it was needed."""
    naming: Callable[[], bytes] | None = None
    """Gives the name; None for the digest of the message."""
    make: Callable[[], Promise[T]] | None = None
    """Asks for a value that is not kept, should it be needed."""
    before: Promise[Any] | None = None
    """The value that `make` goes on from."""


class RememberingBand:
    """Answers what an earlier render was asked the same way from its memory; everything else is another band's work.

    Whatever is computed depends on its inputs alone, so the answers are equal to the byte. A player's block is found by
    its cue and by the state before, so a part that was changed for some bars rejoins what it was where its state does.

    Args:
        make_band: makes the other band; it is called when there is something to ask.
        plan: what will be played.
        memory: is read and added to.
        deadline_s: how long an answer may take that the next question depends on.
        needs_states: whether the caller stores the states after every block, to go on from there.
        was: the plan of the version that is edited; what stays the same of its arrangements is taken over.
    """

    def __init__(
        self,
        make_band: Callable[[RenderPlan], Band],
        plan: RenderPlan,
        memory: Memory,
        deadline_s: float,
        *,
        needs_states: bool = True,
        was: RenderPlan | None = None,
    ) -> None:
        self._plan, self._memory, self._deadline_s = plan, memory, deadline_s
        self._make_band, self._needs_states = make_band, needs_states
        self._band: Band | None = None
        asked = plan.request
        self._players = {one.name: player_facts(one, plan) for one in asked.band.followers}
        self._conductor = conductor_facts(plan)
        self._dynamics = dynamics_facts(plan)
        is_same = was is not None and models_of(was) == models_of(plan)
        self._conductor_before = conductor_facts(was) if was is not None and is_same else None
        if not memory.is_warm:
            self._other()

    @property
    def kind(self) -> str:
        """That of the other band; `memory` where it was not needed."""
        return self._band.kind if self._band else "memory"

    @property
    def actors(self) -> int:
        """Number of Ray actors of the other band."""
        return self._band.actors if self._band else 0

    def listen(self, leader: AudioClip, overrides: Overrides) -> Promise[Heard]:
        """Listen to the whole leader; what is said of it is laid over what was heard before."""
        key = self._memory.key("listen", leader.digest, *networks.SHA256.values())
        heard = self._one(Heard, lambda: key, lambda: self._other().listen(leader, Overrides()), "listener")
        if overrides.is_empty:
            return heard
        self.messages([heard], self._deadline_s + 2.0 * leader.duration_s)
        return self.hold(with_overrides(self._value(heard), overrides))

    def follow(
        self, leader: AudioClip, num_frames: int, said: Overrides, live: LiveSettings
    ) -> tuple[Promise[Heard], Promise[Arrangement]]:
        """Hear a leader and write the parts as if the leader were still playing, for `num_frames` control frames."""
        asked = (leader.digest, num_frames, said.model_dump_json(), live.model_dump_json())
        key = self._memory.key("follow", self._conductor, *asked)
        return self._two(
            (Heard, Arrangement), lambda: key, lambda: self._other().follow(leader, num_frames, said, live), "conductor"
        )

    def hold(self, value: T) -> Promise[T]:
        """Give the band a value that is known already, as a promise."""
        return Promise(_Value(kind=type(value), message=pack(value), value=value), "memory")

    def retrieve(self, heard: Promise[Heard], query: ContinuationQuery) -> Promise[tuple[Continuation, ...]]:
        """Find continuations, best first; they are not remembered, since a plan names those that were chosen."""
        found = self._other().retrieve(self._passed(heard), query)
        return Promise(_Value(kind=tuple, asked=found), found.who)

    def arrange(
        self, heard: Promise[Heard], num_frames: int, known: Promise[Arrangement] | None = None
    ) -> Promise[Arrangement]:
        """Write what every follower plays along with a leader, for `num_frames` control frames."""

        def key() -> bytes:
            return self._memory.key("arrange", self._conductor, self._name(heard), num_frames)

        def ask() -> Promise[Arrangement]:
            before = self._memory.key("arrange", self._conductor_before, self._name(heard), num_frames)
            found = self._memory.recall(before) if self._conductor_before else None
            like = known if found is None else self.hold(unpack(found, Arrangement))
            return self._other().arrange(self._passed(heard), num_frames, None if like is None else self._passed(like))

        return self._one(Arrangement, key, ask, "conductor")

    def start_conducting(self) -> Promise[ConductorState]:
        """The conductor's state before the first block."""
        key = self._memory.key("start", self._conductor)
        return self._one(ConductorState, lambda: key, lambda: self._other().start_conducting(), "conductor")

    def conduct(
        self, arrangement: Promise[Arrangement], block: Block, state: Promise[ConductorState]
    ) -> tuple[Promise[Score], Promise[ConductorState]]:
        """Conduct one block: predict its dynamics and make every player's cue."""

        @cache
        def key() -> bytes:
            seen = seen_of(self._value(arrangement), block)
            return self._memory.key("conduct", self._dynamics, seen, self._name(state))

        def ask() -> tuple[Promise[Score], Promise[ConductorState]]:
            return self._other().conduct(self._passed(arrangement), block, self._passed(state))

        is_kept = block.stop_frame // _STATE_FRAMES > block.start_frame // _STATE_FRAMES
        keys = [partial(_numbered, key, index) for index in (0, 1)]
        if self._memory.is_warm and (found := self._memory.recall(keys[0]())) is not None:
            known = self._memory.recall(keys[1]()) if is_kept else None
            after = _Value(
                kind=ConductorState, message=known, name=keys[1](), make=lambda: ask()[1],
                before=None if known is not None else state,
            )  # fmt: skip
            score = cued(self._value(arrangement), unpack(found, Score).dynamics, block)
            return self.hold(score), Promise(after, "conductor")
        asked, follows = ask()
        after = _Value(kind=ConductorState, key=keys[1] if is_kept else None, naming=keys[1], asked=follows)
        return Promise(_Value(kind=Score, key=keys[0], asked=asked), "conductor"), Promise(after, "conductor")

    def start_playing(self, part: str) -> Promise[PlayerState]:
        """A player's state before the first block."""
        key = self._memory.key("start", self._players[part])
        return self._one(PlayerState, lambda: key, lambda: self._other().start_playing(part), part)

    def play(
        self, part: str, score: Promise[Score], state: Promise[PlayerState]
    ) -> tuple[Promise[Stem], Promise[PlayerState]]:
        """Play one block of one part."""

        def key() -> bytes:
            return self._memory.key("play", self._players[part], self._value(score).cue(part), self._name(state))

        return self._two(
            (Stem, PlayerState), key,
            lambda: self._other().play(part, self._passed(score), self._passed(state)), part,
        )  # fmt: skip

    def collect(self, promises: Sequence[Promise[T]], deadline_s: float) -> list[T]:
        """Wait for values and return them."""
        self.messages(promises, deadline_s)
        return [self._value(promise) for promise in promises]

    def messages(self, promises: Sequence[Promise[Any]], deadline_s: float) -> list[bytes]:
        """Wait for values and return them as messages; keep those that were not there.

        The message of a conductor's state that nobody needs is empty, unless `needs_states`.
        """
        for promise in promises if self._needs_states else ():
            self._passed_on(promise)
        missing = [one for promise in promises if (one := promise.token).message is None and one.asked is not None]
        if missing:
            asked = [one.asked for one in missing]
            for one, message in zip(missing, self._other().messages(asked, deadline_s), strict=True):
                one.message = message
                if one.naming is not None:
                    one.name = one.naming()
                if one.key is not None and self.is_exact():
                    self._memory.keep(one.key(), message)
                one.key = one.naming = None  # they hold all values before
        return [promise.token.message or b"" for promise in promises]

    def tally(self) -> Tally:
        """Work and losses so far."""
        return self._band.tally() if self._band else Tally()

    def was_ready(self, left_s: float) -> None:
        """Pass on what a live session tells."""
        if self._band is not None:
            self._band.was_ready(left_s)

    def has_rested(self, bars: float) -> None:
        """Pass on what a live session tells."""
        if self._band is not None:
            self._band.has_rested(bars)

    def is_exact(self) -> bool:
        """Whether everything was computed by machines like this one; what was not is never remembered."""
        return self._band.is_exact() if self._band else True

    def close(self) -> None:
        """Release the workers."""
        if self._band:
            self._band.close()

    def _other(self) -> Band:
        if self._band is None:
            self._band = self._make_band(self._plan)
        return self._band

    def _one(self, kind: type[T], key: Callable[[], bytes], ask: Callable[[], Promise[T]], who: str) -> Promise[T]:
        found = self._memory.recall(key()) if self._memory.is_warm else None
        if found is not None:
            return Promise(_Value(kind=kind, message=found), who)
        return Promise(_Value(kind=kind, key=key, asked=ask()), who)

    def _two(
        self, kinds: tuple[type[Any], type[Any]], key: Callable[[], bytes],
        ask: Callable[[], tuple[Promise[Any], Promise[Any]]], who: str,
    ) -> tuple[Promise[Any], Promise[Any]]:  # fmt: skip
        """The two values of one call, which are kept one by one."""
        once = cache(key)
        keys = [partial(_numbered, once, index) for index in (0, 1)]
        if self._memory.is_warm:
            found = [self._memory.recall(one()) for one in keys]
            if None not in found:
                first, second = (_Value(kind=kind, message=one) for kind, one in zip(kinds, found, strict=True))
                return Promise(first, who), Promise(second, who)
        first, second = (
            _Value(kind=kind, key=one, asked=asked) for kind, one, asked in zip(kinds, keys, ask(), strict=True)
        )
        return Promise(first, who), Promise(second, who)

    def _passed(self, promise: Promise[T]) -> Promise[T]:
        """A value as the other band's promise."""
        token: _Value[T] = promise.token
        self._passed_on(promise)
        if token.asked is None:
            token.asked = self._other().hold(self._value(promise))
        return token.asked

    def _passed_on(self, promise: Promise[Any]) -> None:
        """Ask for a value that is not kept, and for those before it back to one that is."""
        chain: list[_Value[Any]] = []
        here: Promise[Any] | None = promise
        while here is not None and here.token.message is None and here.token.asked is None:
            chain.append(here.token)
            here = here.token.before
        for one in reversed(chain):
            if one.make is not None:
                one.asked = one.make()

    def _message(self, promise: Promise[Any]) -> bytes:
        return self.messages([promise], self._deadline_s)[0]

    def _value(self, promise: Promise[T]) -> T:
        token: _Value[T] = promise.token
        if token.value is None:
            token.value = unpack(self._message(promise), token.kind)
        return token.value

    def _name(self, promise: Promise[Any]) -> bytes:
        token = promise.token
        if not token.name:
            token.name = token.naming() if token.naming is not None else digest(self._message(promise))
        return cast("bytes", token.name)


def _numbered(key: Callable[[], bytes], index: int) -> bytes:
    return digest(key(), index)

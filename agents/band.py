"""`RayBand`: every instrument is a Ray actor. States travel with the calls, so that a lost actor costs one block."""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, TypeVar

import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError, GetTimeoutError, RayError, RayTaskError

from agents.calls import Answer, Call, Known
from agents.conductor import Conductor
from agents.hall import Hall
from agents.instrument import Instrument
from agents.presence import Stamp, fingerprint_digest
from agents.recovery import Action, Cause, Loss, Rules, decide
from agents.retrieval import Retrieval
from agents.seating import Seat, Stager, Wish, anywhere
from ensemble.band import Promise, Tally
from ensemble.clock import Block
from ensemble.config import FollowerSettings
from ensemble.continuations import Continuation
from ensemble.continuations import Wish as Wanted
from ensemble.errors import BandError, DeadlineError, EnsembleError
from ensemble.plan import Incident, RenderPlan
from ensemble.types import AudioClip, ConductorState, Heard, Hits, Part, PlayerState, Score, Stem
from ensemble.wire import pack, unpack

T = TypeVar("T")
InstrumentActor = ray.remote(Instrument)
ConductorActor = ray.remote(Conductor)
RetrievalActor = ray.remote(Retrieval)
TALLY_S = 60.0
CLOSING_S = 1.0
LOOK_S = 0.25
"""Ray lets no signal through while it waits: look up so often."""
FETCH_S = 5.0
PAUSE_S = 0.2
"""Before somebody who could not be reached is asked again."""
SEATS_PER_CORE = 4


class RayBand:
    """The players of one plan as actors of the Ray that is running.

    Whoever is lost is replaced, by the rules; what had not been answered is asked again, with the state that was
    acknowledged last.

    Args:
        plan: what will be played.
        actors: at most so many instrument actors share the parts. When absent each part has its own, up to four for
            every core of the cluster.
        stager: decides what each seat gets, and where; see `cluster.stage`.
        rules: for losses.
        seating_s: how long the band may take to sit down.

    Raises:
        BandError: somebody could not be seated.
    """

    kind = "ray"

    def __init__(
        self,
        plan: RenderPlan,
        *,
        actors: int | None = None,
        stager: Stager = anywhere,
        rules: Rules | None = None,
        seating_s: float = 120.0,
    ) -> None:
        self._rules = rules or Rules()
        self._voicing = (plan.sample_rate, plan.seed)
        self._open: dict[Call, None] = {}
        self._incidents: list[Incident] = []
        self._replays: dict[str, int] = defaultdict(int)
        self._busy_s: dict[str, float] = defaultdict(float)
        self._fingerprints: set[str] = set()
        self._began = time.monotonic()
        total: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        tables = _tables(plan.band.followers, actors or max(4, int(SEATS_PER_CORE * total.get("CPU", 1.0))))
        wishes = [Wish(who="conductor"), *(Wish(who=_called(table), followers=tuple(table)) for table in tables)]
        wants_retrieval = plan.extension is not None and not plan.continuations
        if wants_retrieval:
            wishes.append(Wish(who="retrieval"))
        self._hall = Hall(wishes, stager, uuid.uuid4().hex[:8], seating_s)
        self.actors = len(wishes)
        try:
            at_the_desk = (plan.band.model_dump_json(), plan.weights_sha256.get("conductor"))
            self._conductor = self._hall.seat(ConductorActor, wishes[0], at_the_desk, at_the_desk)
            self._players: dict[str, Seat] = {}
            for table, wish in zip(tables, wishes[1:], strict=False):
                seat = self._hall.seat(InstrumentActor, wish, _voices(table, plan), _voices(map(_plain, table), plan))
                self._players |= {follower.name: seat for follower in table}
            self._retrieval: Seat | None = None
            if wants_retrieval and plan.extension is not None:
                settings = (plan.extension.retrieve.model_dump_json(),)
                self._retrieval = self._hall.seat(RetrievalActor, wishes[-1], settings, settings)
            self._wait_for_everyone(seating_s)
        except BaseException:
            self.close()
            raise

    def listen(self, leader: AudioClip) -> Promise[Heard]:
        """Hear the whole leader."""
        (heard,) = self._ask(self._conductor, "conductor", "listen", (Heard,), _Stored(pack(leader)).sent())
        return heard

    def hold(self, heard: Heard) -> Promise[Heard]:
        """Take what is known of the leader already, instead of listening."""
        return Promise(Answer(Known(pack(heard), Heard), 0), "driver")

    def arrange(self, heard: Promise[Heard], num_frames: int) -> Promise[tuple[Part | Hits, ...]]:
        """Write what every follower plays."""
        (parts,) = self._ask(self._conductor, "conductor", "arrange", (tuple,), self._seed, heard.token, num_frames)
        return parts

    def retrieve(self, heard: Promise[Heard], wish: Wanted) -> Promise[tuple[Continuation, ...]]:
        """Find what could come next, best first."""
        if self._retrieval is None:
            raise ValueError("the plan asks for no extension")
        (found,) = self._ask(
            self._retrieval, "retrieval", "retrieve", (tuple,), heard.token, _Stored(pack(wish)).sent()
        )
        return found

    def fork(self, leaders: Sequence[tuple[Promise[Heard], int]]) -> Promise[int]:
        """Up to which frame leaders, and performances of so many frames, are conducted and played alike."""
        lengths, heards = [length for _, length in leaders], [heard.token for heard, _ in leaders]
        (frame,) = self._ask(self._conductor, "conductor", "fork", (int,), self._seed, lengths, *heards)
        return frame

    def start_conducting(self) -> Promise[ConductorState]:
        """The conductor's state before the first block."""
        (state,) = self._ask(self._conductor, "conductor", "start", (ConductorState,), self._seed)
        return state

    def conduct(
        self, heard: Promise[Heard], num_frames: int, block: Block, state: Promise[ConductorState]
    ) -> tuple[Promise[Score], Promise[ConductorState]]:
        """Predict one block's dynamics and cue everyone: the reference to the one answer goes to all players."""
        span = (block.start_frame, block.stop_frame, block.is_last)
        asked = (self._seed, heard.token, num_frames, span, state.token)
        score, after = self._ask(self._conductor, "conductor", "conduct", (Score, ConductorState), *asked)
        return score, after

    def start_playing(self, part: str) -> Promise[PlayerState]:
        """A player's state before the first block."""
        (state,) = self._ask(self._players[part], part, "start", (PlayerState,), part, *self._voicing)
        return state

    def play(
        self, part: str, score: Promise[Score], state: Promise[PlayerState]
    ) -> tuple[Promise[Stem], Promise[PlayerState]]:
        """Play one block of one part."""
        asked = (part, *self._voicing, score.token, state.token)
        stem, after = self._ask(self._players[part], part, "play", (Stem, PlayerState), *asked)
        return stem, after

    def collect(self, promises: Sequence[Promise[T]], deadline_s: float) -> list[T]:
        """Wait for values; the only wait there is.

        Raises:
            DeadlineError: somebody did not answer in time; says who.
            BandError: an actor is lost for good.
        """
        answers: list[Answer] = [promise.token for promise in promises]
        self._settle([one.call for one in answers], deadline_s)
        return [unpack(one.call.values[one.index], one.kind) for one in answers if one.call.values is not None]

    def tally(self) -> Tally:
        """What the work cost, who was lost, what was played again."""
        self._settle(list(self._open), TALLY_S)
        here = fingerprint_digest()
        return Tally(
            busy_s=dict(self._busy_s),
            restarts=sum(max(seat.lives, len(seat.pids) - 1, 0) for seat in self._hall.seats),
            replays=dict(self._replays),
            incidents=tuple(self._incidents),
            exact=self._fingerprints <= {here} and not any(seat.is_degraded for seat in self._hall.seats),
        )

    def close(self) -> None:
        """Send everyone home."""
        retrieval: Seat | None = getattr(self, "_retrieval", None)
        if retrieval is not None:
            ray.wait([retrieval.actor.close.remote()], timeout=CLOSING_S)  # it lets go of the store, if it still can
        self._hall.close()

    @property
    def _seed(self) -> int:
        return self._voicing[1]

    def _ask(self, seat: Seat, who: str, method: str, kinds: tuple[type, ...], *inputs: Any) -> list[Promise[Any]]:
        call = Call(seat, who, method, kinds, inputs)
        self._open[call] = None
        return [Promise(Answer(call, index), who) for index in range(len(kinds))]

    def _wait_for_everyone(self, seating_s: float) -> None:
        everyone: list[Promise[Any]] = []
        for seat in {id(seat): seat for seat in self._players.values()}.values():
            everyone += self._ask(seat, seat.name, "ready", (tuple,), *self._voicing)
        everyone += self._ask(self._conductor, "conductor", "ready", (object,), self._seed)
        try:
            self._settle([promise.token.call for promise in everyone], seating_s)
        except DeadlineError as error:
            raise BandError(
                "the band", f"{error.what} found no seat within {seating_s:g} s ({self._hall.has_free()})",
                "add a node, or share seats with --actors",
            ) from error  # fmt: skip

    def _settle(self, calls: Sequence[Call], deadline_s: float) -> None:
        """Wait until every one of these calls is answered; recover whoever is lost meanwhile."""
        until = time.monotonic() + deadline_s
        waiting = [call for call in dict.fromkeys(calls) if call.values is None]
        while waiting:
            refs = [ref for call in waiting for ref in call.refs]
            ready = set(ray.wait(refs, num_returns=len(refs), timeout=min(LOOK_S, deadline_s))[0])
            for call in waiting:
                if call.values is None and ready.issuperset(call.refs):
                    self._take(call)
            waiting = [call for call in waiting if call.values is None]
            if waiting:
                self._look_after({call.seat for call in waiting})
            if waiting and time.monotonic() > until:
                late = ", ".join(dict.fromkeys(call.who for call in waiting))
                raise DeadlineError(late, f"did not answer within {deadline_s:g} s", "see `ensemble status`")

    def _take(self, call: Call) -> None:
        """Take an answer that is there, or recover it if what is there is the news of a loss."""
        try:
            values = ray.get(call.refs, timeout=FETCH_S)
        except GetTimeoutError:
            return  # on its way from a node that does not answer; what becomes of that is heard soon
        except RayTaskError as error:
            if isinstance(error.cause, EnsembleError):
                raise error.cause from None
            if not isinstance(error.cause, RayError):
                problem = f"failed ({type(error.cause).__name__}: {error.cause})"
                raise BandError(call.who, problem) from error
            self._recover(call, error.cause)
        except RayError as error:
            self._recover(call, error)
        else:
            self._note(call, values[-1])
            call.settle(values)
            self._open.pop(call, None)

    def _note(self, call: Call, stamp: Stamp) -> None:
        """What a stamp tells: who sits where, what it cost."""
        seat = call.seat
        seat.pids.add(stamp["pid"])
        seat.node_id, seat.in_a_row, seat.waiting_since = stamp["node"], 0, None
        if call.method not in ("ready", "start"):
            self._busy_s[call.who] += stamp["busy_s"]
        self._fingerprints.add(stamp["fingerprint"])

    def _recover(self, call: Call, error: RayError) -> None:
        """Replace who is lost, if that has not been done, and ask again, from what the question needs upwards."""
        lost = getattr(error, "actor_id", None)
        seat = next((one for one in self._hall.seats if lost and one.actor_id == lost), None)
        is_own = lost in (None, call.actor_id)
        if is_own and call.method in ("play", "conduct"):
            self._count_replay(call, error)
        if seat is not None or lost is None:  # whoever was lost earlier has been replaced already
            self._act(seat or call.seat, _cause(error), error)
        for needed in call.waits_for:
            self._mend(needed)
        call.ask()

    def _mend(self, needed: Call) -> None:
        """See to a call whose answer another one needs: it may be lost, too, or have been asked of somebody lost."""
        ready, _ = ray.wait(needed.refs, num_returns=len(needed.refs), timeout=0)
        if len(ready) == len(needed.refs):
            self._take(needed)
        elif needed.life < needed.seat.lives:
            for earlier in needed.waits_for:
                self._mend(earlier)
            needed.ask()

    def _count_replay(self, call: Call, error: RayError) -> None:
        """A player works on one block at a time: of those asked of one who died, only the first had begun."""
        if isinstance(error, ActorDiedError):
            if call.seat.replayed_life == call.life:
                return
            call.seat.replayed_life = call.life
        self._replays[call.who] += 1

    def _act(self, seat: Seat, cause: Cause, error: RayError | None) -> None:
        """Do what the policy says about one loss."""
        if cause is not Cause.UNSEATED:
            seat.in_a_row += 1
        waited_s = time.monotonic() - seat.waiting_since if seat.waiting_since is not None else 0.0
        loss = Loss(
            cause=cause, in_a_row=seat.in_a_row, waited_s=waited_s, node_is_alive=self._hall.is_alive(seat.node_id),
            holds_gpu="GPU" in seat.bundle,
        )  # fmt: skip
        action = decide(loss, self._rules)
        if action is Action.WAIT:
            return
        at_s = time.monotonic() - self._began
        self._incidents.append(Incident(who=seat.name, cause=cause.value, action=action.value, at_s=round(at_s, 3)))
        if action is Action.GIVE_UP:
            raise self._given_up(seat, loss, error) from error
        if action is Action.ASK_AGAIN:
            time.sleep(PAUSE_S if cause is Cause.UNREACHABLE else 0.0)
            return
        seat.replace(on_cpu=action is Action.DEGRADE)

    def _look_after(self, seats: set[Seat]) -> None:
        """Whoever was called in and has not sat down yet may never do so."""
        for seat in seats:
            if seat.lives and seat.waiting_since is not None:
                self._act(seat, Cause.UNSEATED, None)

    def _given_up(self, seat: Seat, loss: Loss, error: RayError | None) -> BandError:
        if loss.cause is Cause.UNSEATED:
            asked = " and ".join(f"{amount:g} {kind}" for kind, amount in seat.bundle.items())
            problem = f"was lost, and found no seat within {self._rules.seat_s:g} s"
            return BandError(seat.name, f"{problem} (asks for {asked}; {self._hall.has_free()})", "add a node")
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return BandError(
            seat.name, f"was lost {loss.in_a_row} times in a row ({reason})", "see its log, and render again"
        )


class _Stored:
    """A large value that is sent once."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    def sent(self) -> Any:
        return ray.put(self._value)


def _cause(error: RayError) -> Cause:
    if isinstance(error, ActorDiedError):
        return Cause.DIED
    return Cause.UNREACHABLE if isinstance(error, ActorUnavailableError) else Cause.ANSWER


def _called(table: Sequence[FollowerSettings]) -> str:
    return "+".join(follower.name for follower in table)


def _plain(follower: FollowerSettings) -> FollowerSettings:
    """The same on a CPU."""
    return follower.model_copy(update={"device": "cpu"}) if follower.device == "cuda" else follower


def _voices(table: Any, plan: RenderPlan) -> tuple[dict[str, str | None]]:
    return ({one.model_dump_json(): plan.weights_sha256.get(one.name) for one in table},)


def _tables(followers: Sequence[FollowerSettings], seats: int) -> list[list[FollowerSettings]]:
    """Deal the parts out to at most `seats` actors, in turn."""
    tables: list[list[FollowerSettings]] = [[] for _ in range(min(max(seats, 1), len(followers)))]
    for index, follower in enumerate(followers):
        tables[index % len(tables)].append(follower)
    return tables

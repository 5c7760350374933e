"""`RayBand`: every instrument is a Ray actor; states travel with the calls, so that a lost actor costs one block."""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError

from agents.conductor import Conductor
from agents.instrument import Instrument
from agents.meters import Meters
from agents.names import NAMESPACE
from agents.presence import Stamp, fingerprint_digest
from agents.retrieval import Retrieval
from ensemble import journal
from ensemble.band import Promise, Tally
from ensemble.clock import Block
from ensemble.config import FollowerSettings
from ensemble.continuations import Continuation, Wish
from ensemble.errors import BandError, DeadlineError, EnsembleError
from ensemble.plan import RenderPlan
from ensemble.types import AudioClip, ConductorState, Heard, Hits, Part, PlayerState, Score, Stem
from ensemble.wire import pack, unpack

T = TypeVar("T")
Resources = Callable[[FollowerSettings | None], dict[str, float]]
"""What one seat asks of a node: a follower's, or the conductor's (`None`)."""
InstrumentActor = ray.remote(Instrument)
ConductorActor = ray.remote(Conductor)
RetrievalActor = ray.remote(Retrieval)
TALLY_S = 60.0
CLOSING_S = 1.0
SEATS_PER_CORE = 4
_RESTARTABLE = {"max_restarts": -1, "max_task_retries": -1}
"""Every method is a pure step: Ray may run it again on a fresh process, and the answer is the same."""


def light(follower: FollowerSettings | None) -> dict[str, float]:
    """A tenth of a core for each seat, and a quarter of a GPU for a voice that asks for one."""
    return {"num_cpus": 0.1, "num_gpus": 0.25 if follower and follower.device == "cuda" else 0.0}


class _Answer(NamedTuple):
    """What a promise of this band holds: where the message will be, and what it must contain."""

    ref: ray.ObjectRef[Any]
    kind: type


class RayBand:
    """The players of one plan as actors of the Ray that is running.

    Args:
        plan: what will be played.
        actors: at most so many instrument actors share the parts. When absent each part has its own, up to four for
            every core of the cluster.
        resources: what a seat asks of a node.
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
        resources: Resources = light,
        seating_s: float = 120.0,
    ) -> None:
        self._performance = uuid.uuid4().hex[:8]
        self._meters = Meters(self._performance, {one.name: one.instrument for one in plan.band.followers})
        self._stamps: dict[str, list[ray.ObjectRef[Any]]] = defaultdict(list)
        total: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        self._tables = _tables(plan.band.followers, actors or max(4, int(SEATS_PER_CORE * total.get("CPU", 1.0))))
        seats = [_together([resources(follower) for follower in table]) for table in self._tables]
        _check_gpus(seats, total.get("GPU", 0.0))
        at_the_desk, conducting = plan.band.model_dump_json(), plan.weights_sha256.get("conductor")
        self._conductor = self._seat(ConductorActor, "conductor", resources(None), at_the_desk, plan.seed, conducting)
        self._players: dict[str, Any] = {}
        for table, wishes in zip(self._tables, seats, strict=True):
            name = "+".join(follower.name for follower in table)
            settings = {one.model_dump_json(): plan.weights_sha256.get(one.name) for one in table}
            actor = self._seat(InstrumentActor, name, wishes, settings, plan.sample_rate, plan.seed)
            self._players |= {follower.name: actor for follower in table}
        self.actors = len(self._tables) + 1
        self._retrieval: Any = None
        if plan.extension is not None and not plan.continuations:
            wanted = plan.extension.retrieve.model_dump_json()
            self._retrieval = self._seat(RetrievalActor, "retrieval", resources(None), wanted)
            self.actors += 1
        self._wait_for_everyone(seating_s)

    def listen(self, leader: AudioClip) -> Promise[Heard]:
        """Hear the whole leader."""
        (heard,) = self._ask("conductor", (Heard,), self._conductor.listen, ray.put(pack(leader)))
        return heard

    def hold(self, heard: Heard) -> Promise[Heard]:
        """Take what is known of the leader already, instead of listening."""
        return Promise(_Answer(ray.put(pack(heard)), Heard), "driver")

    def arrange(self, heard: Promise[Heard], num_frames: int) -> Promise[tuple[Part | Hits, ...]]:
        """Write what every follower plays."""
        (parts,) = self._ask("conductor", (tuple,), self._conductor.arrange, heard.token.ref, num_frames)
        return parts

    def retrieve(self, heard: Promise[Heard], wish: Wish) -> Promise[tuple[Continuation, ...]]:
        """Find what could come next, best first."""
        (found,) = self._ask("retrieval", (tuple,), self._retrieval.retrieve, heard.token.ref, ray.put(pack(wish)))
        return found

    def fork(self, leaders: Sequence[tuple[Promise[Heard], int]]) -> Promise[int]:
        """Up to which frame leaders, and performances of so many frames, are conducted and played alike."""
        lengths, heards = [length for _, length in leaders], [heard.token.ref for heard, _ in leaders]
        (frame,) = self._ask("conductor", (int,), self._conductor.fork, lengths, *heards)
        return frame

    def start_conducting(self) -> Promise[ConductorState]:
        """The conductor's state before the first block."""
        return Promise(_Answer(self._conductor.start.remote(), ConductorState), "conductor")

    def conduct(
        self, heard: Promise[Heard], num_frames: int, block: Block, state: Promise[ConductorState]
    ) -> tuple[Promise[Score], Promise[ConductorState]]:
        """Predict one block's dynamics and cue everyone: the reference to the one answer goes to all players."""
        span = (block.start_frame, block.stop_frame, block.is_last)
        kinds, asked = (
            (Score, ConductorState),
            (heard.token.ref, num_frames, span, state.token.ref, journal.where_now()),
        )
        score, after = self._ask("conductor", kinds, self._conductor.conduct, *asked)
        return score, after

    def start_playing(self, part: str) -> Promise[PlayerState]:
        """A player's state before the first block."""
        return Promise(_Answer(self._players[part].start.remote(part), PlayerState), part)

    def play(
        self, part: str, score: Promise[Score], state: Promise[PlayerState]
    ) -> tuple[Promise[Stem], Promise[PlayerState]]:
        """Play one block of one part."""
        kinds = (Stem, PlayerState)
        asked = (part, score.token.ref, state.token.ref, journal.where_now())
        stem, after = self._ask(part, kinds, self._players[part].play, *asked)
        return stem, after

    def collect(self, promises: Sequence[Promise[T]], deadline_s: float) -> list[T]:
        """Wait for values; the only wait there is.

        Raises:
            DeadlineError: somebody did not answer in time; says who.
            BandError: an actor is lost for good.
        """
        asked: list[_Answer] = [promise.token for promise in promises]
        messages = _get([one.ref for one in asked], [promise.who for promise in promises], deadline_s)
        return [unpack(message, one.kind) for message, one in zip(messages, asked, strict=True)]

    def tally(self) -> Tally:
        """What the work cost; a seat that answered from several processes was restarted."""
        stamps: dict[str, list[Stamp]] = {
            who: _get(refs, [who] * len(refs), TALLY_S) for who, refs in self._stamps.items()
        }
        seats = [["conductor"], ["retrieval"], *([follower.name for follower in table] for table in self._tables)]
        lives = [{stamp["pid"] for who in seat for stamp in stamps.get(who, [])} for seat in seats]
        here = fingerprint_digest()
        return Tally(
            busy_s={who: sum(stamp["busy_s"] for stamp in given) for who, given in stamps.items()},
            restarts=sum(len(pids) - 1 for pids in lives if pids),
            exact=all(stamp["fingerprint"] == here for given in stamps.values() for stamp in given),
        )

    def close(self) -> None:
        """Send everyone home."""
        self._meters.close()
        if self._retrieval is not None:
            ray.wait([self._retrieval.close.remote()], timeout=CLOSING_S)  # it lets go of the store, if it still can
        for actor in {self._conductor, *self._players.values(), self._retrieval} - {None}:
            ray.kill(actor)

    def _seat(self, kind: Any, name: str, wishes: dict[str, float], *settings: Any) -> Any:
        named = {"name": f"{name}-{self._performance}", "namespace": NAMESPACE}
        return kind.options(**_RESTARTABLE, **named, **wishes).remote(*settings)

    def _wait_for_everyone(self, seating_s: float) -> None:
        everyone = {name: actor.ready.remote() for name, actor in self._players.items()}
        everyone["conductor"] = self._conductor.ready.remote()
        try:
            _get(list(everyone.values()), list(everyone), seating_s)
        except DeadlineError as error:
            self.close()
            available: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
            free = {kind: amount for kind, amount in available.items() if kind in ("CPU", "GPU")}
            has = ", ".join(f"{amount:g} {kind}" for kind, amount in sorted(free.items())) or "nothing"
            raise BandError(
                "the band", f"{error.what} found no seat within {seating_s:g} s (the cluster has {has} free)",
                "add a node, or share seats with --actors",
            ) from error  # fmt: skip
        except EnsembleError:
            self.close()
            raise

    def _ask(self, who: str, kinds: tuple[type, ...], method: Any, *inputs: Any) -> list[Promise[Any]]:
        """Call an actor; every answer ends with a stamp, which is kept for the tally."""
        *values, stamp = method.options(num_returns=len(kinds) + 1).remote(*inputs)
        self._stamps[who].append(stamp)
        self._meters.asked(who, stamp)
        return [Promise(_Answer(value, kind), who) for value, kind in zip(values, kinds, strict=True)]


def _tables(followers: Sequence[FollowerSettings], seats: int) -> list[list[FollowerSettings]]:
    """Deal the parts out to at most `seats` actors, in turn."""
    tables: list[list[FollowerSettings]] = [[] for _ in range(min(max(seats, 1), len(followers)))]
    for index, follower in enumerate(followers):
        tables[index % len(tables)].append(follower)
    return tables


def _together(wishes: Sequence[dict[str, float]]) -> dict[str, float]:
    """What a shared seat asks for: of everything, what its most demanding part asks."""
    return {kind: max(wish.get(kind, 0.0) for wish in wishes) for kind in {kind for wish in wishes for kind in wish}}


def _check_gpus(seats: Sequence[dict[str, float]], has: float) -> None:
    """A cluster without a GPU never gets one by waiting."""
    wanted = sum(seat.get("num_gpus", 0.0) for seat in seats)
    if wanted > has:
        raise BandError(
            "the band", f"asks for {wanted:g} GPUs, the cluster has {has:g}", "use device: auto, or add a node"
        )


def _get(refs: list[ray.ObjectRef[Any]], who: list[str], deadline_s: float) -> list[Any]:
    """`ray.get` that says in the project's words who failed.

    It looks up every quarter of a second: Ray lets no signal through while it waits.
    """
    waiting, until = list(dict.fromkeys(refs)), time.monotonic() + deadline_s
    while waiting:
        _, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=min(0.25, deadline_s))
        if waiting and time.monotonic() > until:
            late = ", ".join(dict.fromkeys(name for name, ref in zip(who, refs, strict=True) if ref in waiting))
            raise DeadlineError(late, f"did not answer within {deadline_s:g} s", "see `ensemble status`")
    try:
        answers: list[Any] = ray.get(refs)
    except RayTaskError as error:
        if isinstance(error.cause, EnsembleError):
            raise error.cause from None
        raise BandError(", ".join(who), f"failed ({type(error.cause).__name__}: {error.cause})") from error
    except RayError as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise BandError(", ".join(who), f"was lost ({reason[0]})", "render again") from error
    return answers

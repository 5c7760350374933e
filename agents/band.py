"""`RayBand`: every instrument is a Ray actor; states travel with the calls, so that a lost actor costs one block."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import ray
from ray.exceptions import GetTimeoutError, RayError, RayTaskError

from agents.conductor import Conductor
from agents.instrument import Instrument
from agents.names import NAMESPACE
from agents.presence import Stamp, fingerprint_digest
from ensemble.band import Promise, Tally
from ensemble.clock import Block
from ensemble.config import FollowerSettings
from ensemble.errors import BandError, DeadlineError, EnsembleError
from ensemble.plan import RenderPlan
from ensemble.types import AudioClip, ConductorState, Heard, Hits, Part, PlayerState, Score, Stem
from ensemble.wire import pack, unpack

T = TypeVar("T")
Resources = Callable[[FollowerSettings | None], dict[str, float]]
"""What one seat asks of a node: a follower's, or the conductor's (`None`)."""
InstrumentActor = ray.remote(Instrument)
ConductorActor = ray.remote(Conductor)
_RESTARTABLE = {"max_restarts": -1, "max_task_retries": -1}
"""Every method is a pure step: Ray may run it again on a fresh process, and the answer is the same."""


def light(follower: FollowerSettings | None) -> dict[str, float]:
    """A tenth of a core for each seat, and a quarter of a GPU for a voice that asks for one."""
    return {"num_cpus": 0.1, "num_gpus": 0.25 if follower and follower.device == "cuda" else 0.0}


class RayBand:
    """The players of one plan as actors of the Ray that is running.

    Args:
        plan: what will be played.
        actors: at most so many instrument actors share the parts; each part has its own when absent.
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
        self._stamps: dict[str, list[ray.ObjectRef[Any]]] = defaultdict(list)
        wishes = resources(None)
        self._conductor = self._seat(ConductorActor, "conductor", wishes, plan.band.model_dump_json(), plan.seed)
        self._players: dict[str, Any] = {}
        tables = _tables(plan.band.followers, actors or len(plan.band.followers))
        for table in tables:
            name = "+".join(follower.name for follower in table)
            settings = [follower.model_dump_json() for follower in table]
            actor = self._seat(InstrumentActor, name, resources(table[0]), settings, plan.sample_rate, plan.seed)
            self._players |= {follower.name: actor for follower in table}
        self.actors = len(tables) + 1
        self._wait_for_everyone(seating_s)

    def listen(self, leader: AudioClip) -> Promise[Heard]:
        """Hear the whole leader."""
        (heard,) = self._ask("conductor", self._conductor.listen, 1, ray.put(pack(leader)))
        return heard

    def arrange(self, heard: Promise[Heard], num_frames: int) -> Promise[tuple[Part | Hits, ...]]:
        """Write what every follower plays."""
        (parts,) = self._ask("conductor", self._conductor.arrange, 1, heard.token, num_frames)
        return parts

    def start_conducting(self) -> Promise[ConductorState]:
        """The conductor's state before the first block."""
        return Promise(self._conductor.start.remote(), "conductor")

    def conduct(
        self, heard: Promise[Heard], num_frames: int, block: Block, state: Promise[ConductorState]
    ) -> tuple[Promise[Score], Promise[ConductorState]]:
        """Predict one block's dynamics and cue everyone: the reference to the one answer goes to all players."""
        span = (block.start_frame, block.stop_frame, block.is_last)
        score, after = self._ask("conductor", self._conductor.conduct, 2, heard.token, num_frames, span, state.token)
        return score, after

    def start_playing(self, part: str) -> Promise[PlayerState]:
        """A player's state before the first block."""
        return Promise(self._players[part].start.remote(part), part)

    def play(
        self, part: str, score: Promise[Score], state: Promise[PlayerState]
    ) -> tuple[Promise[Stem], Promise[PlayerState]]:
        """Play one block of one part."""
        stem, after = self._ask(part, self._players[part].play, 2, part, score.token, state.token)
        return stem, after

    def collect(self, promises: Sequence[Promise[T]], deadline_s: float) -> list[T]:
        """Wait for values; the only wait there is.

        Raises:
            DeadlineError: somebody did not answer in time; says who.
            BandError: an actor is lost for good.
        """
        answers = _get([promise.token for promise in promises], [promise.who for promise in promises], deadline_s)
        return [unpack(answer, object) for answer in answers]  # type: ignore[misc]

    def tally(self) -> Tally:
        """What the work cost: a change of process between two answers is a restart."""
        stamps: dict[str, list[Stamp]] = {who: ray.get(refs, timeout=60.0) for who, refs in self._stamps.items()}
        lives = {who: [stamp["pid"] for stamp in given] for who, given in stamps.items()}
        here = fingerprint_digest()
        return Tally(
            busy_s={who: sum(stamp["busy_s"] for stamp in given) for who, given in stamps.items()},
            restarts=sum(before != after for pids in lives.values() for before, after in pairwise(pids)),
            exact=all(stamp["fingerprint"] == here for given in stamps.values() for stamp in given),
        )

    def close(self) -> None:
        """Send everyone home."""
        for actor in {self._conductor, *self._players.values()}:
            ray.kill(actor)

    def _seat(self, kind: Any, name: str, wishes: dict[str, float], *settings: Any) -> Any:
        named = {"name": f"{name}-{self._performance}", "namespace": NAMESPACE}
        return kind.options(**_RESTARTABLE, **named, **wishes).remote(*settings)

    def _wait_for_everyone(self, seating_s: float) -> None:
        everyone = {name: actor.status.remote() for name, actor in self._players.items()}
        everyone["conductor"] = self._conductor.status.remote()
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

    def _ask(self, who: str, method: Any, num_values: int, *inputs: Any) -> list[Promise[Any]]:
        """Call an actor; every answer ends with a stamp, which is kept for the tally."""
        *values, stamp = method.options(num_returns=num_values + 1).remote(*inputs)
        self._stamps[who].append(stamp)
        return [Promise(value, who) for value in values]


def _tables(followers: Sequence[FollowerSettings], seats: int) -> list[list[FollowerSettings]]:
    """Deal the parts out to at most `seats` actors, in turn."""
    tables: list[list[FollowerSettings]] = [[] for _ in range(min(max(seats, 1), len(followers)))]
    for index, follower in enumerate(followers):
        tables[index % len(tables)].append(follower)
    return tables


def _get(refs: list[ray.ObjectRef[Any]], who: list[str], deadline_s: float) -> list[Any]:
    """`ray.get` that says in the project's words who failed."""
    try:
        answers: list[Any] = ray.get(refs, timeout=deadline_s)
    except GetTimeoutError as error:
        ready, _ = ray.wait(refs, num_returns=len(refs), timeout=0.0)
        late = ", ".join(name for name, ref in zip(who, refs, strict=True) if ref not in ready)
        problem = f"did not answer within {deadline_s:g} s"
        raise DeadlineError(late or ", ".join(who), problem, "see `ensemble status`") from error
    except RayTaskError as error:
        if isinstance(error.cause, EnsembleError):
            raise error.cause from None
        raise BandError(", ".join(who), f"failed ({type(error.cause).__name__}: {error.cause})") from error
    except RayError as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise BandError(", ".join(who), f"was lost ({reason[0]})", "render again") from error
    return answers

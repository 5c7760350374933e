"""The conductor in an actor: hears the leader, writes the arrangement, and broadcasts every block's cues."""

from __future__ import annotations

from typing import TypeVar

from agents.node_check import Stamp, check_packages, stamped
from agents.status import Reporter, Status
from ensemble.clock import Block
from ensemble.conduct.conductor import Conductor
from ensemble.conduct.models import models_sha256
from ensemble.config import BandSettings
from ensemble.errors import ArrangerError, ConductorError, EnsembleError, PerformerError
from ensemble.events import Position
from ensemble.listen.listener import Listener
from ensemble.listen.overrides import Overrides
from ensemble.live.settings import LiveSettings
from ensemble.threads import one_thread
from ensemble.types.music import Arrangement, AudioClip, ConductorState, Heard, Score
from ensemble.wire import Message, pack, unpack

K = TypeVar("K")
V = TypeVar("V")
_ERRORS: dict[str, type[EnsembleError]] = {
    "conductor": ConductorError, "arranger": ArrangerError, "performer": PerformerError
}  # fmt: skip
_CURE = "install one release everywhere"
MAX_SEEDS = 4
"""That one actor keeps a conductor for."""
MAX_ARRANGEMENTS = 4
"""That are kept unpacked. Blocks of one take come one after another: a few are enough, and none is missed."""


class ConductorAgent(Reporter):
    """Computes in its own process; its one answer per block is fanned out to every player.

    Args:
        band: its settings as JSON.
        weights_sha256: of its models' weights; see `models_sha256`.
    """

    def __init__(self, band: str, weights_sha256: dict[str, str]) -> None:
        self._settings = BandSettings.model_validate_json(band)
        self._weights_sha256 = weights_sha256
        self._listener = Listener()
        self._arrangements: dict[str, Arrangement] = {}
        self._conductors: dict[int, Conductor] = {}
        model = self._settings.conductor.rpartition("/")[2]
        self._status = Status("conductor", f"{self._settings.name}, {model}", {"conductor": "conductor"})

    def ready(self, seed: int) -> tuple[Message[None], Stamp]:
        """Check what runs here, and load the weights; nothing, and a stamp.

        Raises:
            BandError: other people's packages.
            ConductorError: the weights cannot be used, or are not the plan's.
        """
        with stamped() as stamp:
            check_packages()
            self._conductor(seed)
        return pack(None), stamp

    def listen(self, leader: Message[AudioClip], overrides: str) -> tuple[Message[Heard], Stamp]:
        """Hear the whole leader; `overrides` is JSON."""
        with stamped() as stamp:
            said = Overrides.model_validate_json(overrides)
            heard = pack(self._listener.listen(unpack(leader, AudioClip), said))
        self._status.stage("listen", stamp["busy_s"])
        return heard, stamp

    def follow(
        self, seed: int, leader: Message[AudioClip], num_frames: int, said: str, live: str
    ) -> tuple[Message[Heard], Message[Arrangement], Stamp]:
        """Hear a leader and write the parts as if the leader were still playing; `said` and `live` are JSON."""
        from ensemble.live.stream import follow

        with stamped() as stamp:
            how, overrides = LiveSettings.model_validate_json(live), Overrides.model_validate_json(said)
            followed = follow(unpack(leader, AudioClip), num_frames, self._settings, seed, how, overrides)
            answer = pack(followed.heard), pack(followed.arrangement)
        self._status.stage("listen", stamp["busy_s"])
        return *answer, stamp

    def arrange(
        self, seed: int, heard: Message[Heard], num_frames: int, known: Message[Arrangement] | None
    ) -> tuple[Message[Arrangement], Stamp]:
        """Write what every follower plays along with a leader."""
        with stamped() as stamp, one_thread():
            before = None if known is None else unpack(known, Arrangement)
            arrangement = pack(self._conductor(seed).arrange(unpack(heard, Heard), num_frames, before))
        self._status.stage("arrange", stamp["busy_s"])
        return arrangement, stamp

    def start(self, seed: int) -> tuple[Message[ConductorState], Stamp]:
        """The state before the first block, and a stamp."""
        with stamped() as stamp:
            state = pack(self._conductor(seed).start())
        return state, stamp

    def conduct(
        self,
        seed: int,
        digest: str,
        arrangement: Message[Arrangement],
        block: tuple[int, int, bool],
        state: Message[ConductorState],
        where: Position | None = None,
    ) -> tuple[Message[Score], Message[ConductorState], Stamp]:
        """One block's score, the state after it, and a stamp.

        Args:
            seed: of the render.
            digest: of the arrangement: equal digests are equal messages.
            arrangement: as `arrange` wrote it; read only where this digest is not known here yet.
            block: start_frame, stop_frame, is_last.
            state: as the last block, or `start`, gave it.
            where: for the log alone.
        """
        start_frame, stop_frame, is_last = block
        span = Block(start_frame=start_frame, stop_frame=stop_frame, is_last=is_last)
        with stamped() as stamp, one_thread():
            opened = self._opened(digest, arrangement)
            score, after = self._conductor(seed).conduct(opened, span, unpack(state, ConductorState))
            answer = pack(score), pack(after)
        self._status.count("conductor", span.num_frames, stamp["busy_s"], where)
        return *answer, stamp

    def _conductor(self, seed: int) -> Conductor:
        """Loaded at the first call: what is wrong with the weights is raised there, and does not kill the actor."""
        if seed not in self._conductors:
            changed = models_sha256(self._settings).items() ^ self._weights_sha256.items()
            if changed:
                model = min(model for model, _ in changed).partition("/")[0]
                kind = _ERRORS[model]
                raise kind(getattr(self._settings, model), "is another file on this node", _CURE)
            keep_latest(self._conductors, MAX_SEEDS)
            self._conductors[seed] = Conductor(self._settings, seed)
        return self._conductors[seed]

    def _opened(self, digest: str, message: Message[Arrangement]) -> Arrangement:
        """Unpack an arrangement once, not once per block. Where it is not kept, it is only unpacked again."""
        if digest not in self._arrangements:
            keep_latest(self._arrangements, MAX_ARRANGEMENTS)
            self._arrangements[digest] = unpack(message, Arrangement)
        return self._arrangements[digest]


def keep_latest(kept: dict[K, V], limit: int) -> None:
    """Make room for one more: drop what was added first."""
    while len(kept) >= limit:
        del kept[next(iter(kept))]

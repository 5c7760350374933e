"""The conductor's seat: hears the leader, writes the parts, and broadcasts every block's cues."""

from __future__ import annotations

from agents.node_check import Stamp, check_packages, stamped
from agents.status import Status
from ensemble.clock import Block
from ensemble.conduct.conductor import MAX_PERFORMANCES, Conductor
from ensemble.conduct.models import models_sha256
from ensemble.config import BandSettings
from ensemble.errors import ArrangerError, ConductorError
from ensemble.events import Position
from ensemble.listen.listener import Listener
from ensemble.threads import one_thread
from ensemble.types.music import AudioClip, ConductorState, Heard
from ensemble.wire import pack, unpack

MAX_SEEDS = 4
"""That one desk keeps a conductor for."""


class ConductorAgent:
    """Computes in its own process; its one answer per block is fanned out to every player.

    Args:
        band: its settings as JSON.
        weights_sha256: of what lies on its desk; see `desk_sha256`.
    """

    def __init__(self, band: str, weights_sha256: dict[str, str]) -> None:
        self._settings = BandSettings.model_validate_json(band)
        self._weights_sha256 = weights_sha256
        self._listener = Listener()
        self._heard: dict[str, Heard] = {}
        self._desks: dict[int, Conductor] = {}
        model = self._settings.conductor.rpartition("/")[2]
        self._status = Status("conductor", f"{self._settings.name}, {model}", {"conductor": "conductor"})

    def __repr__(self) -> str:
        return f"Conductor({self._status.role})"

    def ready(self, seed: int) -> tuple[bytes, Stamp]:
        """Check what runs here, and load the weights; nothing, and a stamp.

        Raises:
            BandError: other people's packages.
            ConductorError: the weights cannot be used, or are not the plan's.
        """
        with stamped() as stamp:
            check_packages()
            self._conducting(seed)
        return pack(None), stamp

    def listen(self, leader: bytes) -> tuple[bytes, Stamp]:
        """Hear the whole leader."""
        with stamped() as stamp, one_thread():
            heard = pack(self._listener.listen(unpack(leader, AudioClip)))
        self._status.stage("listen", stamp["busy_s"])
        return heard, stamp

    def arrange(self, seed: int, name: str, heard: bytes, num_frames: int) -> tuple[bytes, Stamp]:
        """Write what every follower plays."""
        with stamped() as stamp, one_thread():
            parts = pack(self._conducting(seed).parts(self._opened(name, heard), num_frames))
        self._status.stage("arrange", stamp["busy_s"])
        return parts, stamp

    def fork(self, seed: int, named: list[tuple[str, int]], *heards: bytes) -> tuple[bytes, Stamp]:
        """Up to which frame these leaders, and performances of so many frames, are played alike."""
        with stamped() as stamp, one_thread():
            leaders = [(self._opened(name, heard), length) for heard, (name, length) in zip(heards, named, strict=True)]
            frame = pack(self._conducting(seed).fork(leaders))
        return frame, stamp

    def start(self, seed: int) -> tuple[bytes, Stamp]:
        """The state before the first block, and a stamp."""
        with stamped() as stamp:
            state = pack(self._conducting(seed).start())
        return state, stamp

    def conduct(
        self,
        seed: int,
        name: str,
        heard: bytes,
        num_frames: int,
        block: tuple[int, int, bool],
        state: bytes,
        where: Position | None = None,
    ) -> tuple[bytes, bytes, Stamp]:
        """One block's score, the state after it, and a stamp. `where` is for the journal alone."""
        start_frame, stop_frame, is_last = block
        span = Block(start_frame=start_frame, stop_frame=stop_frame, is_last=is_last)
        with stamped() as stamp, one_thread():
            score, after = self._conducting(seed).conduct(
                self._opened(name, heard), num_frames, span, unpack(state, ConductorState)
            )
            answer = pack(score), pack(after)
        self._status.count("conductor", span.num_frames, stamp["busy_s"], where)
        return *answer, stamp

    def status(self) -> dict[str, object]:
        """How much it has done, and where it sits."""
        return self._status.describe()

    def _conducting(self, seed: int) -> Conductor:
        """Loaded at the first call: what is wrong is an answer, and not a death."""
        if seed not in self._desks:
            changed = models_sha256(self._settings).items() ^ self._weights_sha256.items()
            if changed:
                office = min(office for office, _ in changed)
                kind = ArrangerError if office == "arranger" else ConductorError
                what = getattr(self._settings, office)
                raise kind(what, "is another file on this node", "install one release everywhere")
            while len(self._desks) >= MAX_SEEDS:
                del self._desks[next(iter(self._desks))]
            self._desks[seed] = Conductor(self._settings, seed)
        return self._desks[seed]

    def _opened(self, name: str, heard: bytes) -> Heard:
        """Unpack a message once, not once per block: the same name is the same message."""
        if name not in self._heard:
            if len(self._heard) == MAX_PERFORMANCES:
                del self._heard[next(iter(self._heard))]
            self._heard[name] = unpack(heard, Heard)
        return self._heard[name]

"""The conductor's seat: hears the leader, writes the parts, and broadcasts every block's cues."""

from __future__ import annotations

from agents.presence import Stamp, check_packages, stamped
from agents.status import Status
from ensemble.clock import Block
from ensemble.conduct.conductor import MAX_PERFORMANCES
from ensemble.conduct.conductor import Conductor as Conducting
from ensemble.config import BandSettings
from ensemble.listen.listener import Listener
from ensemble.threads import one_thread
from ensemble.types import AudioClip, ConductorState, Heard
from ensemble.wire import pack, unpack


class Conductor:
    """Computes in its own process; its one answer per block is fanned out to every player."""

    def __init__(self, band: str, seed: int) -> None:
        settings = BandSettings.model_validate_json(band)
        self._listener = Listener()
        self._conducting = Conducting(settings, seed)
        self._heard: dict[bytes, Heard] = {}
        self._status = Status("conductor", settings.conductor)

    def __repr__(self) -> str:
        return "Conductor()"

    def ready(self) -> None:
        """Check what runs here.

        Raises:
            BandError: other people's packages.
        """
        check_packages()

    def listen(self, leader: bytes) -> tuple[bytes, Stamp]:
        """Hear the whole leader."""
        with stamped() as stamp, one_thread():
            heard = pack(self._listener.listen(unpack(leader, AudioClip)))
        return heard, stamp

    def arrange(self, heard: bytes, num_frames: int) -> tuple[bytes, Stamp]:
        """Write what every follower plays."""
        with stamped() as stamp, one_thread():
            parts = pack(self._conducting.parts(self._opened(heard), num_frames))
        return parts, stamp

    def fork(self, num_frames: list[int], *heards: bytes) -> tuple[bytes, Stamp]:
        """Up to which frame these leaders, and performances of so many frames, are played alike."""
        with stamped() as stamp, one_thread():
            leaders = [(self._opened(heard), length) for heard, length in zip(heards, num_frames, strict=True)]
            frame = pack(self._conducting.fork(leaders))
        return frame, stamp

    def start(self) -> bytes:
        """The state before the first block."""
        return pack(self._conducting.start())

    def conduct(
        self, heard: bytes, num_frames: int, block: tuple[int, int, bool], state: bytes
    ) -> tuple[bytes, bytes, Stamp]:
        """One block's score, the state after it, and a stamp."""
        start_frame, stop_frame, is_last = block
        span = Block(start_frame=start_frame, stop_frame=stop_frame, is_last=is_last)
        with stamped() as stamp, one_thread():
            score, after = self._conducting.conduct(
                self._opened(heard), num_frames, span, unpack(state, ConductorState)
            )
            answer = pack(score), pack(after)
        self._status.count("conductor", span.num_frames, stamp["busy_s"])
        return *answer, stamp

    def status(self) -> dict[str, object]:
        """How much it has done, and where it sits."""
        return self._status.describe()

    def _opened(self, heard: bytes) -> Heard:
        """Unpack a message once, not once per block."""
        if heard not in self._heard:
            if len(self._heard) == MAX_PERFORMANCES:
                del self._heard[next(iter(self._heard))]
            self._heard[heard] = unpack(heard, Heard)
        return self._heard[heard]

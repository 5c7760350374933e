"""One seat of the band: the players of one or more parts, in a process of their own."""

from __future__ import annotations

from agents.presence import Stamp, check_packages, stamped
from agents.status import Status
from ensemble.config import FollowerSettings
from ensemble.play.player import make_player
from ensemble.threads import one_thread
from ensemble.types import PlayerState, Score
from ensemble.wire import pack, unpack


class Instrument:
    """Holds the voices, and nothing else that matters: what sounds depends on the cue and the state alone."""

    def __init__(self, followers: list[str], sample_rate: int, seed: int) -> None:
        check_packages()
        settings = [FollowerSettings.model_validate_json(follower) for follower in followers]
        self._players = {one.name: make_player(one, sample_rate, seed) for one in settings}
        self._status = Status(", ".join(self._players), ", ".join(one.instrument for one in settings))

    def __repr__(self) -> str:
        return f"Instrument({self._status.name})"

    def start(self, part: str) -> bytes:
        """The state before the first block."""
        return pack(self._players[part].start())

    def play(self, part: str, score: bytes, state: bytes) -> tuple[bytes, bytes, Stamp]:
        """Play one block: the stem, the state after it, and a stamp."""
        with stamped() as stamp, one_thread():
            cue = unpack(score, Score).cue(part)
            stem, after = self._players[part].play(cue, unpack(state, PlayerState))
            answer = pack(stem), pack(after)
        self._status.count(part, cue.num_frames, stamp["busy_s"])
        return *answer, stamp

    def status(self) -> dict[str, object]:
        """What it plays, where, and how much it has done."""
        return self._status.describe()

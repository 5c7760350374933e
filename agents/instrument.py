"""One seat of the band: the players of one or more parts, in a process of their own."""

from __future__ import annotations

from functools import cached_property

from agents.presence import Stamp, check_packages, stamped
from agents.status import Status
from ensemble.config import FollowerSettings
from ensemble.errors import VoiceError
from ensemble.journal import Where
from ensemble.play.checkpoint import weights_sha256
from ensemble.play.player import make_player
from ensemble.play.quantum import Player
from ensemble.threads import one_thread
from ensemble.types import PlayerState, Score
from ensemble.wire import pack, unpack


class Instrument:
    """Holds the voices, and nothing else that matters: what sounds depends on the cue and the state alone.

    Args:
        followers: the parts' settings as JSON, and the sha256 of each one's weights (None: it has none).
        sample_rate: in Hz.
        seed: the render's.
    """

    def __init__(self, followers: dict[str, str | None], sample_rate: int, seed: int) -> None:
        self._weights = {FollowerSettings.model_validate_json(text): digest for text, digest in followers.items()}
        self._sample_rate = sample_rate
        self._seed = seed
        self._status = Status(
            ", ".join(one.name for one in self._weights),
            "; ".join(_plays(one) for one in self._weights),
            {one.name: one.instrument for one in self._weights},
        )

    def __repr__(self) -> str:
        return f"Instrument({'; '.join(f'{one.name}: {_plays(one)}' for one in self._weights)})"

    @cached_property
    def _players(self) -> dict[str, Player]:
        """Made at the first call, so that what is wrong with a voice is an answer and not a death."""
        check_packages()
        for follower, digest in self._weights.items():
            if weights_sha256(follower.voice) != digest:
                raise VoiceError(follower.voice, "is another file on this node", "give every node the same voices")
        return {one.name: make_player(one, self._sample_rate, self._seed) for one in self._weights}

    def ready(self) -> tuple[str, ...]:
        """Load the voices.

        Returns:
            The parts that are seated here.

        Raises:
            EnsembleError: a voice or a device cannot be used, or other people's packages run here.
        """
        return tuple(self._players)

    def start(self, part: str) -> bytes:
        """The state before the first block."""
        return pack(self._players[part].start())

    def play(self, part: str, score: bytes, state: bytes, where: Where | None = None) -> tuple[bytes, bytes, Stamp]:
        """Play one block: the stem, the state after it, and a stamp. `where` is for the journal alone."""
        with stamped() as stamp, one_thread():
            cue = unpack(score, Score).cue(part)
            stem, after = self._players[part].play(cue, unpack(state, PlayerState))
            answer = pack(stem), pack(after)
        self._status.count(part, cue.num_frames, stamp["busy_s"], where)
        return *answer, stamp

    def status(self) -> dict[str, object]:
        """What it plays, where, and how much it has done."""
        return self._status.describe()


_ROLES = {
    "bass": "bass line", "pad": "chords", "counter": "counter-melody", "double": "doubles the leader",
    "drums": "drums", "transform": "the leader's line",
}  # fmt: skip


def _plays(one: FollowerSettings) -> str:
    """What a part does, as a stage plan would put it: `electric_bass, bass line, voice electric_bass`."""
    voice = one.voice.rpartition("/")[2]
    return ", ".join(dict.fromkeys((one.instrument, _ROLES[one.role], f"voice {voice}")))

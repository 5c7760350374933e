"""One seat of the band: the players of one or more parts, in a process of their own."""

from __future__ import annotations

from agents.node_check import Stamp, check_packages, stamped
from agents.status import Status
from ensemble.config import FollowerSettings
from ensemble.errors import VoiceError
from ensemble.events import Position
from ensemble.play.player import make_player
from ensemble.play.quantum import Player
from ensemble.play.voice_file import VOICE
from ensemble.threads import one_thread
from ensemble.types.music import PlayerState, Score
from ensemble.wire import pack, unpack

MAX_RENDERS = 4
"""Of different rate or seed, that one seat keeps players for."""


class InstrumentAgent:
    """Holds the voices, and nothing else that matters: what sounds depends on the cue and the state alone.

    Args:
        followers: the parts' settings as JSON, and the sha256 of each one's weights (None: it has none).
    """

    def __init__(self, followers: dict[str, str | None]) -> None:
        self._weights = {FollowerSettings.model_validate_json(text): digest for text, digest in followers.items()}
        self._players: dict[tuple[int, int], dict[str, Player]] = {}
        self._status = Status(
            ", ".join(one.name for one in self._weights),
            "; ".join(_plays(one) for one in self._weights),
            {one.name: one.instrument for one in self._weights},
        )

    def __repr__(self) -> str:
        return f"Instrument({'; '.join(f'{one.name}: {_plays(one)}' for one in self._weights)})"

    def ready(self, sample_rate: int, seed: int) -> tuple[bytes, Stamp]:
        """Load the voices.

        Args:
            sample_rate: of a render, in Hz.
            seed: of the same.

        Returns:
            The parts that are seated here, and a stamp.

        Raises:
            EnsembleError: a voice or a device cannot be used, or other people's packages run here.
        """
        with stamped() as stamp:
            parts = pack(tuple(self._playing(sample_rate, seed)))
        return parts, stamp

    def start(self, part: str, sample_rate: int, seed: int) -> tuple[bytes, Stamp]:
        """The state before the first block, and a stamp."""
        with stamped() as stamp:
            state = pack(self._playing(sample_rate, seed)[part].start())
        return state, stamp

    def play(
        self, part: str, sample_rate: int, seed: int, score: bytes, state: bytes, where: Position | None = None
    ) -> tuple[bytes, bytes, Stamp]:
        """Play one block: the stem, the state after it, and a stamp. `where` is for the journal alone."""
        with stamped() as stamp, one_thread():
            cue = unpack(score, Score).cue(part)
            stem, after = self._playing(sample_rate, seed)[part].play(cue, unpack(state, PlayerState))
            answer = pack(stem), pack(after)
        self._status.count(part, cue.num_frames, stamp["busy_s"], where)
        return *answer, stamp

    def _playing(self, sample_rate: int, seed: int) -> dict[str, Player]:
        """Made at the first call, so that what is wrong with a voice is an answer and not a death."""
        if (sample_rate, seed) not in self._players:
            check_packages()
            for follower, digest in self._weights.items():
                if VOICE.sha256_of(follower.voice) != digest:
                    raise VoiceError(follower.voice, "is another file on this node", "give every node the same voices")
            while len(self._players) >= MAX_RENDERS:
                del self._players[next(iter(self._players))]
            self._players[sample_rate, seed] = {one.name: make_player(one, sample_rate, seed) for one in self._weights}
        return self._players[sample_rate, seed]

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

"""An actor of the band: the players of one or more parts, in a process of their own."""

from __future__ import annotations

from agents.node_check import Stamp, check_packages, stamped
from agents.status import Reporter, Status
from ensemble.config import FollowerSettings, Settings
from ensemble.errors import VoiceError
from ensemble.events import Position
from ensemble.play.player import make_player
from ensemble.play.quantum import Player
from ensemble.play.voice_file import voice_sha256
from ensemble.threads import one_thread
from ensemble.types.music import PlayerState, Score, Stem
from ensemble.wire import Message, pack, unpack

MAX_RENDERS = 4
"""Of different rate or seed, that one actor keeps players for."""


class PartSpec(Settings):
    """One part of an instrument actor."""

    follower: FollowerSettings
    weights_sha256: str | None
    """Of its voice; None: it has no weights."""


class InstrumentAgent(Reporter):
    """Holds the voices, and nothing else that matters: what sounds depends on the cue and the state alone.

    Args:
        parts: each a `PartSpec` as JSON.
    """

    def __init__(self, parts: list[str]) -> None:
        self._parts = [PartSpec.model_validate_json(part) for part in parts]
        self._players: dict[tuple[int, int], dict[str, Player]] = {}
        followers = [part.follower for part in self._parts]
        self._status = Status(
            ", ".join(one.name for one in followers),
            "; ".join(_plays(one) for one in followers),
            {one.name: one.instrument for one in followers},
        )

    def ready(self, sample_rate: int, seed: int) -> tuple[Message[tuple[str, ...]], Stamp]:
        """Load the voices.

        Args:
            sample_rate: of a render, in Hz.
            seed: of the same.

        Returns:
            The parts that are played here, and a stamp.

        Raises:
            EnsembleError: a voice or a device cannot be used, or other people's packages run here.
        """
        with stamped() as stamp:
            parts = pack(tuple(self._playing(sample_rate, seed)))
        return parts, stamp

    def start(self, part: str, sample_rate: int, seed: int) -> tuple[Message[PlayerState], Stamp]:
        """The state before the first block, and a stamp."""
        with stamped() as stamp:
            state = pack(self._playing(sample_rate, seed)[part].start())
        return state, stamp

    def play(
        self,
        part: str,
        sample_rate: int,
        seed: int,
        score: Message[Score],
        state: Message[PlayerState],
        where: Position | None = None,
    ) -> tuple[Message[Stem], Message[PlayerState], Stamp]:
        """Play one block: the stem, the state after it, and a stamp. `where` is for the log alone."""
        with stamped() as stamp, one_thread():
            cue = unpack(score, Score).cue(part)
            stem, after = self._playing(sample_rate, seed)[part].play(cue, unpack(state, PlayerState))
            answer = pack(stem), pack(after)
        self._status.count(part, cue.num_frames, stamp["busy_s"], where)
        return *answer, stamp

    def _playing(self, sample_rate: int, seed: int) -> dict[str, Player]:
        """Made at the first call: what is wrong with a voice is raised there, and does not kill the actor."""
        if (sample_rate, seed) not in self._players:
            check_packages()
            for part in self._parts:
                if voice_sha256(part.follower.voice) != part.weights_sha256:
                    raise VoiceError(
                        part.follower.voice, "is another file on this node", "give every node the same voices"
                    )
            while len(self._players) >= MAX_RENDERS:
                del self._players[next(iter(self._players))]
            followers = [part.follower for part in self._parts]
            self._players[sample_rate, seed] = {one.name: make_player(one, sample_rate, seed) for one in followers}
        return self._players[sample_rate, seed]


_ROLES = {
    "bass": "bass line", "pad": "chords", "counter": "counter-melody", "double": "doubles the leader",
    "drums": "drums", "transform": "the leader's line",
}  # fmt: skip


def _plays(one: FollowerSettings) -> str:
    """What a part does, in short: `electric_bass, bass line, voice electric_bass`."""
    voice = one.voice.rpartition("/")[2]
    return ", ".join(dict.fromkeys((one.instrument, _ROLES[one.role], f"voice {voice}")))

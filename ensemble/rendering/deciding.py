"""What decides the values that a render remembers: the names under which they are found again."""

from __future__ import annotations

from ensemble.clock import QUANTUM_FRAMES, Block
from ensemble.conduct.dynamics import QUANTUM_CONDUCTOR_FRAMES
from ensemble.conduct.models import is_model
from ensemble.config import FollowerSettings
from ensemble.plan import RenderPlan
from ensemble.rendering.memory import digest
from ensemble.types.music import Arrangement

EFFECTS = {"amplifier", "tilt_db", "compressor"}
NOT_CONDUCTED = {"gain_db", "pan", "room_db", "voice", "device", "gpu", "given", *EFFECTS}
"""Settings of a follower that its part and its dynamics do not depend on."""
NOT_PLAYED = {
    "gain_db", "pan", "room_db", "transfer", "level_db", "range_midi", "performer", "seed", "gpu", "retakes", "given",
}  # fmt: skip
"""Settings of a follower that reach its player in cues alone, or not at all."""


def conductor_facts(plan: RenderPlan) -> bytes:
    """Everything that decides what a conductor makes of a leader."""
    asked = plan.request
    return digest(
        *(one.model_dump_json(exclude=NOT_CONDUCTED) for one in asked.band.followers),
        asked.band.model_dump_json(exclude={"name", "followers", "mix"}),
        *models_of(plan).values(),
        asked.seed,
    )


def dynamics_facts(plan: RenderPlan) -> bytes:
    """Everything that decides a conductor's dynamics, beside the leader's features."""
    band = plan.request.band
    followers = [one.model_dump_json(exclude=NOT_CONDUCTED | {"seed", "retakes"}) for one in band.followers]
    return digest(*followers, band.model_dump_json(exclude={"name", "followers", "mix"}), *models_of(plan).values())


def models_of(plan: RenderPlan) -> dict[str, str]:
    """The digests of the files of conductor, arranger and performers."""
    return {name: sha256 for name, sha256 in sorted(plan.request.weights_sha256.items()) if is_model(name)}


def player_facts(follower: FollowerSettings, plan: RenderPlan) -> bytes:
    """Everything that decides what a player makes of a cue and a state."""
    asked = plan.request
    settings = follower.model_dump_json(exclude=NOT_PLAYED)
    seed = follower.played_seed(asked.seed)
    return digest(settings, asked.weights_sha256.get(follower.name), asked.sample_rate, seed)


def seen_of(arrangement: Arrangement, block: Block) -> bytes:
    """The digest of what a block's dynamics are made of in an arrangement, from the quantum in which it begins on."""
    first, last = block.start_frame // QUANTUM_FRAMES, -(-block.stop_frame // QUANTUM_FRAMES)
    return digest(
        block.start_frame, block.stop_frame, block.is_last, arrangement.quantum_frames,
        arrangement.features[:, first * QUANTUM_CONDUCTOR_FRAMES : last * QUANTUM_CONDUCTOR_FRAMES],
        arrangement.leader_db[first * QUANTUM_FRAMES : last * QUANTUM_FRAMES],
        *(
            (name, curves[:, first * QUANTUM_FRAMES : last * QUANTUM_FRAMES])
            for name, curves in arrangement.given_dynamics.items()
        ),
    )  # fmt: skip

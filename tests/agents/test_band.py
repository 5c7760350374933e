"""The same plan gives the same bytes: any block, any number of actors, and after any of them is killed."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents import RayBand
from ensemble.band import Band, LocalBand
from ensemble.config import BandSettings, FollowerSettings, load_band
from ensemble.errors import BandError, DeadlineError, VoiceError, WireError
from ensemble.perform import Pace, perform
from ensemble.plan import RenderPlan
from ensemble.play.checkpoint import weights_sha256
from ensemble.types import AudioClip, Heard, Stem

BLOCKS = (1, 7, 100, 999)


def plan_for(leader: AudioClip, band: BandSettings) -> RenderPlan:
    digests = {one.name: weights_sha256(one.voice) for one in band.followers if Path(one.voice).suffix == ""}
    return RenderPlan(
        leader_sha256=leader.digest, sample_rate=leader.sample_rate, seed=5, band=band, tail_s=0.5,
        weights_sha256={name: digest for name, digest in digests.items() if digest},
    )  # fmt: skip


def hashes(
    band: Band, leader: AudioClip, plan: RenderPlan, block_frames: int, on_block: Callable[[int], None] = lambda _: None
) -> dict[str, str]:
    """Play everything and hash what every part sounded."""
    sounded: dict[str, Any] = {follower.name: hashlib.sha256() for follower in plan.band.followers}
    expected: dict[str, int] = dict.fromkeys(sounded, 0)

    def on_stem(stem: Stem) -> None:
        assert stem.start_sample == expected[stem.part]
        expected[stem.part] += stem.clip.num_samples
        sounded[stem.part].update(stem.clip.samples.tobytes())

    pace = Pace(block_frames=block_frames, deadline_s=60.0)
    done = perform(
        band, leader, plan, pace, on_stem, lambda stage, done, _: on_block(done) if stage == "play" else None
    )
    assert set(expected.values()) == {done.num_frames * leader.sample_rate // 100}
    return {name: digest.hexdigest() for name, digest in sounded.items()}


ORCHESTRA = BandSettings(
    name="orchestra",
    followers=(
        FollowerSettings(name="bass", instrument="double_bass", role="bass"),
        FollowerSettings(name="guitar", instrument="nylon_guitar", role="pad", voices=3),
        FollowerSettings(name="sax", instrument="tenor_sax", role="counter"),
        FollowerSettings(name="flute", instrument="flute", role="double"),
        FollowerSettings(name="cello", instrument="cello", role="transform"),
        FollowerSettings(name="kit", instrument="drums", role="drums"),
    ),
)
"""Somebody of every role, and more parts than any number of actors that is tried."""


@pytest.fixture(scope="module", params=["naive", "seeded"])
def voiced_plan(request: pytest.FixtureRequest, short_leader: AudioClip) -> RenderPlan:
    return plan_for(short_leader, ORCHESTRA.with_voice(request.param))


@pytest.fixture(scope="module")
def reference(voiced_plan: RenderPlan, short_leader: AudioClip) -> dict[str, str]:
    return hashes(LocalBand(voiced_plan), short_leader, voiced_plan, 100)


def test_every_part_sounds_something_of_its_own(reference: dict[str, str]) -> None:
    assert len(set(reference.values())) == len(ORCHESTRA.followers)


@pytest.mark.parametrize("block_frames", BLOCKS)
def test_the_block_size_never_changes_a_byte(
    voiced_plan: RenderPlan, short_leader: AudioClip, reference: dict[str, str], block_frames: int
) -> None:
    assert hashes(LocalBand(voiced_plan), short_leader, voiced_plan, block_frames) == reference


def test_another_seed_gives_other_bytes(
    voiced_plan: RenderPlan, short_leader: AudioClip, reference: dict[str, str]
) -> None:
    other = voiced_plan.model_copy(update={"seed": 6})
    assert hashes(LocalBand(other), short_leader, other, 100) != reference


@pytest.mark.ray
@pytest.mark.parametrize(("actors", "block_frames"), [(1, 100), (2, 7), (4, 1), (None, 999)])
def test_the_number_of_actors_never_changes_a_byte(
    local_ray: None, voiced_plan: RenderPlan, short_leader: AudioClip, reference: dict[str, str],
    actors: int | None, block_frames: int,
) -> None:  # fmt: skip
    band = RayBand(voiced_plan, actors=actors)
    try:
        assert band.actors == (actors or len(ORCHESTRA.followers)) + 1
        assert hashes(band, short_leader, voiced_plan, block_frames) == reference
        tally = band.tally()
        assert (tally.restarts, tally.exact) == (0, True)
        assert set(tally.busy_s) == {"conductor", *(one.name for one in ORCHESTRA.followers)}
    finally:
        band.close()


def pid_of(actor: Any) -> int:
    import ray

    status: dict[str, Any] = ray.get(actor.status.remote(), timeout=30)
    return int(status["pid"])


@pytest.mark.ray
@pytest.mark.parametrize("victim", ["conductor", "rhythm", "drums"])
def test_killing_an_actor_in_mid_render_costs_a_restart_and_no_byte(
    local_ray: None, short_leader: AudioClip, victim: str
) -> None:
    plan = plan_for(short_leader, load_band("rock").with_voice("seeded"))
    reference = hashes(LocalBand(plan), short_leader, plan, 20)
    band = RayBand(plan)
    pid = pid_of(band._conductor if victim == "conductor" else band._players[victim])
    killed: list[int] = []

    def on_block(done_frames: int) -> None:
        if done_frames >= 100 and not killed:
            os.kill(pid, signal.SIGKILL)
            killed.append(done_frames)

    try:
        assert hashes(band, short_leader, plan, 20, on_block) == reference
        assert killed
        assert band.tally().restarts == 1
    finally:
        band.close()


@pytest.mark.ray
def test_a_shared_seat_that_is_lost_twice_is_two_restarts(local_ray: None, short_leader: AudioClip) -> None:
    plan = plan_for(short_leader, load_band("quartet"))
    reference = hashes(LocalBand(plan), short_leader, plan, 20)
    band = RayBand(plan, actors=1)
    moments = [60, 200]

    def on_block(done_frames: int) -> None:
        if moments and done_frames >= moments[0]:
            moments.pop(0)
            os.kill(pid_of(band._players["violin"]), signal.SIGKILL)

    try:
        assert hashes(band, short_leader, plan, 20, on_block) == reference
        assert band.tally().restarts == 2
    finally:
        band.close()


@pytest.mark.ray
def test_a_player_that_hangs_is_named_when_its_deadline_is_over(local_ray: None, short_leader: AudioClip) -> None:
    plan = plan_for(short_leader, load_band("rock"))
    band = RayBand(plan)
    pid = pid_of(band._players["drums"])
    os.kill(pid, signal.SIGSTOP)
    try:
        state = band.start_playing("drums")
        with pytest.raises(DeadlineError, match=r"drums: did not answer within 1 s"):
            band.collect([state], 1.0)
    finally:
        os.kill(pid, signal.SIGCONT)
        band.close()


@pytest.mark.ray
def test_a_seat_that_the_cluster_does_not_have_is_an_error_and_no_wait_for_ever(
    local_ray: None, short_leader: AudioClip
) -> None:
    plan = plan_for(short_leader, load_band("rock"))
    with pytest.raises(BandError, match=r"the band: .*drums.* found no seat within 2 s"):
        RayBand(plan, resources=lambda _: {"num_cpus": 99.0}, seating_s=2.0)


@pytest.mark.ray
def test_a_gpu_that_the_cluster_does_not_have_is_said_at_once(local_ray: None, short_leader: AudioClip) -> None:
    band = load_band("quartet")
    followers = tuple(one.model_copy(update={"device": "cuda"}) for one in band.followers)
    with pytest.raises(BandError, match=r"asks for 0.75 GPUs, the cluster has 0; use device: auto"):
        RayBand(plan_for(short_leader, band.model_copy(update={"followers": followers})))


@pytest.mark.ray
def test_a_voice_that_cannot_be_used_is_named_and_nobody_waits(
    local_ray: None, short_leader: AudioClip, tmp_path: Path
) -> None:
    (tmp_path / "voice.safetensors").write_bytes(b"not tensors")
    voice = str(tmp_path / "voice.safetensors")
    band = load_band("quartet").with_voice(voice)
    digests = dict.fromkeys(("violin", "viola", "cello"), weights_sha256(voice))
    plan = plan_for(short_leader, band).model_copy(update={"weights_sha256": digests})
    with pytest.raises(VoiceError, match=r"voice\.json: cannot be read"):
        RayBand(plan)
    with pytest.raises(VoiceError, match="is another file on this node"):
        RayBand(plan.model_copy(update={"weights_sha256": dict.fromkeys(digests, "0" * 64)}))


@pytest.mark.ray
def test_an_error_inside_an_actor_arrives_as_ours(local_ray: None, short_leader: AudioClip) -> None:
    band = RayBand(plan_for(short_leader, load_band("rock")))
    try:
        asked = band._ask("conductor", (Heard,), band._conductor.listen, b"not a message")
        with pytest.raises(WireError, match="message: "):
            band.collect(asked, 30.0)
    finally:
        band.close()

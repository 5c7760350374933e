"""The same plan gives the same bytes: any block, any number of actors, and after any of them is killed."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from agents import RayBand
from ensemble.band import Band, LocalBand
from ensemble.config import BandSettings, load_band
from ensemble.errors import BandError, DeadlineError, WireError
from ensemble.perform import Pace, perform
from ensemble.plan import RenderPlan
from ensemble.types import AudioClip, Stem

BLOCKS = (1, 7, 100, 999)


def plan_for(leader: AudioClip, band: BandSettings) -> RenderPlan:
    return RenderPlan(leader_sha256=leader.digest, sample_rate=leader.sample_rate, seed=5, band=band, tail_s=0.5)


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


@pytest.fixture(scope="module", params=["naive", "seeded"])
def voiced_plan(request: pytest.FixtureRequest, short_leader: AudioClip) -> RenderPlan:
    return plan_for(short_leader, load_band("rock").with_voice(request.param))


@pytest.fixture(scope="module")
def reference(voiced_plan: RenderPlan, short_leader: AudioClip) -> dict[str, str]:
    return hashes(LocalBand(voiced_plan), short_leader, voiced_plan, 100)


def test_every_part_sounds_something_of_its_own(reference: dict[str, str]) -> None:
    assert len(set(reference.values())) == 3


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
@pytest.mark.parametrize(("actors", "block_frames"), [(1, 100), (2, 7), (4, 100), (None, 999)])
def test_the_number_of_actors_never_changes_a_byte(
    local_ray: None, voiced_plan: RenderPlan, short_leader: AudioClip, reference: dict[str, str],
    actors: int | None, block_frames: int,
) -> None:  # fmt: skip
    band = RayBand(voiced_plan, actors=actors)
    try:
        assert band.actors == min(actors or 3, 3) + 1
        assert hashes(band, short_leader, voiced_plan, block_frames) == reference
        tally = band.tally()
        assert (tally.restarts, tally.exact) == (0, True)
        assert set(tally.busy_s) == {"conductor", "bass", "rhythm", "drums"}
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
        RayBand(plan, resources=lambda _: {"num_cpus": 0.1, "num_gpus": 1.0}, seating_s=2.0)


@pytest.mark.ray
def test_an_error_inside_an_actor_arrives_as_ours(local_ray: None, short_leader: AudioClip) -> None:
    band = RayBand(plan_for(short_leader, load_band("rock")))
    try:
        asked = band._ask("conductor", band._conductor.listen, 1, b"not a message")
        with pytest.raises(WireError, match="message: "):
            band.collect(asked, 30.0)
    finally:
        band.close()

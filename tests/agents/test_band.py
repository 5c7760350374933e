"""The same plan gives the same bytes on any number of actors, and after any of them is killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from agents import RayBand
from agents.conductor import ConductorAgent
from agents.slots import PlacementPlan
from ensemble.band import LocalBand
from ensemble.conduct.models import models_sha256
from ensemble.config import load_band
from ensemble.errors import ArrangerError, BandError, ConductorError, DeadlineError, VoiceError, WireError
from ensemble.listen.overrides import Overrides
from ensemble.live.settings import LiveSettings
from ensemble.plan import RenderPlan
from ensemble.play.voice_file import VOICE
from ensemble.takes import Lead
from ensemble.types.music import AudioClip
from tests.listen.leader_sounds import chords, clicks, clip_of
from tests.performing import ORCHESTRA, asking, hashes, plan_for, play


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


@pytest.mark.ray
def test_actors_play_every_take_alike(local_ray: None, two_ways_on: Lead) -> None:
    plan = plan_for(two_ways_on.clip, load_band("rock").with_voice("seeded"))
    reference = play(LocalBand(plan), two_ways_on, plan, 100)[0].hashes()
    band = RayBand(plan, actors=2)
    try:
        assert play(band, two_ways_on, plan, 130)[0].hashes() == reference
    finally:
        band.close()


@pytest.mark.ray
def test_actors_follow_a_live_leader_alike(local_ray: None) -> None:
    struck = chords([(48, 52, 55)] * 8 + [(43, 47, 50)] * 6, 0.55)
    leader = clip_of(struck + 0.4 * clicks(60 / 0.55, len(struck) / 16_000, 0.0)[: len(struck)])
    live, said = LiveSettings(listen_beats=0), Overrides(tempo_bpm=109.0)
    plan = asking(plan_for(leader, load_band("rock").with_voice("naive")), live=live, overrides=said)
    reference = hashes(LocalBand(plan), leader, plan, 100)
    assert len(set(reference.values())) == 3  # each of them has come in
    band = RayBand(plan)
    try:
        assert hashes(band, leader, plan, 37) == reference
    finally:
        band.close()
    other = asking(plan, seed=plan.request.seed + 1)
    assert hashes(LocalBand(other), leader, other, 100) != reference


def pid_of(slot: Any) -> int:
    import ray

    status: dict[str, Any] = ray.get(slot.actor.status.remote(), timeout=30)
    return int(status["pid"])


@pytest.mark.ray
@pytest.mark.parametrize("victim", ["conductor", "rhythm", "drums"])
def test_killing_an_actor_in_mid_render_costs_a_restart_and_no_byte(
    local_ray: None, short_leader: AudioClip, victim: str
) -> None:
    plan = plan_for(short_leader, load_band("rock").with_voice("seeded"))
    reference = hashes(LocalBand(plan), short_leader, plan, 20)
    band = RayBand(plan)
    pid = pid_of(band.seat().conductor if victim == "conductor" else band.seat().players[victim])
    killed: list[int] = []

    def on_block(done_frames: int) -> None:
        if done_frames >= 100 and not killed:
            os.kill(pid, signal.SIGKILL)
            killed.append(done_frames)

    try:
        assert hashes(band, short_leader, plan, 20, on_block) == reference
        assert killed
        tally = band.tally()
        assert tally.restarts == 1
        assert sum(tally.replays.values()) <= 1
        assert set(tally.replays) <= {victim}
        assert [(one.who, one.cause, one.action) for one in tally.incidents] == [(victim, "died", "restart")]
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
            os.kill(pid_of(band.seat().players["violin"]), signal.SIGKILL)

    try:
        assert hashes(band, short_leader, plan, 20, on_block) == reference
        assert band.tally().restarts == 2
    finally:
        band.close()


@pytest.mark.ray
def test_a_player_that_hangs_is_named_when_its_deadline_is_over(local_ray: None, short_leader: AudioClip) -> None:
    plan = plan_for(short_leader, load_band("rock"))
    band = RayBand(plan)
    pid = pid_of(band.seat().players["drums"])
    os.kill(pid, signal.SIGSTOP)
    try:
        state = band.start_playing("drums")
        with pytest.raises(DeadlineError, match=r"drums: did not answer within 1 s"):
            band.collect([state], 1.0)
    finally:
        os.kill(pid, signal.SIGCONT)
        band.close()


@pytest.mark.ray
def test_a_place_that_the_cluster_does_not_have_is_an_error_and_no_wait_for_ever(
    local_ray: None, short_leader: AudioClip
) -> None:
    plan = plan_for(short_leader, load_band("rock"))
    with pytest.raises(BandError, match=r"the band: .*drums.* could not be placed within 2 s"):
        RayBand(
            plan,
            planner=lambda requests, _nodes, _gpus: PlacementPlan(bundles=({"CPU": 99.0},) * len(requests)),
            place_s=2.0,
        )


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
    strings = dict.fromkeys(("violin", "viola", "cello"), VOICE.sha256_of(voice))
    digests = models_sha256(band) | strings
    plan = asking(plan_for(short_leader, band), weights_sha256=digests)
    with pytest.raises(VoiceError, match=r"voice\.json: cannot be read"):
        RayBand(plan)
    with pytest.raises(VoiceError, match="is another file on this node"):
        RayBand(asking(plan, weights_sha256=digests | dict.fromkeys(strings, "0" * 64)))
    naive = plan_for(short_leader, load_band("quartet").with_voice("naive"))
    with pytest.raises(ConductorError, match="is another file on this node"):
        RayBand(asking(naive, weights_sha256={}))
    arranged = naive.request.band.model_copy(update={"arranger": "learned"})
    weights = naive.request.weights_sha256 | {"arranger": "0" * 64}
    with pytest.raises(ArrangerError, match="learned: is another file on this node"):
        RayBand(asking(naive, band=arranged, weights_sha256=weights))


@pytest.mark.ray
def test_an_error_inside_an_actor_arrives_as_ours(local_ray: None, short_leader: AudioClip) -> None:
    band = RayBand(plan_for(short_leader, load_band("rock")))
    try:
        asked = band.seat().ask_one(band.seat().conductor, "conductor", ConductorAgent.listen, b"not a message", "{}")
        with pytest.raises(WireError, match="message: "):
            band.collect([asked], 30.0)
    finally:
        band.close()

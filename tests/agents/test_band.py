"""The same plan gives the same bytes: any block, any number of actors, and after any of them is killed."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents import RayBand
from agents.slots import PlacementPlan
from ensemble import clock
from ensemble.audio.files import prepare_leader, read_clip
from ensemble.band import Band, LocalBand
from ensemble.conduct.models import models_sha256
from ensemble.config import BandSettings, FollowerSettings, load_band
from ensemble.errors import ArrangerError, BandError, ConductorError, DeadlineError, VoiceError, WireError
from ensemble.events import Events
from ensemble.leaders import leader_path
from ensemble.perform import Pace, Performance, perform
from ensemble.plan import RenderPlan, RenderRequest
from ensemble.play.voice_file import VOICE
from ensemble.takes import Lead, Take, extend
from ensemble.types.continuation import Continuation, Hop, SeamScore
from ensemble.types.music import Arrangement, AudioClip, Heard, Stem

BLOCKS = (1, 7, 100, 999)


def plan_for(leader: AudioClip, band: BandSettings) -> RenderPlan:
    digests = {one.name: VOICE.sha256_of(one.voice) for one in band.followers if Path(one.voice).suffix == ""}
    digests |= models_sha256(band)
    request = RenderRequest(
        sample_rate=leader.sample_rate, seed=5, band=band, tail_s=0.5,
        weights_sha256={name: digest for name, digest in digests.items() if digest},
    )  # fmt: skip
    return RenderPlan(request=request, leader_sha256=leader.digest)


def asking(plan: RenderPlan, **changes: Any) -> RenderPlan:
    """The same plan, for something else."""
    return plan.model_copy(update={"request": plan.request.model_copy(update=changes)})


class Hashing:
    """Hashes what every part sounds in every take, and insists that nothing is missing."""

    def __init__(self, num_followers: int) -> None:
        self._num_followers = num_followers
        self._sounded: dict[tuple[str, str], Any] = {}
        self._expected: dict[tuple[str, str], int] = {}
        self.blocks = 0

    def begin(self, plan: RenderPlan, arrangements: Mapping[str, Arrangement]) -> None:
        self._num_frames = {name: arrangement.num_frames for name, arrangement in arrangements.items()}
        assert len(plan.request.band.followers) == self._num_followers

    def acknowledge(self, takes: Sequence[str], dynamics: Any, conducting: Any, playing: dict[str, Any]) -> None:
        assert set(playing) == set(dynamics.parts)

    def stem(self, takes: Sequence[str], stem: Stem) -> None:
        self.blocks += 1
        for take in takes:
            key = (take, stem.part)
            assert stem.start_sample == self._expected.get(key, 0)
            self._expected[key] = stem.start_sample + stem.clip.num_samples
            self._sounded.setdefault(key, hashlib.sha256()).update(stem.clip.samples.tobytes())

    def finish(self, take: Take) -> None:
        lengths = {length for (name, _), length in self._expected.items() if name == take.name}
        assert lengths == {self._num_frames[take.name] * 160}

    def hashes(self) -> dict[str, dict[str, str]]:
        by_take: dict[str, dict[str, str]] = {}
        for (take, part), digest in self._sounded.items():
            by_take.setdefault(take, {})[part] = digest.hexdigest()
        assert all(len(parts) == self._num_followers for parts in by_take.values())
        return by_take


def play(
    band: Band, lead: Lead, plan: RenderPlan, block_frames: int, on_block: Callable[[int], None] = lambda _: None
) -> tuple[Hashing, Performance]:
    """Play everything."""
    sink = Hashing(len(plan.request.band.followers))
    pace = Pace(block_frames=block_frames, deadline_s=60.0)
    told = Events(progress=lambda stage, at, _: on_block(at) if stage == "play" else None)
    return sink, perform(band, lead, plan, recorder=sink, pace=pace, events=told)


def hashes(
    band: Band, leader: AudioClip, plan: RenderPlan, block_frames: int, on_block: Callable[[int], None] = lambda _: None
) -> dict[str, str]:
    """Play a leader as given, and hash what every part sounded."""
    return play(band, Lead(clip=leader), plan, block_frames, on_block)[0].hashes()["take-00"]


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
    arranger="learned",
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
    other = asking(voiced_plan, seed=6)
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


@pytest.fixture(scope="module")
def going_on(tmp_path_factory: pytest.TempPathFactory) -> Lead:
    """Twelve seconds of the bundled guitar, and two ways of going on: four seconds of it from elsewhere, transposed."""
    guitar = prepare_leader(read_clip(leader_path()), 16_000).samples
    clip = AudioClip(samples=np.ascontiguousarray(guitar[:, : 12 * 16_000]), sample_rate=16_000)
    lead = Lead(clip=clip, folder=tmp_path_factory.mktemp("going-on"))
    begin = round(11.5 * 16_000)
    clips = [guitar[:, start * 16_000 :][:, : 4 * 16_000] for start in (3, 7)]
    score = SeamScore(relevance=1.0, seam=1.0, total=1.0, terms={})
    hop = Hop(
        path="", recording_sha256="", title="", licence="", start_s=0.0, stop_s=4.0, semitones=0.0, tempo_ratio=1.0,
        gain_db=0.0, aligned_ms=0.0, fade_ms=25.0, begins_s=11.5, score=score,
    )  # fmt: skip
    found = [
        Continuation(
            begin_sample=begin,
            clip=AudioClip(samples=np.ascontiguousarray(clip), sample_rate=16_000),
            beats_s=(11.6 + 0.6 * np.arange(6)).astype(np.float64),
            hops=(hop,),
            total=1.0,
        )
        for clip in clips
    ]
    return replace(lead, extended=tuple(extend(lead, number, one)[0] for number, one in enumerate(found, 1)))


def test_takes_share_their_beginning_and_no_byte_changes(going_on: Lead) -> None:
    plan = plan_for(going_on.clip, ORCHESTRA.with_voice("seeded"))
    sink, done = play(LocalBand(plan), going_on, plan, 100)
    together = sink.hashes()
    assert [take.name for take in done.takes] == ["take-00", "take-01", "take-02"]
    assert together["take-01"] != together["take-02"]
    assert done.shared_frames >= 400
    assert done.shared_frames % 20 == 0
    for lead in going_on.extended:
        alone, one = play(LocalBand(plan), replace(going_on, extended=(lead,)), plan, 37)
        assert one.shared_frames >= done.shared_frames
        assert alone.hashes()[lead.name] == together[lead.name]
    as_given = play(LocalBand(plan), replace(going_on, extended=()), plan, 100)[0]
    assert as_given.hashes()["take-00"] == together["take-00"]


def test_what_is_shared_is_played_once(going_on: Lead) -> None:
    plan = plan_for(going_on.clip, load_band("rock").with_voice("naive"))
    sink, done = play(LocalBand(plan), going_on, plan, 20)
    tails = [take.arrangement.num_frames - done.shared_frames for take in done.takes]
    blocks = [done.shared_frames // 20, *(-(-tail // 20) for tail in tails)]
    assert sink.blocks == 3 * sum(blocks)


def test_a_take_is_what_it_would_be_without_forks(going_on: Lead) -> None:
    """Played straight through, from its own first frame."""
    plan = plan_for(going_on.clip, ORCHESTRA.with_voice("seeded"))
    band = LocalBand(plan)
    sink, done = play(band, going_on, plan, 100)
    take = done.takes[1]
    arrangement = band.hold(take.arrangement)
    alone: dict[str, Any] = {}
    for part in (follower.name for follower in ORCHESTRA.followers):
        sounded, conducting, state = hashlib.sha256(), band.start_conducting(), band.start_playing(part)
        for block in clock.blocks(take.arrangement.num_frames, 333):
            score, conducting = band.conduct(arrangement, block, conducting)
            stem, state = band.play(part, score, state)
            sounded.update(stem.token.clip.samples.tobytes())
        alone[part] = sounded.hexdigest()
    assert alone == sink.hashes()[take.name]


@pytest.mark.ray
def test_actors_play_every_take_alike(local_ray: None, going_on: Lead) -> None:
    plan = plan_for(going_on.clip, load_band("rock").with_voice("seeded"))
    reference = play(LocalBand(plan), going_on, plan, 100)[0].hashes()
    band = RayBand(plan, actors=2)
    try:
        assert play(band, going_on, plan, 130)[0].hashes() == reference
    finally:
        band.close()


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
    pid = pid_of(band._conductor if victim == "conductor" else band._players[victim])
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
        asked = band._ask(band._conductor, "conductor", "listen", (Heard,), b"not a message", "{}")
        with pytest.raises(WireError, match="message: "):
            band.collect(asked, 30.0)
    finally:
        band.close()

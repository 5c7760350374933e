"""The same plan gives the same bytes for any block, and takes that share their beginning play it once. Without Ray."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from ensemble import clock
from ensemble.band import LocalBand
from ensemble.config import load_band
from ensemble.plan import RenderPlan
from ensemble.takes import Lead
from ensemble.types.music import AudioClip
from tests.performing import ORCHESTRA, asking, hashes, plan_for, play

BLOCKS = (1, 7, 100, 999)


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


def test_takes_share_their_beginning_and_no_byte_changes(two_ways_on: Lead) -> None:
    plan = plan_for(two_ways_on.clip, ORCHESTRA.with_voice("seeded"))
    sink, done = play(LocalBand(plan), two_ways_on, plan, 100)
    together = sink.hashes()
    assert [take.name for take in done.takes] == ["take-00", "take-01", "take-02"]
    assert together["take-01"] != together["take-02"]
    assert done.shared_frames >= 400
    assert done.shared_frames % 20 == 0
    for lead in two_ways_on.extended:
        alone, one = play(LocalBand(plan), replace(two_ways_on, extended=(lead,)), plan, 37)
        assert one.shared_frames >= done.shared_frames
        assert alone.hashes()[lead.name] == together[lead.name]
    as_given = play(LocalBand(plan), replace(two_ways_on, extended=()), plan, 100)[0]
    assert as_given.hashes()["take-00"] == together["take-00"]


def test_what_is_shared_is_played_once(two_ways_on: Lead) -> None:
    plan = plan_for(two_ways_on.clip, load_band("rock").with_voice("naive"))
    sink, done = play(LocalBand(plan), two_ways_on, plan, 20)
    tails = [take.arrangement.num_frames - done.shared_frames for take in done.takes]
    blocks = [done.shared_frames // 20, *(-(-tail // 20) for tail in tails)]
    assert sink.blocks == 3 * sum(blocks)


def test_a_take_is_what_it_would_be_without_forks(two_ways_on: Lead) -> None:
    """Played straight through, from its own first frame."""
    plan = plan_for(two_ways_on.clip, ORCHESTRA.with_voice("seeded"))
    band = LocalBand(plan)
    sink, done = play(band, two_ways_on, plan, 100)
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


def test_neither_perform_nor_these_tests_load_ray() -> None:
    code = "import sys, tests.test_perform; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""A band that is seated while its leader is heard plays the same bytes, and is not seated for nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import pytest

from agents.band import RayBand
from agents.band_actors import BandActors
from agents.slots import PlacementPlan
from ensemble.band import LocalBand, Promise
from ensemble.config import load_band
from ensemble.errors import AudioError, BandError
from ensemble.listen.listener import Listener
from ensemble.listen.overrides import Overrides
from ensemble.plan import RenderPlan
from ensemble.types.continuation import ContinuationQuery
from ensemble.types.music import AudioClip, Heard
from tests.performing import hashes, plan_for


@pytest.fixture(scope="module")
def plan(short_leader: AudioClip) -> RenderPlan:
    return plan_for(short_leader, load_band("rock").with_voice("naive"))


@pytest.fixture
def hearing(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set as soon as somebody in this process listens."""
    began, listen = threading.Event(), Listener.listen

    def told(self: Listener, *inputs: Any) -> Heard:
        began.set()
        return listen(self, *inputs)

    monkeypatch.setattr(Listener, "listen", told)
    return began


@pytest.mark.ray
def test_a_leader_is_heard_while_the_band_is_seated(
    local_ray: None, plan: RenderPlan, short_leader: AudioClip, hearing: threading.Event
) -> None:
    reference = hashes(LocalBand(plan), short_leader, plan, 100)
    hearing.clear()
    entered: list[bool] = []
    band = RayBand(plan, enter=lambda: entered.append(hearing.wait(60.0)), actors=2)
    assert not entered
    try:
        assert hashes(band, short_leader, plan, 100) == reference
        assert entered == [True]
        assert (band.tally().restarts, band.actors) == (0, 3)
    finally:
        band.close()


INTERRUPTED = """
import threading
from agents.hearing import heard_meanwhile
from ensemble.audio.files import read_clip
from ensemble.leaders import leader_path
from ensemble.listen import listener
from ensemble.listen.overrides import Overrides

begins, asked = threading.Event(), listener.chord_probability

def told(*inputs):
    begins.set()
    return asked(*inputs)

listener.chord_probability = told
heard_meanwhile(read_clip(leader_path()), Overrides())
begins.wait()
raise KeyboardInterrupt
"""


def test_a_program_that_is_interrupted_while_a_network_hears_ends_as_any_other() -> None:
    """A thread of a library that an interpreter leaves behind aborts the process."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False, timeout=280)
    assert done.stderr.splitlines()[-1] == "KeyboardInterrupt"
    assert done.returncode == -2


def test_a_band_that_nobody_asked_for_anything_is_never_seated(plan: RenderPlan) -> None:
    entered: list[bool] = []
    RayBand(plan, enter=lambda: entered.append(True)).close()
    assert not entered


def test_a_ray_that_does_not_start_is_told_at_once(plan: RenderPlan, short_leader: AudioClip) -> None:
    def enter() -> None:
        raise BandError("Ray", "did not start")

    band = RayBand(plan, enter=enter)
    with pytest.raises(BandError, match="did not start"):
        band.listen(short_leader, Overrides())
    band.close()


def test_a_band_that_finds_no_place_enters_once_and_is_seated_only_for_what_needs_it(
    plan: RenderPlan, short_leader: AudioClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered: list[bool] = []
    tries: list[object] = []
    promised: Promise[Heard] = Promise(None, "driver")

    def no_room(*inputs: Any) -> BandActors:
        tries.append(inputs)
        raise BandError("the band", "finds no place")

    monkeypatch.setattr("agents.band.BandActors", no_room)
    band = RayBand(plan, enter=lambda: entered.append(True))
    band.was_ready(0.1)
    band.has_rested(1.0)
    query = ContinuationQuery(leader=short_leader, tail=short_leader, tail_start_sample=0, extend_s=5.0, top_k=1)
    with pytest.raises(ValueError, match="asks for no extension"):
        band.retrieve(promised, query)
    assert (entered, tries) == ([], [])
    for _ in range(2):
        with pytest.raises(BandError, match="finds no place"):
            band.start_conducting()
    assert (entered, len(tries)) == ([True], 2)
    band.close()


@pytest.mark.ray
def test_what_is_wrong_with_a_leader_is_told_by_who_hears_it(
    local_ray: None, plan: RenderPlan, short_leader: AudioClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> Heard:
        raise AudioError("leader", "is no sound")

    monkeypatch.setattr(Listener, "listen", refused)
    band = RayBand(plan, enter=lambda: None, actors=1)
    try:
        with pytest.raises(AudioError, match="is no sound"):
            band.listen(short_leader, Overrides())
    finally:
        band.close()


@pytest.mark.ray
def test_players_that_find_no_place_are_told_before_the_first_block(
    local_ray: None, plan: RenderPlan, short_leader: AudioClip
) -> None:
    def only_a_conductor(requests: Any, _nodes: Any, _gpus: float) -> PlacementPlan:
        return PlacementPlan(bundles=({"CPU": 0.1}, *({"CPU": 99.0},) * (len(requests) - 1)))

    band = RayBand(plan, enter=lambda: None, actors=1, planner=only_a_conductor, place_s=2.0)
    try:
        with pytest.raises(BandError, match=r"could not be placed within 2 s"):
            hashes(band, short_leader, plan, 100)
    finally:
        band.close()

"""Two minutes of a live session, on a clock that is simulated: no state is lost, and none grows with the time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from ensemble.audio.files import prepared_clip, read_clip
from ensemble.band import LocalBand
from ensemble.config import load_band
from ensemble.leaders import leader_path
from ensemble.live.settings import LiveSettings
from ensemble.plan import RenderPlan, RenderRequest
from ensemble.rendering.live import LiveSession
from ensemble.rendering.live_run import run_simulated
from ensemble.rendering.request import request_for

RATE = 16_000
MINUTE = 60 * RATE


def blocks(leader: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (leader[start : start + size] for start in range(0, len(leader), size))


def held_bytes(thing: object, seen: set[int]) -> int:
    """The arrays that can be reached from an object of ours."""
    if id(thing) in seen:
        return 0
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        return thing.nbytes if thing.base is None else held_bytes(thing.base, seen)
    inside: Iterable[object] = ()
    if isinstance(thing, dict):
        inside = list(thing.values())
    elif isinstance(thing, (list, tuple, set, deque)):
        inside = list(thing)
    elif type(thing).__module__.startswith("ensemble."):
        inside = [getattr(thing, "__dict__", {}), *(getattr(thing, name, None) for name in slots(type(thing)))]
    return sum(held_bytes(one, seen) for one in inside)


def slots(kind: type) -> list[str]:
    return [name for base in kind.__mro__ for name in getattr(base, "__slots__", ())]


@pytest.fixture(scope="module")
def request_live() -> RenderRequest:
    return request_for(load_band("rock").with_voice("naive"), seed=1, sample_rate=RATE, live=LiveSettings())


@pytest.mark.slow
def test_two_minutes_lose_no_state_and_keep_no_more_than_one(request_live: RenderRequest) -> None:
    guitar = prepared_clip(read_clip(leader_path()), RATE).samples.mean(axis=0)
    leader = np.resize(guitar, 2 * MINUTE)
    band = LocalBand(RenderPlan(request=request_live, leader_sha256=""))
    session = LiveSession(request_live, band)
    run_simulated(session, blocks(leader[:MINUTE], RATE // 50), RATE)
    after_one = held_bytes(session.follower, set())
    run_simulated(session, blocks(leader[MINUTE:], RATE // 50), RATE)
    assert after_one > 100_000  # that of the last seconds
    assert held_bytes(session.follower, set()) < 1.1 * after_one
    assert session.follower.position.bar > 40
    keeps_all = LiveSession(request_live, band, keeps_all=True)
    for _ in keeps_all.hear(leader):
        pass
    assert keeps_all.samples_sha256 == session.samples_sha256
    assert held_bytes(keeps_all.follower, set()) > 1.5 * after_one  # or else nothing was counted

"""What is wrong with a microphone while a band follows it."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.live.watch import LONGEST_WINDOWS, MicrophoneWatch, StopWatch
from tests.listen.leader_sounds import RATE, chords


def strummed() -> np.ndarray:
    """Two chords in turn, tuned by ear and up to 20 ms early or late, as people play them."""
    rng, sound = np.random.default_rng(1), np.zeros(13 * RATE, np.float32)
    for number in range(24):
        triad = np.array([(48, 52, 55), (43, 47, 50)][number % 2]) + 0.08 * rng.random(3)
        start = number * RATE // 2 + int(rng.integers(0, RATE // 25))
        sound[start : start + RATE // 2] += chords([triad], 0.5).astype(np.float32)
    return sound[: 12 * RATE]


LEADER = strummed()
BAND = chords([(36, 48, 60), (31, 43, 55)] * 12, 0.5).astype(np.float32)


def watched(came: np.ndarray, block: int = 1_600) -> MicrophoneWatch:
    watch = MicrophoneWatch(RATE)
    for start in range(0, len(came), block):
        watch.play(start, np.stack([BAND[start : start + block]] * 2))
        watch.hear(came[start : start + block])
    return watch


@pytest.mark.parametrize("delay_s", [0.0, 0.03, 0.4])
def test_the_band_is_noticed_where_it_comes_back(delay_s: float) -> None:
    back = np.concatenate([np.zeros(round(delay_s * RATE), np.float32), 0.3 * BAND])[: len(LEADER)]
    assert watched(LEADER + back).hears_band
    assert watched(LEADER + back, 777).hears_band


def test_the_same_chords_are_no_feedback() -> None:
    watch = watched(LEADER)
    assert not watch.hears_band
    assert not watch.clips
    assert not watched(np.zeros_like(LEADER)).hears_band


def test_clipping_is_noticed_and_a_single_peak_is_none() -> None:
    peak = LEADER.copy()
    peak[20_000] = 1.0
    assert not watched(peak).clips
    assert watched(np.clip(9 * LEADER, -1, 1)).clips


def test_how_soon_the_band_rests_is_seen_at_every_stop() -> None:
    leader, band = (0.3 * np.sin(np.arange(20 * RATE) * step, dtype=np.float32) for step in (0.1, 0.2))
    for stop_s, rest_s in ((6, 1.0), (14, 2.0)):
        leader[stop_s * RATE : (stop_s + 3) * RATE] = 0
        band[round((stop_s + rest_s) * RATE) : (stop_s + 3) * RATE] *= 0.01
    leader[10 * RATE : 10 * RATE + RATE // 2] = 0  # a rest that the band does not hear of
    watch = StopWatch(RATE)
    for start in range(0, len(leader), 800):
        watch.play(np.stack([band[start : start + 800]] * 2))
        watch.hear(leader[start : start + 800], 2.0)
    assert watch.bars == pytest.approx([0.5, 1.0])


def test_a_band_that_plays_on_has_not_rested_and_no_more_is_kept_than_is_asked_for() -> None:
    leader, band = (0.3 * np.sin(np.arange(60 * RATE) * step, dtype=np.float32) for step in (0.1, 0.2))
    leader[6 * RATE : 20 * RATE] = leader[40 * RATE : 43 * RATE] = 0
    band[41 * RATE : 43 * RATE] = 0
    watch = StopWatch(RATE)
    for start in range(0, len(leader), 800):
        watch.play(np.stack([band[start : start + 800]] * 2))
        watch.hear(leader[start : start + 800], 2.0)
    assert watch.bars == pytest.approx([0.5])
    assert max(len(levels._db) for levels in (watch._leader, watch._band)) <= LONGEST_WINDOWS

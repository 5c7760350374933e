"""When the beat of a leader who is still playing is sure."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.listen.overrides import Overrides
from ensemble.live.hearing import TICK_SAMPLES
from ensemble.live.leader import LiveLeader
from ensemble.live.settings import LiveSettings
from tests.listen.leader_sounds import RATE, chords, clicks

BEAT_S = 0.55


def after(sound: np.ndarray, tempo_bpm: float | None) -> LiveLeader:
    leader = LiveLeader(LiveSettings(), Overrides(tempo_bpm=tempo_bpm), None)
    for start in range(0, len(sound) - TICK_SAMPLES + 1, TICK_SAMPLES):
        leader.tick(sound[start : start + TICK_SAMPLES].astype(np.float32))
    return leader


@pytest.mark.parametrize("tempo_bpm", [None, 60 / BEAT_S])
def test_what_is_heard_between_the_beats_keeps_nobody_waiting(tempo_bpm: float | None) -> None:
    struck = chords([(48, 52, 55)] * 8, BEAT_S)  # the network hears an off-beat in each of them
    leader = after(struck + 0.4 * clicks(60 / BEAT_S, len(struck) / RATE, 0.0)[: len(struck)], tempo_bpm)
    assert leader.clock is not None
    assert leader.clock.start_frame < 350
    assert leader.clock.period_frames == pytest.approx(100 * BEAT_S, rel=0.02)


@pytest.mark.parametrize("seed", [1, 2])
def test_noise_has_no_beat(seed: int) -> None:
    assert after(0.1 * np.random.default_rng(seed).standard_normal(6 * RATE), None).clock is None


def test_a_chart_begins_after_the_beats_that_are_counted() -> None:
    said = Overrides(chart="tempo: 120\n| C | G | Am | F |\n")
    leader = LiveLeader(LiveSettings(count_in_beats=4), said, None)
    struck = np.concatenate([np.zeros(round(2.55 * RATE)), chords([(48, 52, 55)] * 4, 0.5)])
    for start in range(0, len(struck) - TICK_SAMPLES + 1, TICK_SAMPLES):
        leader.tick(struck[start : start + TICK_SAMPLES].astype(np.float32))
        assert leader.places.may_enter(4)
        assert leader.places.position(4) == (0, 0)
    assert leader.heard_beats > 4

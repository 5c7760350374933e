"""Onsets are found where they are, and lateness and drift are what was put in; unrelated onsets show as such."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.measure.timing import TOGETHER_MS, matched, onset_times, together

RATE = 16_000


def plucks(times_s: np.ndarray, hz: float = 330.0, attack_s: float = 0.003) -> np.ndarray:
    samples = np.zeros(round((times_s[-1] + 1) * RATE), np.float32)
    span = np.arange(round(0.4 * RATE)) / RATE
    shape = np.minimum(span / attack_s, 1) * np.exp(-8 * span) * np.minimum((0.4 - span) / 0.02, 1)
    note = 0.3 * shape * sum(np.sin(2 * np.pi * hz * k * span) / k for k in range(1, 8))
    for time_s in times_s:
        at = round(time_s * RATE)
        samples[at : at + len(note)] += note[: len(samples) - at].astype(np.float32)
    return samples


def wandering(num: int = 60, seed: int = 0) -> np.ndarray:
    """Beats of a player whose tempo wanders by 8 %."""
    period_s = 0.5 * (1 + 0.08 * np.sin(np.arange(num) / 4 + seed))
    return 0.5 + np.cumsum(period_s)


def test_every_pluck_is_one_onset_at_its_time():
    times_s = wandering(30)
    found_s = onset_times(plucks(times_s), RATE)
    assert len(found_s) == 30
    assert np.abs(found_s - times_s).max() < 0.012
    assert (found_s - times_s).std() < 0.003


@pytest.mark.parametrize("late_ms", [-40.0, 0.0, 12.0, 40.0])
def test_lateness_is_measured_to_three_milliseconds(late_ms):
    times_s = wandering()
    leader_s = onset_times(plucks(times_s), RATE)
    follower_s = onset_times(plucks(times_s[::2] + late_ms / 1000, hz=110.0), RATE)
    found = together(leader_s, follower_s)
    assert found.lag_ms == pytest.approx(late_ms, abs=3)
    assert found.offset_ms == pytest.approx(abs(late_ms), abs=3)
    assert abs(found.drift_ms_per_min) < 5
    assert len(matched(leader_s, follower_s)[0]) == 30


@pytest.mark.parametrize("drift_ms_per_min", [-60.0, 90.0])
def test_a_drift_is_measured(drift_ms_per_min):
    times_s = wandering()
    drifting_s = times_s + drift_ms_per_min / 60_000 * (times_s - 15)
    found = together(onset_times(plucks(times_s), RATE), onset_times(plucks(drifting_s), RATE))
    assert found.drift_ms_per_min == pytest.approx(drift_ms_per_min, abs=8)


def test_the_onsets_of_another_piece_are_half_the_window_away():
    rng = np.random.default_rng(0)
    leader_s, other_s = np.sort(rng.uniform(0, 120, 300)), np.sort(rng.uniform(0, 120, 300))
    assert together(leader_s, other_s).offset_ms > 0.35 * TOGETHER_MS
    assert together(leader_s, leader_s + 0.004).offset_ms == pytest.approx(4)


def test_too_little_says_nothing():
    few = np.array([1.0, 2.0, 3.0])
    assert together(few, few) == (None, None, None)
    assert together(np.empty(0), few) == (None, None, None)
    short = np.arange(20) / 4
    assert together(short, short).drift_ms_per_min is None
    assert not len(onset_times(np.zeros(RATE, np.float32), RATE))
    assert len(onset_times(np.zeros(0, np.float32), RATE)) == 0


def test_noise_and_a_held_tone_have_next_to_no_onsets():
    noise = np.random.default_rng(1).normal(0, 0.1, 10 * RATE).astype(np.float32)
    tone = np.sin(2 * np.pi * 220 * np.arange(10 * RATE) / RATE).astype(np.float32)
    assert len(onset_times(tone, RATE)) <= 2
    assert len(onset_times(noise, RATE)) <= 20

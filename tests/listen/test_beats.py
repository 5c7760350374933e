from __future__ import annotations

import numpy as np
import pytest

from ensemble.listen.beats import MIN_CLARITY, Beats, track_beats
from ensemble.listen.onsets import onset_strength
from ensemble.listen.pulse_grids import FASTEST_BPM, SLOWEST_BPM
from tests.listen.leader_sounds import RATE, clicks, sine, tune


def track(samples: np.ndarray) -> Beats:
    onset = onset_strength(samples.astype(np.float32), RATE, -(-len(samples) // 160))
    return track_beats(onset, len(samples) / RATE)


def covers(beats: Beats, duration_s: float) -> bool:
    period_s = 60 / beats.tempo_bpm
    return beats.times_s[0] <= period_s and duration_s - beats.times_s[-1] <= 1.1 * period_s


@pytest.mark.parametrize("tempo_bpm", [60, 72, 90, 108, 120, 150, 180])
def test_a_metronome_is_followed(tempo_bpm):
    beats = track(clicks(tempo_bpm, 12.0))
    assert beats.tempo_bpm == pytest.approx(tempo_bpm, rel=0.02)
    for click_s in np.arange(0.3, 11.9, 60 / tempo_bpm):
        assert np.abs(beats.times_s - click_s).min() < 0.03
    assert beats.clarity > 0.9
    assert covers(beats, 12.0)


@pytest.mark.parametrize("tempo_bpm", [70, 90, 120, 140])
@pytest.mark.parametrize("rhythm", [(1, 1, 0.5, 0.5, 1), (2, 1, 1), (2 / 3, 1 / 3)])
def test_the_beat_is_neither_halved_nor_doubled(tempo_bpm, rhythm):
    notes = np.random.default_rng(0).choice([60, 62, 64, 65, 67, 69, 71, 72], 60)
    beats = track(tune(notes[: 12 * len(rhythm)], rhythm * 12, tempo_bpm))
    assert beats.tempo_bpm == pytest.approx(tempo_bpm, rel=0.02)
    assert np.abs(beats.times_s[1:9] - np.arange(1, 9) * 60 / tempo_bpm).max() < 0.03


def test_beats_go_on_through_a_rest():
    samples = clicks(100, 30.0)
    samples[10 * RATE : 18 * RATE] = 0
    beats = track(samples)
    np.testing.assert_allclose(np.diff(beats.times_s), 0.6, atol=0.02)
    assert covers(beats, 30.0)


def test_beats_reach_into_silence_before_and_after():
    samples = np.concatenate([np.zeros(4 * RATE), clicks(120, 8.0, first_s=0.0), np.zeros(4 * RATE)])
    beats = track(samples)
    np.testing.assert_allclose(np.diff(beats.times_s), 0.5, atol=0.02)
    assert covers(beats, 16.0)


def test_a_slowing_player_is_followed():
    periods_s = np.linspace(0.5, 0.6, 30)
    times_s = 0.2 + np.concatenate([[0], np.cumsum(periods_s)])
    samples = np.zeros(round(18 * RATE))
    click = clicks(60, 0.4, first_s=0.0)[:480]
    for time_s in times_s:
        samples[round(time_s * RATE) : round(time_s * RATE) + 480] += click
    beats = track(samples)
    assert max(np.abs(beats.times_s - time_s).min() for time_s in times_s) < 0.03
    assert len(beats.times_s) in (31, 32, 33)


@pytest.mark.parametrize("duration_s", [0.5, 0.7, 1.3, 3.0])
def test_the_shortest_leaders_have_two_beats_inside(duration_s):
    for samples in (sine(440.0, duration_s), np.random.default_rng(0).normal(0, 0.1, round(duration_s * RATE))):
        beats = track(samples)
        assert len(beats.times_s) >= 2
        assert beats.times_s[0] >= 0
        assert beats.times_s[-1] < duration_s
        assert SLOWEST_BPM <= beats.tempo_bpm <= FASTEST_BPM


def test_noise_and_a_held_tone_have_no_clear_beat():
    assert track(np.random.default_rng(1).normal(0, 0.1, 10 * RATE)).clarity < MIN_CLARITY / 2
    assert track(sine(440.0, 6.0)).clarity < MIN_CLARITY

from __future__ import annotations

import numpy as np
import pytest

from ensemble.listen.pitch import track_pitch
from tests.listen.leader_sounds import RATE, sine, tone, tune


def cents(f0_hz: np.ndarray, truth_hz: np.ndarray | float) -> np.ndarray:
    return 1200 * np.log2(f0_hz / truth_hz)


def follow(samples: np.ndarray):
    return track_pitch(samples.astype(np.float32), -(-len(samples) // 160))


@pytest.mark.parametrize("peak", [0.9, 0.01])
def test_a_440_hz_sine_is_heard_at_440_whatever_its_level(peak):
    pitch = follow(sine(440.0, 2.0, peak))
    inside = slice(10, -10)
    assert (pitch.f0_hz[inside] > 0).all()
    assert np.abs(cents(pitch.f0_hz[inside], 440.0)).max() < 5
    assert pitch.confidence[inside].min() > 0.5


def test_a_sweep_over_three_octaves_is_followed_without_delay():
    time_s = np.arange(4 * RATE) / RATE
    phase = 110 * 4 / np.log(8) * (np.exp(time_s / 4 * np.log(8)) - 1)
    sweep = 0.2 * sum(np.sin(2 * np.pi * phase * k) / k for k in range(1, 7))
    pitch = follow(sweep)
    truth_hz = 110 * 8 ** (np.arange(400) / 400)
    voiced = pitch.f0_hz > 0
    assert voiced.mean() > 0.95
    assert np.abs(cents(pitch.f0_hz[voiced], truth_hz[voiced])).max() < 30


@pytest.mark.parametrize("midi", [25, 28, 33, 40])
def test_the_lowest_strings_of_a_bass_are_heard_in_their_octave(midi):
    pitch = follow(np.concatenate([tone(midi, 2.0), np.zeros(1600)]))
    truth_hz = 440 * 2 ** ((midi - 69) / 12)
    held = pitch.f0_hz[20:150]
    assert (held > 0).mean() > 0.95
    assert np.abs(cents(held[held > 0], truth_hz)).max() < 40


def test_a_tune_leaps_from_note_to_note_and_a_rest_has_no_pitch():
    tune_of_three = np.concatenate([tone(60, 0.5), tone(67, 0.5), np.zeros(RATE // 2), tone(48, 0.5)])
    pitch = follow(tune_of_three)
    for midi, frames in ((60, slice(5, 45)), (67, slice(55, 95)), (48, slice(155, 192))):
        assert np.abs(cents(pitch.f0_hz[frames], 440 * 2 ** ((midi - 69) / 12))).max() < 25
    assert (pitch.f0_hz[106:144] == 0).all()


def test_no_octave_flicker_in_a_long_tune():
    notes = [55, 62, 67, 59, 64, 71] * 4
    pitch = follow(tune(notes, [1] * 24, 100))
    leaps = np.abs(np.diff(12 * np.log2(pitch.f0_hz[pitch.f0_hz > 0])))
    np.testing.assert_allclose(leaps[leaps > 1], np.abs(np.diff(notes)), atol=0.5)


def test_noise_and_silence_have_no_pitch():
    noise = np.random.default_rng(0).normal(0, 0.1, 3 * RATE)
    assert (follow(noise).f0_hz > 0).mean() < 0.02
    silent = follow(np.zeros(RATE))
    assert not silent.f0_hz.any()
    assert not silent.confidence.any()


def test_a_long_recording_is_followed_alike_on_both_sides_of_every_window():
    """The tracker works in windows of 30 s: a tune that repeats every 4.2 s must repeat in what is heard."""
    once = tune([60, 64, 67, 72, 67, 64, 62], [1] * 7, 100)
    f0_hz = follow(np.tile(once, 16)).f0_hz
    period = round(len(once) / 160)
    assert period * 160 == len(once)
    held = f0_hz[: 16 * period].reshape(16, 7, 60)[:, :, 8:52]
    assert (held > 0).all()
    assert np.abs(cents(held, np.median(held, axis=0))).max() < 10

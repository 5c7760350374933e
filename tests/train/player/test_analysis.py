"""Analysis against sounds whose harmonics and noise are known."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.play.noise import filtered_noise, noise_key
from ensemble.play.oscillator import harmonic_bank
from ensemble.train.player.analysis import analyse, harmonic_to_noise_db
from ensemble.train.recordings import TrainingRecording
from tests.train.teacher import phrase

RATE = 48_000
FRAMES = 200


def tone(f0_hz: float, amplitudes: list[float], noise: float) -> TrainingRecording:
    """A vibrating tone over white noise of a given magnitude."""
    pitch = (f0_hz * 2 ** (np.sin(np.arange(FRAMES) * 0.3) * 15 / 1200)).astype(np.float32)
    levels = np.zeros((1, FRAMES, 100), np.float32)
    levels[0, :, : len(amplitudes)] = amplitudes
    samples, _ = harmonic_bank(pitch[None, :-1], pitch[None, 1:], levels, np.zeros(1), RATE)
    samples += filtered_noise(np.full((FRAMES, 65), noise, np.float32), noise_key(0, "tone"), 0, RATE)
    return TrainingRecording(
        name="tone",
        samples=np.append(samples, np.zeros(480, np.float32)),
        sample_rate=RATE,
        f0_hz=pitch,
        loudness_db=np.full(FRAMES, -20.0, np.float32),
        is_voiced=np.ones(FRAMES, bool),
        licence="ours",
    )


@pytest.mark.parametrize("f0_hz", [82.0, 330.0, 1400.0])
def test_harmonics_and_noise_come_back(f0_hz):
    amplitudes = [0.1, 0.02, 0.05, 0.01]
    found = analyse(tone(f0_hz, amplitudes, 0.004))
    inside = slice(20, -20)
    np.testing.assert_allclose(np.median(found.harmonics[inside, :4], axis=0), amplitudes, rtol=0.06)
    assert np.median(found.harmonics[inside, 8:12]) < 0.001
    np.testing.assert_allclose(np.median(found.noise[inside, 6:60], axis=0), 0.004, rtol=0.25)


def test_the_ratio_of_harmonics_to_noise_is_in_decibels():
    clean, noisy = (harmonic_to_noise_db(analyse(tone(440.0, [0.1], noise)), RATE) for noise in (0.002, 0.02))
    assert np.median(clean) - np.median(noisy) == pytest.approx(20.0, abs=1.0)
    power_db = 10 * np.log10(0.5 * 0.1**2 / (0.02**2 / 3))
    assert np.median(noisy) == pytest.approx(power_db, abs=1.0)


def test_a_rest_teaches_nothing_about_harmonics():
    recording = phrase(1)
    found = analyse(recording)
    assert found.is_known.any()
    assert not found.is_known[~recording.is_voiced].any()
    assert not found.harmonics[~found.is_known].any()

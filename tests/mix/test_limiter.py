from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from ensemble.mix.limiter import Limiter

RATE = 48_000


def limited(sound: np.ndarray, ceiling_dbtp: float = -1.0, piece: int = 16_384) -> np.ndarray:
    limiter = Limiter(ceiling_dbtp, RATE)
    pieces = [limiter.push(sound[:, start : start + piece]) for start in range(0, sound.shape[1], piece)]
    return np.concatenate([*pieces, limiter.flush()], axis=1)


def burst() -> np.ndarray:
    """A steady tone with 30 ms at 14 dB more, and a click in one channel at the very start."""
    time_s = np.arange(RATE) / RATE
    tone = 0.4 * np.sin(2 * np.pi * 997 * time_s)
    tone[20_000:21_440] *= 5
    sound = np.stack([tone, 0.5 * tone])
    sound[1, 3] = 2.5
    return sound


def oversampled_peak_db(sound: np.ndarray) -> float:
    return 20 * np.log10(np.abs(scipy.signal.resample_poly(sound, 4, 1, axis=1, window=("kaiser", 8.0))).max())


@pytest.mark.parametrize("ceiling_dbtp", [-6.0, -1.0, 0.0])
def test_no_true_peak_passes_the_ceiling_and_the_room_below_is_used(ceiling_dbtp):
    assert oversampled_peak_db(burst()) > 6
    peak = oversampled_peak_db(limited(burst(), ceiling_dbtp))
    assert ceiling_dbtp - 0.3 < peak <= ceiling_dbtp + 0.05


def test_noise_far_above_the_ceiling_stays_below_it():
    noise = 3 * np.random.default_rng(1).standard_normal((2, RATE))
    assert oversampled_peak_db(limited(noise)) <= -1 + 0.1


def test_the_gain_bends_and_never_jumps():
    sound = np.stack([burst()[0]] * 2) + 0.3  # away from zero, so that a gain can be read off
    gain = (limited(sound) / sound)[0]
    gain = gain[np.abs(sound[0]) > 0.02]
    assert gain.min() < 0.5
    assert np.abs(np.diff(gain)).max() < 0.02  # a corner of 14 dB would be 0.8


def test_below_the_ceiling_nothing_changes():
    quiet = 0.2 * burst()
    np.testing.assert_array_equal(limited(quiet), quiet)


def test_the_gain_returns_after_a_burst():
    sound = burst()
    np.testing.assert_allclose(limited(sound)[:, -4800:], sound[:, -4800:], atol=0.005)
    assert np.abs(limited(sound)[0, 21_500:21_700]).max() < 0.3  # but not at once


@pytest.mark.parametrize("piece", [10, 1000, 48_000])
def test_the_pieces_lengths_are_not_heard(piece):
    np.testing.assert_allclose(limited(burst(), piece=piece), limited(burst()), atol=1e-9)


def test_it_looks_five_milliseconds_ahead_and_is_exactly_as_long():
    limiter = Limiter(-1.0, RATE)
    first = limiter.push(np.zeros((2, 1000)))
    assert first.shape == (2, 1000 - limiter.latency)
    assert limiter.flush().shape == (2, limiter.latency)

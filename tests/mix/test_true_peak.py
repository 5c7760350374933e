from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.signal

from ensemble.mix.true_peak import TruePeak
from tests.mix.whole_peak import true_peak_dbtp


@pytest.mark.parametrize("cycles_per_sample", [0.01, 0.1, 0.25, 0.3, 0.4])
def test_the_peak_of_a_sine_is_its_amplitude_wherever_the_samples_fall(cycles_per_sample):
    fade = scipy.signal.windows.tukey(4000, 0.3)
    for phase in (0.0, np.pi / 4, 1.0):
        sine = 0.5 * fade * np.sin(2 * np.pi * cycles_per_sample * np.arange(4000) + phase)
        grid_db = 20 * np.log10(np.cos(np.pi * cycles_per_sample / 4))  # what four points per sample can miss
        assert -6.03 + grid_db < true_peak_dbtp([sine[None]]) < -5.96


def test_a_quarter_rate_sine_hides_3_db_from_its_samples():
    sine = scipy.signal.windows.tukey(4000, 0.3) * np.sin(np.pi / 2 * np.arange(4000) + np.pi / 4)
    assert np.abs(sine).max() == pytest.approx(math.sqrt(0.5))
    assert true_peak_dbtp([sine[None]]) == pytest.approx(0.0, abs=0.03)


def test_agrees_with_a_resampler_four_times_faster():
    noise = np.random.default_rng(4).standard_normal((2, 30_000))
    sound = scipy.signal.sosfilt(scipy.signal.butter(6, 0.8, output="sos"), noise)
    reference = np.abs(scipy.signal.resample_poly(sound, 4, 1, axis=1, window=("kaiser", 8.0))).max()
    assert true_peak_dbtp([sound]) == pytest.approx(20 * np.log10(reference), abs=0.1)


@pytest.mark.parametrize("piece", [1, 7, 500])
def test_hearing_in_pieces_equals_hearing_whole(piece):
    sound = np.random.default_rng(5).standard_normal((2, 1500))
    whole, meter = TruePeak(2).push(sound), TruePeak(2)
    pieces = [meter.push(sound[:, start : start + piece]) for start in range(0, 1500, piece)]
    np.testing.assert_allclose(np.concatenate(pieces), whole, rtol=1e-12)


@pytest.mark.parametrize("floor", [0.4, 1.2, 9.0])
def test_what_is_above_a_floor_is_the_same_to_the_bit(floor):
    rng = np.random.default_rng(6)
    sound = 0.3 * rng.standard_normal((2, 36_000)) * np.repeat(np.tile([0.05, 1.0], 9), 2000)
    exact, spared = TruePeak(2).push(sound), TruePeak(2).push(sound, floor)
    assert (spared < exact).any()
    np.testing.assert_array_equal(np.maximum(spared, floor), np.maximum(exact, floor))


def test_silence_has_no_peak():
    assert true_peak_dbtp([np.zeros((2, 100))]) == -math.inf
    assert true_peak_dbtp([]) == -math.inf

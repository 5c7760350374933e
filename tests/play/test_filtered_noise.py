import numpy as np
import pytest
import torch

from ensemble.clock import SAMPLE_RATES_HZ
from ensemble.play import torch_synth
from ensemble.play.noise import filtered_noise, noise_key, reach_samples, white_noise
from ensemble.play.sizes import NUM_BANDS

KEY = noise_key(7, "flute")
BAND_HZ = 375.0 * np.arange(NUM_BANDS)


def band_power(samples, sample_rate):
    """Power per hertz around every band's centre, from averaged spectra 375 Hz apart."""
    size = round(sample_rate / 46.875)
    window = np.hanning(size)
    frames = np.lib.stride_tricks.sliding_window_view(samples, size)[:: size // 2]
    power = (np.abs(np.fft.rfft(frames * window, axis=1)) ** 2).mean(axis=0) / (window**2).sum() / sample_rate
    hz = np.fft.rfftfreq(size, 1 / sample_rate)
    return np.array([power[np.abs(hz - centre) <= 100].mean() if centre < hz[-1] else 0.0 for centre in BAND_HZ])


@pytest.mark.parametrize("sample_rate", SAMPLE_RATES_HZ)
def test_every_band_has_the_level_asked_for_in_absolute_terms_at_every_rate(sample_rate):
    asked = (0.02 * (1.2 + np.sin(np.arange(NUM_BANDS) / 5)) * np.exp(-BAND_HZ / 9000)).astype(np.float32)
    samples = filtered_noise(np.tile(asked, (2001, 1)), KEY, 0, sample_rate)
    inner = (BAND_HZ > 300) & (sample_rate * 0.45 > BAND_HZ)
    density = asked**2 / 3 / 48_000  # white noise of power 1/3 over 48 kHz of positive and negative frequencies
    error_db = 10 * np.log10(band_power(samples, sample_rate)[inner] / density[inner])
    assert np.abs(error_db).max() < 1.0


def test_eight_bands_of_sixty_five_hold_the_energy():
    asked = np.zeros(NUM_BANDS, np.float32)
    asked[20:28] = 0.1
    power = band_power(filtered_noise(np.tile(asked, (501, 1)), KEY, 0, 48_000), 48_000)
    assert power[20:28].sum() / power.sum() > 0.9
    assert 10 * np.log10(power[40:].max() / power[22:26].mean()) < -60


def test_white_noise_is_a_function_of_the_sample_number():
    whole = white_noise(KEY, 0, 5000)
    assert abs(whole.mean()) < 0.03
    assert np.mean(whole.astype(float) ** 2) == pytest.approx(1 / 3, rel=0.05)
    assert abs(np.corrcoef(whole[1:], whole[:-1])[0, 1]) < 0.05
    for start in (1, 2, 3, 7, 8, 9, 1000, 4321):
        np.testing.assert_array_equal(white_noise(KEY, start, 99), whole[start : start + 99])
    np.testing.assert_array_equal(white_noise(KEY, -300, 301)[-1:], whole[:1])


def test_seeds_and_parts_have_noises_of_their_own():
    noises = [white_noise(noise_key(seed, part), 0, 4000) for seed, part in ((1, "a"), (2, "a"), (1, "b"))]
    correlation = np.corrcoef(noises) - np.eye(3)
    assert np.abs(correlation).max() < 0.06


@pytest.mark.parametrize("sample_rate", SAMPLE_RATES_HZ)
def test_torch_filters_the_same_noise_to_the_same_sound(sample_rate):
    rng = np.random.default_rng(3)
    magnitudes = rng.uniform(0, 0.2, (41, NUM_BANDS)).astype(np.float32)
    hop, reach = sample_rate // 100, reach_samples(sample_rate)
    samples = filtered_noise(magnitudes, KEY, 960, sample_rate)
    white = white_noise(KEY, 960 - reach, 40 * hop + 2 * reach)
    reference = torch_synth.filtered_noise(torch.tensor(magnitudes[None]), torch.tensor(white[None]), sample_rate)
    assert samples.std() > 0.01
    np.testing.assert_allclose(samples, reference[0].numpy(), atol=1e-5)


def test_two_halves_join_without_anything_carried_over():
    rng = np.random.default_rng(4)
    magnitudes = rng.uniform(0, 0.2, (41, NUM_BANDS)).astype(np.float32)
    whole = filtered_noise(magnitudes, KEY, 0, 48_000)
    halves = [filtered_noise(magnitudes[:21], KEY, 0, 48_000), filtered_noise(magnitudes[20:], KEY, 20 * 480, 48_000)]
    np.testing.assert_array_equal(np.concatenate(halves), whole)

"""The fitted kit's inner loops against their formulas."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.play.fitted_kit import band_centres_hz, band_masks, knot_samples
from ensemble.play.kit_kernels import add_enveloped, add_modes

RATE = 48_000


@pytest.mark.parametrize("glide", [0.0, 0.4, -0.2])
def test_modes_are_the_sum_that_is_written_down(glide: float) -> None:
    n, glide_samples = np.arange(9_600), 900.0
    frequency, cosine, sine = np.array([61.0, 180.5, 1_200.0]) / RATE, np.array([1.0, -0.5, 0.2]), np.array([0.3, 0, 1])
    decay = np.array([4_000.0, 900.0, 300.0])
    out = np.full(len(n), 0.25)
    add_modes(out, frequency, cosine, sine, decay, glide, glide_samples)
    phase = 2 * np.pi * frequency[:, None] * (n + glide * glide_samples * (1 - np.exp(-n / glide_samples)))
    wanted = (np.exp(-n / decay[:, None]) * (cosine[:, None] * np.cos(phase) + sine[:, None] * np.sin(phase))).sum(
        axis=0
    )
    assert np.abs(out - 0.25 - wanted).max() < (0.02 if glide else 2e-4)  # between exact phases it runs evenly


def test_an_envelope_goes_through_its_knots() -> None:
    knots = np.array([0, 100, 1_000, 4_000])
    levels = np.array([0.01, 1.0, 0.5, 1e-6])
    out = np.zeros(5_000)
    add_enveloped(out, np.ones(5_000, np.float32), knots, levels)
    np.testing.assert_allclose(out[knots[:-1]], levels[:-1])
    np.testing.assert_allclose(out[[50, 2_500]], [0.1, np.sqrt(0.5 * 1e-6)])
    assert not out[4_000:].any()


def test_white_noise_of_power_one_passes_every_band_with_power_one() -> None:
    size = 1 << 17
    white = np.fft.rfft(np.random.Generator(np.random.Philox(1)).standard_normal(size))
    for (first, mask), centre_hz in zip(band_masks(size), band_centres_hz(), strict=True):
        inside = np.zeros(len(white), complex)
        inside[first : first + len(mask)] = white[first : first + len(mask)] * mask
        heard = np.fft.irfft(inside, size)
        assert np.mean(heard**2) == pytest.approx(1.0, rel=0.3 if centre_hz < 500 else 0.1)
        power = np.square(np.abs(inside))
        middle_hz = (np.fft.rfftfreq(size, 1 / RATE) * power).sum() / power.sum()
        assert middle_hz == pytest.approx(centre_hz, rel=0.12) or centre_hz in (
            band_centres_hz()[0],
            band_centres_hz()[-1],
        )


def test_knots_rise_from_the_start_to_the_end() -> None:
    knots = knot_samples(14_400)
    assert (np.diff(knots) > 0).all()
    assert (knots[0], knots[-1]) == (0, 14_400)

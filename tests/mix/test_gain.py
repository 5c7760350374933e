from __future__ import annotations

import numpy as np
import pytest

from ensemble.mix.gain import place

NOISE = np.random.default_rng(3).standard_normal(1000).astype(np.float32)


@pytest.mark.parametrize("pan", [-1.0, -0.4, 0.0, 0.3, 1.0])
def test_the_summed_power_does_not_depend_on_the_pan(pan):
    placed = place(NOISE, 0.0, pan)
    assert placed.dtype == np.float32
    assert np.square(placed).sum() == pytest.approx(np.square(NOISE).sum(), rel=1e-5)


def test_the_centre_is_3_db_down_in_each_channel_and_an_end_is_in_one_only():
    left, right = place(NOISE, 0.0, 0.0)
    np.testing.assert_array_equal(left, right)
    np.testing.assert_allclose(20 * np.log10(left / NOISE), -3.01, atol=0.01)
    left, right = place(NOISE, 0.0, 1.0)
    np.testing.assert_array_equal(right, NOISE)
    assert not left.any()


def test_left_and_right_are_mirror_images():
    np.testing.assert_array_equal(place(NOISE, -4.0, 0.37), place(NOISE, -4.0, -0.37)[::-1])


def test_6_db_is_a_factor_of_two():
    np.testing.assert_allclose(place(NOISE, 6.0206, 0.2), 2 * place(NOISE, 0.0, 0.2), rtol=1e-5)


def test_placing_in_blocks_equals_placing_whole():
    pieces = [place(NOISE[start : start + 77], -3.3, -0.6) for start in range(0, len(NOISE), 77)]
    np.testing.assert_array_equal(np.concatenate(pieces, axis=1), place(NOISE, -3.3, -0.6))

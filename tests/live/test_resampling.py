"""A stream that is brought to 16 kHz while it comes."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.live.resampling import LATE_S, StreamResampler, resampled_soon

RATE = 16_000
RATES = (32_000, 44_100, 48_000)


def resampled(samples: np.ndarray, rate: int, sizes: np.ndarray) -> np.ndarray:
    """A stream that comes in pieces of these lengths."""
    stream, pieces = StreamResampler(rate, RATE), np.split(samples, np.cumsum(sizes))
    return np.concatenate([*map(stream.push, pieces)])


@pytest.mark.parametrize("rate", RATES)
def test_the_bytes_do_not_depend_on_how_the_stream_is_cut(rate: int) -> None:
    rng = np.random.default_rng(rate)
    samples = rng.standard_normal(rate // 2 + 17).astype(np.float32)
    whole = np.concatenate([piece[0] for piece in resampled_soon([samples[None]], rate, RATE)])
    assert len(whole) == -(-len(samples) * RATE // rate)
    for longest in (3, 200, 5000):
        sizes = rng.integers(0, longest, len(samples) // longest)
        np.testing.assert_array_equal(resampled(samples, rate, sizes), whole)


@pytest.mark.parametrize("rate", RATES)
def test_as_much_is_known_as_has_come(rate: int) -> None:
    stream, known = StreamResampler(rate, RATE), 0
    for tick in range(1, 11):
        known += len(stream.push(np.zeros(rate // 10, np.float32)))
        assert known == tick * RATE // 10


@pytest.mark.parametrize("rate", RATES)
def test_tones_below_7_khz_stay_as_they_are_2_ms_later_and_none_comes_from_above_8(rate: int) -> None:
    def heard(hz: float) -> np.ndarray:
        tone = np.sin(2 * np.pi * hz * np.arange(rate // 2) / rate).astype(np.float32)
        return resampled(tone, rate, np.array([100, 1000]))[500:-500]

    at_s = np.arange(RATE // 2)[500:-500] / RATE - np.ceil(LATE_S * rate) / rate
    for hz in (50.0, 440.0, 3000.0, 7000.0):
        np.testing.assert_allclose(heard(hz), np.sin(2 * np.pi * hz * at_s), atol=2e-3)
    for hz in (8000.0, 9000.0, 13_000.0):
        assert np.abs(heard(hz)).max() < 1e-3

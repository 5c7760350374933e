from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble.audio.attacks import attack_near
from ensemble.audio.joins import align, fade_gains, likeness, overlap_add

RATE = 48_000
FADE = 1200


def noise(num_samples: int, seed: int = 1, level: float = 0.1) -> np.ndarray:
    return (level * np.random.default_rng(seed).standard_normal((1, num_samples))).astype(np.float32)


def sine(hz: float, num_samples: int, phase: float = 0.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(num_samples) / RATE + phase)).astype(np.float32)[None]


def middle_level_db(joined: np.ndarray, around: np.ndarray) -> float:
    at = around.shape[1] - FADE // 2
    piece = joined[:, at - FADE // 4 : at + FADE // 4]
    return 10 * np.log10(np.square(piece).mean() / np.square(around).mean())


@pytest.mark.parametrize("shift", [-300, -17, 0, 5, 300])
def test_a_shifted_copy_is_found_where_it_was_put(shift):
    whole = noise(4000)[0]
    assert align(whole[1000:2000], np.roll(whole, shift)[1000 - 400 : 2000 + 400]) == shift


def test_of_equal_periods_the_nearest_is_taken():
    tone = sine(480.0, 4000)[0]  # a period of 100 samples: many shifts fit
    assert align(tone[1000:2000], tone[1030 - 500 : 2030 + 500]) == -30


def test_the_level_does_not_hide_the_match():
    whole = noise(4000)[0]
    incoming = whole[600:2400].copy()
    incoming[:300] *= 50.0  # loud, but unlike
    assert align(whole[1000:2000], incoming) == 0


@pytest.mark.parametrize("silent", ["outgoing", "incoming"])
def test_silence_is_not_aligned(silent):
    outgoing, incoming = noise(1000)[0], noise(1800, seed=2)[0]
    if silent == "outgoing":
        outgoing = np.zeros_like(outgoing)
    else:
        incoming = np.zeros_like(incoming)
    assert align(outgoing, incoming) == 0


@given(correlation=st.floats(-1.0, 1.0), num_samples=st.integers(2, 3000))
def test_the_power_of_the_sum_never_changes(correlation, num_samples):
    fade_out, fade_in = fade_gains(num_samples, correlation)
    alike = max(correlation, 0.0)
    power = np.square(fade_out) + np.square(fade_in) + 2 * alike * fade_out * fade_in
    np.testing.assert_allclose(power, 1.0, atol=1e-12)
    assert (np.diff(fade_out) <= 1e-12).all()
    assert (np.diff(fade_in) >= -1e-12).all()
    np.testing.assert_allclose(fade_out, fade_in[::-1], atol=1e-9)


def test_unrelated_sounds_keep_their_level_through_the_fade():
    levels = []
    for seed in range(20):
        before, after = noise(6000, seed), noise(6000, seed + 100)
        levels.append(middle_level_db(overlap_add(before, after, FADE), before))
    assert abs(np.mean(levels)) < 0.15


def test_the_same_sound_is_faded_into_itself_without_a_trace():
    tone = sine(440.0, 9000)
    joined = overlap_add(tone[:, :5000], tone[:, 5000 - FADE :], FADE)
    np.testing.assert_allclose(joined, tone, atol=1e-6)


def test_outside_the_fade_not_a_bit_is_changed():
    before, after = np.repeat(noise(5000), 2, axis=0), np.repeat(noise(4000, seed=3), 2, axis=0)
    joined = overlap_add(before, after, FADE)
    assert joined.shape == (2, 9000 - FADE)
    assert joined.dtype == np.float32
    np.testing.assert_array_equal(joined[:, : 5000 - FADE], before[:, : 5000 - FADE])
    np.testing.assert_array_equal(joined[:, 5000:], after[:, FADE:])


def test_a_fade_into_a_low_note_has_no_corner():
    low, silence = sine(41.0, 9600, phase=1.0), np.zeros((1, 9600), dtype=np.float32)
    joined = overlap_add(silence, low, FADE)
    steady = np.abs(np.diff(low, 2)).max()
    assert np.abs(np.diff(joined, 2)).max() < 1.5 * steady


def test_two_copies_in_phase_and_out_of_phase_are_told_apart():
    tone = sine(300.0, 3200)
    assert likeness(tone, tone) == pytest.approx(1.0)
    assert likeness(tone, -tone) == pytest.approx(-1.0)
    assert likeness(tone, sine(300.0, 3200, phase=np.pi / 2)) == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize(("fade", "channels"), [(-1, 1), (501, 1), (10, 2)])
def test_a_fade_that_does_not_fit_is_refused(fade, channels):
    with pytest.raises(ValueError, match="cannot fade"):
        overlap_add(noise(500), np.repeat(noise(700), channels, axis=0), fade)


@pytest.mark.parametrize("late_ms", [-30, 0, 25])
@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_an_attack_is_found_to_the_window(late_ms, rate):
    at, struck = rate, rate + late_ms * rate // 1000
    ringing = 0.1 * np.sin(2 * np.pi * 220 * np.arange(2 * rate) / rate)
    ringing[struck:] += 0.3 * np.sin(2 * np.pi * 660 * np.arange(2 * rate - struck) / rate)
    found = attack_near(ringing[None].astype(np.float32), at, rate, 0.045)
    assert found is not None
    assert -5.0 <= 1000 * (found - struck) / rate <= 0.5


def test_in_a_steady_sound_nothing_is_struck():
    swelling = sine(220.0, 96_000) * np.linspace(0.2, 1.0, 96_000, dtype=np.float32)
    assert attack_near(swelling, 48_000, RATE, 0.045) is None
    assert attack_near(noise(96_000), 48_000, RATE, 0.045) is None
    assert attack_near(np.zeros((1, 96_000), dtype=np.float32), 48_000, RATE, 0.045) is None

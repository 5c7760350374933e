"""Spectra on an absolute scale, centred frames, and the curves laid over them."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.audio.spectra import (
    CHUNK_FRAMES,
    a_weighting,
    bin_frequencies_hz,
    heard_since,
    mel_bands,
    pitch_class_bands,
    power_spectra,
)

RATE = 16_000


def sine(frequency_hz: float, num_samples: int) -> np.ndarray:
    return np.sin(2 * np.pi * frequency_hz * np.arange(num_samples) / RATE).astype(np.float32)


def whole(samples: np.ndarray, num_frames: int, hop: int, window: int) -> np.ndarray:
    return np.concatenate([power for _, power in power_spectra(samples, num_frames, hop, window)])


@pytest.mark.parametrize("window", [512, 2048, 8192])
@pytest.mark.parametrize("frequency_hz", [440.0, 1003.7])
def test_a_full_scale_sine_sums_to_one_half_whatever_the_window(window, frequency_hz):
    power = whole(sine(frequency_hz, 4 * RATE), 400, 160, window)
    np.testing.assert_allclose(power[100:300].sum(axis=1), 0.5, rtol=2e-3)


def test_a_click_is_loudest_in_the_frame_that_is_centred_on_it():
    samples = np.zeros(RATE, dtype=np.float32)
    samples[37 * 160] = 1.0
    power = whole(samples, 100, 160, 512).sum(axis=1)
    assert power.argmax() == 37
    assert (power[:34] == 0).all()
    assert (power[41:] == 0).all()


def test_a_window_hears_its_share_of_what_begins_in_it():
    samples = sine(1_000.0, RATE)
    samples[: RATE // 2] = 0.0
    share = whole(samples, 100, 160, 1024).sum(axis=1) / 0.5
    np.testing.assert_allclose(share[:96], heard_since((np.arange(96) - 50) / 100, 1024 / RATE), atol=0.003)


def test_chunks_leave_no_trace_and_frames_past_the_end_are_silent():
    samples = np.random.default_rng(0).normal(0, 0.1, (CHUNK_FRAMES + 200) * 40).astype(np.float32)
    power = whole(samples, CHUNK_FRAMES + 400, 40, 128)
    at = CHUNK_FRAMES - 1
    for frame in (at, at + 1):
        alone = samples[frame * 40 - 64 : frame * 40 + 64] * np.hanning(129)[:-1]
        expected = np.square(np.abs(np.fft.rfft(alone)))
        np.testing.assert_allclose(power[frame] / power[frame].sum(), _mirrored(expected), atol=1e-6)
    assert power[-100:].max() == 0.0


def _mirrored(power: np.ndarray) -> np.ndarray:
    power = power.copy()
    power[1:-1] *= 2
    return power / power.sum()


@pytest.mark.parametrize(
    ("frequency_hz", "gain_db"), [(31.623, -39.4), (100.0, -19.1), (1000.0, 0.0), (2511.9, 1.3), (6309.6, -0.1)]
)
def test_a_weighting_is_the_table_of_the_standard(frequency_hz, gain_db):
    assert 10 * np.log10(a_weighting(np.array([frequency_hz])))[0] == pytest.approx(gain_db, abs=0.1)


def test_every_mel_band_hears_something_and_a_flat_spectrum_stays_flat():
    bands = mel_bands(48, 512, RATE, 40.0, 7000.0)
    np.testing.assert_allclose(np.ones(257) @ bands, 1.0, rtol=1e-5)
    centres = (bin_frequencies_hz(512, RATE)[:, None] * bands).sum(axis=0)
    assert (np.diff(centres) > 0).all()


@pytest.mark.parametrize("tuning_cents", [0.0, -20.0, 45.0])
def test_every_note_of_four_octaves_falls_into_its_pitch_class(tuning_cents):
    bands = pitch_class_bands(8192, RATE, tuning_cents)
    for midi in range(48, 96):
        frequency_hz = 440 * 2 ** ((midi - 69 + tuning_cents / 100) / 12)
        chroma = whole(sine(frequency_hz, RATE), 1, 160, 8192)[0] @ bands
        assert chroma.argmax() == midi % 12

from __future__ import annotations

import math

import numpy as np
import pyloudnorm
import pytest

from ensemble.audio.loudness import LoudnessMeter, integrated_lufs
from ensemble.clock import SAMPLE_RATES_HZ


def music(seconds: float, sample_rate: int) -> np.ndarray:
    """Tones and noise that swell from silence to loud: the gates have something to do.  [2, samples]"""
    rng = np.random.default_rng(8)
    time_s = np.arange(round(seconds * sample_rate)) / sample_rate
    swell = 10 ** (-3.5 * np.abs(np.cos(0.9 * time_s)))
    tones = sum(np.sin(2 * np.pi * hz * time_s) / hz**0.3 for hz in (55.0, 330.0, 2900.0))
    sound = swell * (0.3 * tones + 0.05 * rng.standard_normal(len(time_s)))
    return np.stack([sound, 0.4 * np.roll(sound, 30)])


@pytest.mark.parametrize("sample_rate", SAMPLE_RATES_HZ)
@pytest.mark.parametrize("seconds", [3.0, 7.34])
def test_agrees_with_pyloudnorm(sample_rate, seconds):
    sound = music(seconds, sample_rate)
    reference = pyloudnorm.Meter(sample_rate, "DeMan").integrated_loudness(sound.T)
    assert integrated_lufs([sound], sample_rate) == pytest.approx(reference, abs=0.02)


def test_a_stereo_sine_at_minus_23_dbfs_reads_minus_23_lufs():
    sine = 10 ** (-23 / 20) * np.sin(2 * np.pi * 1000 * np.arange(20 * 48_000) / 48_000)
    assert integrated_lufs([np.stack([sine, sine])], 48_000) == pytest.approx(-23.0, abs=0.02)
    assert integrated_lufs([sine[None]], 48_000) == pytest.approx(-26.01, abs=0.02)


def test_silence_between_phrases_is_gated_out():
    sine = np.sin(2 * np.pi * 1000 * np.arange(5 * 48_000) / 48_000)[None]
    with_rests = np.concatenate([sine, 0 * sine, sine, 0 * sine], axis=1)
    assert integrated_lufs([with_rests], 48_000) == pytest.approx(
        integrated_lufs([sine], 48_000), abs=0.3
    )  # ungated: 3 LU less


@pytest.mark.parametrize("piece", [1, 999, 4800, 100_000])
def test_the_pieces_lengths_do_not_change_the_reading(piece):
    sound = music(1.1, 16_000)
    pieces = [sound[:, start : start + piece] for start in range(0, sound.shape[1], piece)]
    assert integrated_lufs(pieces, 16_000) == integrated_lufs([sound], 16_000)


@pytest.mark.parametrize(
    "sound",
    [np.zeros((2, 48_000)), np.full((1, 100), 0.5), 1e-5 * music(2.0, 48_000)],
    ids=["silent", "short", "faint"],
)
def test_what_passes_no_gate_has_no_loudness(sound):
    assert integrated_lufs([sound], 48_000) == -math.inf


def test_nothing_heard_has_no_loudness():
    assert LoudnessMeter(48_000).lufs() == -math.inf

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ensemble.files.receipts import StemFacts
from ensemble.mix.levels import LevelMeter

RATE = 48_000


def stem_facts(path: Path, joins: Sequence[int] | range = (), piece_samples: int = 4801) -> StemFacts:
    """Of a file, heard in pieces of an awkward length."""
    with soundfile.SoundFile(path) as file:
        meter = LevelMeter(file.samplerate, file.channels, joins)
        for piece in file.blocks(piece_samples, dtype="float64", always_2d=True):
            meter.push(piece)
    return meter.facts()


@pytest.fixture
def sine() -> np.ndarray:
    """A stereo sine at a quarter of the rate, between its samples at -6 dB, on them 3 dB less.  [samples, 2]"""
    fade = np.minimum(1.0, np.arange(3 * RATE) / 2000)
    wave = 0.5 * fade * fade[::-1] * np.sin(np.pi / 2 * np.arange(3 * RATE) + np.pi / 4)
    return np.stack([wave, wave], axis=1)


def test_the_levels_of_a_known_sine(tmp_path, sine):
    soundfile.write(tmp_path / "stem.wav", sine, RATE, subtype="PCM_24")
    facts = stem_facts(tmp_path / "stem.wav", range(0, 3 * RATE, 4800))
    assert facts.peak_dbfs == pytest.approx(-9.03, abs=0.01)
    assert facts.true_peak_dbtp == pytest.approx(-6.02, abs=0.05)
    assert facts.loudness_lufs == pytest.approx(-6.02 + 3.3, abs=0.3)  # K-weighting lifts 12 kHz by about 4 dB
    assert facts.click_ratio is not None
    assert facts.click_ratio <= 1.5
    assert facts.clipped_samples == 0


def test_clipping_is_counted_in_every_channel(tmp_path, sine):
    sine[1000:1007, 0] = 1.5
    sine[9000, 1] = -1.5
    soundfile.write(tmp_path / "stem.wav", sine, RATE, subtype="PCM_24")
    facts = stem_facts(tmp_path / "stem.wav")
    assert facts.clipped_samples == 8
    assert facts.peak_dbfs == pytest.approx(0.0, abs=0.01)
    assert facts.click_ratio is None


def test_a_step_at_a_join_is_in_the_facts(tmp_path):
    tone = 0.3 * np.sin(2 * np.pi * 110 * np.arange(RATE) / RATE)
    tone[9600:] += 0.05
    soundfile.write(tmp_path / "stem.wav", tone, RATE, subtype="PCM_24")
    assert stem_facts(tmp_path / "stem.wav", [9600]).click_ratio > 10
    assert stem_facts(tmp_path / "stem.wav", [19_200]).click_ratio <= 1.5


def test_silence_has_finite_levels_and_no_loudness(tmp_path):
    soundfile.write(tmp_path / "stem.wav", np.zeros((RATE, 2)), RATE, subtype="PCM_24")
    facts = stem_facts(tmp_path / "stem.wav", range(0, RATE, 4800))
    assert (facts.peak_dbfs, facts.true_peak_dbtp) == (-100.0, -100.0)
    assert facts.loudness_lufs is None
    assert facts.click_ratio is None


@pytest.mark.parametrize("piece_samples", [1000, 9600, 65_536, 200_000])
def test_the_pieces_do_not_change_the_reading(tmp_path, piece_samples):
    noise = 0.3 * np.random.default_rng(1).standard_normal((3 * RATE, 2))
    soundfile.write(tmp_path / "stem.wav", noise, RATE, subtype="PCM_24")
    joins = range(0, 3 * RATE, 9600)
    assert stem_facts(tmp_path / "stem.wav", joins, piece_samples) == stem_facts(tmp_path / "stem.wav", joins, 777)

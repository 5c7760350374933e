"""A WAV file of known length: byte for byte what libsndfile writes, hashed on the way, readable after a kill."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ensemble.audio.compare import samples_sha256
from ensemble.audio.wav_writer import WavWriter, steps_of

RATE = 48_000


@pytest.fixture
def noise() -> np.ndarray:
    """Two seconds, beyond full scale now and then, with exact full scale and tiny values.  [2, samples]"""
    sound = np.random.default_rng(2).normal(0.0, 0.5, (2, 2 * RATE + 1)).astype(np.float32)
    sound[:, :8] = [[1.0, -1.0, 0.99999994, 1e-9, -1e-9, 2.0, -2.0, 0.0]] * 2
    return sound


@pytest.mark.parametrize("piece_samples", [1, 1777, 10**6])
def test_the_bytes_are_those_of_libsndfile_whatever_the_pieces(
    noise: np.ndarray, tmp_path: Path, piece_samples: int
) -> None:
    sound = noise if piece_samples > 1 else noise[:, :500]
    soundfile.write(tmp_path / "theirs.wav", sound.T, RATE, "PCM_24")
    ours = WavWriter(tmp_path / "ours.wav", RATE, 2, sound.shape[1])
    for start in range(0, sound.shape[1], piece_samples):
        ours.write(steps_of(sound[:, start : start + piece_samples]))
    sha256, of_samples = ours.close()
    content = (tmp_path / "ours.wav").read_bytes()
    assert content == (tmp_path / "theirs.wav").read_bytes()
    assert sha256 == hashlib.sha256(content).hexdigest()
    assert of_samples == samples_sha256(tmp_path / "theirs.wav")


def test_what_was_written_is_there_although_nobody_closed_the_file(noise: np.ndarray, tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "cut.wav", RATE, 2, noise.shape[1])
    writer.write(steps_of(noise[:, :1000]))
    assert (tmp_path / "cut.wav").stat().st_size == 44 + 1000 * 6
    writer.abandon()


def test_a_file_of_another_length_than_announced_is_a_fault(noise: np.ndarray, tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "short.wav", RATE, 2, noise.shape[1])
    writer.write(steps_of(noise[:, :1000]))
    with pytest.raises(ValueError, match="holds 1000 of 96001 samples"):
        writer.close()
    writer.abandon()

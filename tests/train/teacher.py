"""A teacher: a formula whose brightness follows its dynamics plays random phrases, so that every truth is known."""

from __future__ import annotations

import numpy as np

from ensemble.clock import hop_samples
from ensemble.listen.loudness import loudness_db
from ensemble.play.noise import filtered_noise, noise_key
from ensemble.play.oscillator import harmonic_bank, nyquist_taper
from ensemble.train.recordings import TrainingRecording, held_pitch


def phrase(seed: int, num_frames: int = 600, sample_rate: int = 16_000, noise: float = 0.02) -> TrainingRecording:
    """Notes of a quarter to one second with vibrato, swelling and fading."""
    draw = np.random.default_rng(seed)
    f0_hz, level = np.zeros(num_frames, np.float32), np.zeros(num_frames, np.float32)
    start = 5
    while start < num_frames - 30:
        length = min(int(draw.integers(25, 90)), num_frames - 6 - start)
        time_s = np.arange(length) / 100
        vibrato = 0.15 * np.sin(2 * np.pi * 5 * time_s)
        f0_hz[start : start + length] = 440 * 2 ** ((draw.integers(57, 84) - 69 + vibrato) / 12)
        shape = np.minimum(1, np.minimum(time_s / 0.05, (length / 100 - time_s) / 0.06))
        level[start : start + length] = shape * 10 ** (draw.uniform(-25, -10) / 20)
        start += length + int(draw.integers(0, 10))
    held = held_pitch(f0_hz)
    number = np.arange(1, 101)
    steepness = 1.2 - 20 * np.log10(level[:, None] + 1e-4) / 40
    harmonics = number**-steepness * np.where(number % 2, 1.0, 0.6)
    harmonics *= 0.8 * level[:, None] / harmonics.sum(axis=1, keepdims=True)
    amplitudes = (harmonics * nyquist_taper(held, 100, sample_rate)).astype(np.float32)
    samples, _ = harmonic_bank(held[None, :-1], held[None, 1:], amplitudes[None], np.zeros(1), sample_rate)
    magnitudes = (noise * level[:, None] * np.exp(-np.arange(65) / 25)).astype(np.float32)
    samples += filtered_noise(magnitudes, noise_key(seed, "teacher"), 0, sample_rate)
    samples = np.append(samples, np.zeros(hop_samples(sample_rate), np.float32))
    return TrainingRecording(
        name=f"phrase {seed}",
        samples=samples,
        sample_rate=sample_rate,
        f0_hz=held,
        loudness_db=loudness_db(samples, sample_rate, num_frames),
        is_voiced=f0_hz > 0,
        licence="ours",
    )

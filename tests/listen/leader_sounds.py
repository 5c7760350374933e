"""Leaders with known answers: tones, tunes, chords, clicks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ensemble.types.music import AudioClip

RATE = 16_000
TWINKLE = (60, 60, 67, 67, 69, 69, 67, 65, 65, 64, 64, 62, 62, 60,
           67, 67, 65, 65, 64, 64, 62, 67, 67, 65, 65, 64, 64, 62,
           60, 60, 67, 67, 69, 69, 67, 65, 65, 64, 64, 62, 62, 60)  # fmt: skip
TWINKLE_BEATS = (1, 1, 1, 1, 1, 1, 2) * 6


def clip_of(samples: np.ndarray, sample_rate: int = RATE) -> AudioClip:
    return AudioClip(samples=np.atleast_2d(samples).astype(np.float32), sample_rate=sample_rate)


def sine(frequency_hz: float, duration_s: float, peak: float = 0.5, sample_rate: int = RATE) -> np.ndarray:
    time_s = np.arange(round(duration_s * sample_rate)) / sample_rate
    return peak * np.sin(2 * np.pi * frequency_hz * time_s)


def tone(midi: float, duration_s: float, peak: float = 0.3, num_harmonics: int = 8) -> np.ndarray:
    """One plucked note with harmonics 1/k."""
    time_s = np.arange(round(duration_s * RATE)) / RATE
    frequency_hz = 440 * 2 ** ((midi - 69) / 12)
    wave = sum(np.sin(2 * np.pi * frequency_hz * k * time_s) / k for k in range(1, num_harmonics + 1))
    shape = np.minimum(1, time_s / 0.01) * np.exp(-1.5 * time_s) * np.minimum(1, (duration_s - time_s) / 0.02)
    return peak * shape * wave


def tune(notes_midi: Sequence[float], beats: Sequence[float], tempo_bpm: float) -> np.ndarray:
    """Notes one after the other."""
    return np.concatenate([tone(midi, 60 / tempo_bpm * long) for midi, long in zip(notes_midi, beats, strict=True)])


def chords(triads: Sequence[Sequence[float]], duration_s: float) -> np.ndarray:
    """Several notes at a time."""
    return np.concatenate([sum(tone(midi, duration_s, peak=0.12) for midi in triad) for triad in triads])


def clicks(tempo_bpm: float, duration_s: float, first_s: float = 0.3, accents: Sequence[float] = (1.0,)) -> np.ndarray:
    """A metronome."""
    samples = np.zeros(round(duration_s * RATE))
    time_s = np.arange(480) / RATE
    click = 0.5 * np.sin(2 * np.pi * 1500 * time_s) * np.exp(-120 * time_s)
    for number, start_s in enumerate(np.arange(first_s, duration_s - 0.05, 60 / tempo_bpm)):
        start = round(start_s * RATE)
        samples[start : start + 480] += accents[number % len(accents)] * click
    return samples


def vibrato(midi: float, duration_s: float, depth_cents: float) -> np.ndarray:
    """One sung note whose pitch swings 5.8 times a second."""
    time_s = np.arange(round(duration_s * RATE)) / RATE
    swing = depth_cents / 1200 * np.sin(2 * np.pi * 5.8 * time_s) * np.minimum(1, time_s / 0.2)
    phase = np.cumsum(440 * 2 ** ((midi - 69) / 12 + swing)) / RATE
    shape = np.minimum(1, time_s / 0.06) * np.minimum(1, (duration_s - time_s) / 0.05)
    return 0.3 * shape * sum(np.sin(2 * np.pi * k * phase) / k for k in range(1, 9))

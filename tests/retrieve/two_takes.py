"""Three little pieces, each played twice: plainly, and brighter, transposed and at another tempo."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass

import numpy as np

from ensemble.listen.listener import Listener
from ensemble.retrieve.library.exact import ExactStore
from ensemble.retrieve.library.library import rows_of
from ensemble.retrieve.search.describe import describe
from ensemble.types.described import Described, IndexedRecording
from ensemble.types.music import AudioClip, Heard

RATE = 16_000
NUM_NOTES = 48
PLAIN = tuple(1 / number for number in range(1, 9))
BRIGHT = tuple(1 / np.sqrt(number) * (1.0 if number % 2 else 0.7) for number in range(1, 9))


@dataclass(frozen=True)
class Take:
    clip: AudioClip
    heard: Heard
    described: Described
    note_s: float
    """Length of a note, one beat."""


def clip_of(samples: np.ndarray) -> AudioClip:
    return AudioClip(samples=np.atleast_2d(samples).astype(np.float32), sample_rate=RATE)


def note(midi: float, duration_s: float, harmonics: tuple[float, ...], peak: float = 0.1) -> np.ndarray:
    time_s = np.arange(round(duration_s * RATE)) / RATE
    frequency_hz = 440 * 2 ** ((midi - 69) / 12)
    wave = sum(height * np.sin(2 * np.pi * frequency_hz * k * time_s) for k, height in enumerate(harmonics, start=1))
    shape = np.minimum(1, time_s / 0.01) * np.exp(-2.0 * time_s) * np.minimum(1, (duration_s - time_s) / 0.02)
    return np.asarray(peak * shape * wave)


def melody(piece: int) -> tuple[np.ndarray, np.ndarray]:
    """Pitches and strengths of a piece's notes."""
    rng = np.random.Generator(np.random.Philox(100 + piece))
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12])
    return 60 + 2 * piece + scale[rng.integers(0, 8, NUM_NOTES)], rng.uniform(0.5, 1.0, NUM_NOTES)


def play(piece: int, *, tempo_bpm: float, semitones: int = 0, harmonics: tuple[float, ...] = PLAIN) -> np.ndarray:
    pitches, strengths = melody(piece)
    parts = [
        strength * note(pitch + semitones, 60 / tempo_bpm, harmonics)
        for pitch, strength in zip(pitches, strengths, strict=True)
    ]
    return np.concatenate(parts)


def recording_of(samples: np.ndarray, title: str) -> IndexedRecording:
    content = hashlib.sha256(samples.tobytes()).hexdigest()
    return IndexedRecording(
        sha256=content, path=f"/music/{title}.wav", title=title, licence="CC0", duration_s=len(samples) / RATE
    )


def take_of(samples: np.ndarray, title: str, note_s: float) -> Take:
    clip = clip_of(samples)
    heard = Listener().listen(clip)
    return Take(clip, heard, describe(clip, recording_of(samples, title), heard), note_s)


@functools.cache
def plain(piece: int) -> Take:
    return take_of(play(piece, tempo_bpm=120), f"plain {piece}", 0.5)


@functools.cache
def other(piece: int) -> Take:
    """Three semitones up, 4 % faster, another instrument."""
    samples = play(piece, tempo_bpm=120 * 1.04, semitones=3, harmonics=BRIGHT)
    return take_of(samples, f"other {piece}", 0.5 / 1.04)


def store_of(*all_described: Described) -> ExactStore:
    store = ExactStore()
    for described in all_described:
        store.add(rows_of(described))
    return store

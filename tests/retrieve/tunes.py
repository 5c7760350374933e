"""Small pieces with known beats, keys and notes, and a shelf of recordings of them that can be searched."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ensemble.audio.files import read_clip, write_clip
from ensemble.listen.listener import Listener, at_analysis_rate
from ensemble.retrieve.library.exact import ExactStore
from ensemble.retrieve.library.library import rows_of
from ensemble.retrieve.search.describe import describe
from ensemble.types.continuation import ContinuationQuery
from ensemble.types.described import Described, IndexedRecording
from ensemble.types.music import AudioClip, Heard

RATE = 16_000
SCALE = (0, 2, 4, 5, 7, 9, 11)
TRIADS = ((0, 2, 4), (3, 5, 7), (4, 6, 8), (5, 7, 9), (1, 3, 5))


def note(midi: float, duration_s: float, rate: int, brightness: float) -> np.ndarray:
    """One plucked string."""
    time_s = np.arange(round(duration_s * rate)) / rate
    hz = 440 * 2 ** ((midi - 69) / 12)
    partials = [number for number in range(1, 9) if number * hz < 0.45 * rate]
    wave = sum(
        np.sin(2 * np.pi * k * hz * time_s + k * k) / k**brightness * np.exp(-(1 + 0.4 * k) * time_s) for k in partials
    )
    return wave * np.minimum(1, time_s / 0.004) * np.minimum(1, np.maximum(duration_s - time_s, 0) / 0.02)


def tune(
    seed: int, num_beats: int, *, tempo_bpm: float = 110.0, semitones: float = 0.0, brightness: float = 1.2,
    level: float = 0.1, rate: int = RATE,
) -> np.ndarray:  # fmt: skip
    """A melody on every beat, some between, and a triad every four; beat n is struck at 60 n / tempo.  [samples]"""
    rng = np.random.Generator(np.random.Philox(seed))
    beat_s = 60 / tempo_bpm
    sound = np.zeros(round((num_beats * beat_s + 0.3) * rate))
    place = 4
    for beat in range(num_beats):
        place = int(np.clip(place + rng.integers(-3, 4), 0, 11))
        written = [(beat, 1.0, 60 + 12 * (place // 7) + SCALE[place % 7])]
        if rng.random() < 0.4:
            written.append((beat + 0.5, 0.5, 60 + SCALE[(place + 2) % 7]))
        if beat % 4 == 0:
            triad = TRIADS[int(rng.integers(len(TRIADS)))]
            written += [(beat, 4.0, 48 + 12 * (step // 7) + SCALE[step % 7]) for step in triad]
        for start_beat, beats, midi in written:
            wave = note(midi + semitones, beats * beat_s, rate, brightness)
            start = round(start_beat * beat_s * rate)
            room = len(sound) - start
            sound[start : start + len(wave)] += level * wave[:room]
    return sound.astype(np.float32)


def clip_of(samples: np.ndarray, rate: int = RATE) -> AudioClip:
    return AudioClip(samples=np.ascontiguousarray(np.atleast_2d(samples), dtype=np.float32), sample_rate=rate)


@dataclass
class Shelf:
    """Recordings in files, described and ready to be searched."""

    known: dict[str, Described]

    def described(self, sha256: str) -> Described:
        return self.known[sha256]

    def store(self, order: Sequence[str] | None = None) -> ExactStore:
        store = ExactStore()
        for sha256 in order or self.known:
            store.add(rows_of(self.known[sha256]))
        return store

    def titled(self, title: str) -> Described:
        return next(one for one in self.known.values() if one.recording.title == title)

    def only(self, *titles: str) -> Shelf:
        return Shelf({sha256: one for sha256, one in self.known.items() if one.recording.title in titles})


def shelf_of(folder: Path, sounds: dict[str, AudioClip]) -> Shelf:
    known = {}
    for title, clip in sounds.items():
        path = folder / f"{title}.wav"
        write_clip(path, clip)
        heard_clip = at_analysis_rate(read_clip(path))
        recording = IndexedRecording(
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(), path=str(path), title=title, licence="CC0-1.0",
            duration_s=clip.duration_s,
        )  # fmt: skip
        known[recording.sha256] = describe(heard_clip, recording, Listener().listen(heard_clip))
    return Shelf(known)


def wish_for(
    leader: AudioClip, extend_s: float, top_k: int, *, tail_s: float = 12.0
) -> tuple[Heard, ContinuationQuery]:
    """What a leader would ask for."""
    heard_clip = at_analysis_rate(leader)
    start = max(leader.num_samples - round(tail_s * leader.sample_rate), 0)
    tail = clip_of(leader.samples[:, start:], leader.sample_rate)
    wish = ContinuationQuery(leader=heard_clip, tail=tail, tail_start_sample=start, extend_s=extend_s, top_k=top_k)
    return Listener().listen(heard_clip), wish

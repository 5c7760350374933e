"""Leaders made by hand: chords, tempo and a melody become a `Heard`, and what was played becomes pitches per frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np

from ensemble.types.music import SILENCE_DB, Chord, FloatArray, Frames, Heard, Key, Note, Part, Quality

LOOP: tuple[tuple[int, Quality], ...] = ((0, "maj"), (9, "min"), (5, "maj"), (7, "7"))
MELODY = (
    (76, 1.0), (74, 0.5), (72, 0.5), (79, 1.0), (76, 1.0),
    (72, 1.5), (71, 0.5), (69, 2.0),
    (69, 0.5), (72, 0.5), (77, 1.0), (76, 0.5), (74, 0.5), (72, 1.0),
    (74, 1.0), (71, 1.0), (67, 2.0),
)  # fmt: skip
"""(written pitch or 0 for a rest, beats): four bars over the loop, with passing tones."""


def heard_of(
    *,
    bars: int = 8,
    bpm: float = 120.0,
    loop: Sequence[tuple[int, Quality]] = LOOP,
    melody: Sequence[tuple[int, float]] = MELODY,
    beats_per_bar: int = 4,
    first_beat_s: float = 0.0,
    tuning_cents: float = 0.0,
    key: Key | None = None,
    silent_beats: tuple[int, int] = (0, 0),
) -> Heard:
    """A leader who plays `melody` over and over on a plucked string, one chord of `loop` per bar."""
    num_beats = bars * beats_per_bar
    beat_s = 60.0 / bpm
    beats = first_beat_s + beat_s * np.arange(num_beats)
    num_frames = round((first_beat_s + num_beats * beat_s) * 100)
    f0, loudness, onset = np.zeros(num_frames), np.full(num_frames, SILENCE_DB), np.zeros(num_frames)
    place, index = 0.0, 0
    while place < num_beats:
        pitch, length = melody[index % len(melody)]
        start = round((first_beat_s + place * beat_s) * 100)
        stop = round((first_beat_s + (place + length) * beat_s) * 100) - 2
        if pitch and not silent_beats[0] <= place < silent_beats[1]:
            span = np.arange(start, min(stop, num_frames))
            f0[span] = 440.0 * 2 ** ((pitch - 69 + tuning_cents / 100) / 12)
            loudness[span] = -22.0 - 0.08 * (span - start)
            onset[start : start + 2] = (1.0, 0.4)
        place, index = place + length, index + 1
    chroma = np.zeros((12, num_frames))
    voiced = np.flatnonzero(f0)
    chroma[np.round(69 + 12 * np.log2(f0[voiced] / 440)).astype(int) % 12, voiced] = 1.0
    frames = frames_of(f0, loudness, onset, chroma)
    chords = tuple(
        Chord(root=loop[beat // beats_per_bar % len(loop)][0], quality=loop[beat // beats_per_bar % len(loop)][1])
        for beat in range(num_beats)
    )
    return Heard(
        frames=frames, beats_s=beats, tempo_bpm=bpm, beats_per_bar=beats_per_bar, first_downbeat=0,
        key=key or Key(tonic=0, mode="major"), chords=chords, tuning_cents=tuning_cents,
    )  # fmt: skip


def frames_of(f0: np.ndarray, loudness: np.ndarray, onset: np.ndarray, chroma: np.ndarray) -> Frames:
    return Frames(
        f0_hz=f0.astype(np.float32),
        loudness_db=loudness.astype(np.float32),
        confidence=np.where(f0 > 0, 0.95, 0.0).astype(np.float32),
        onset=onset.astype(np.float32),
        chroma=chroma.astype(np.float32),
    )


def cut(heard: Heard, beat: int) -> Heard:
    """The same leader, broken off where a beat begins."""
    stop = round(float(heard.beats_s[beat]) * 100)
    frames = heard.frames
    shorter = Frames(
        f0_hz=frames.f0_hz[:stop], loudness_db=frames.loudness_db[:stop], confidence=frames.confidence[:stop],
        onset=frames.onset[:stop], chroma=frames.chroma[:, :stop],
    )  # fmt: skip
    return Heard(
        frames=shorter, beats_s=heard.beats_s[:beat], tempo_bpm=heard.tempo_bpm, beats_per_bar=heard.beats_per_bar,
        first_downbeat=heard.first_downbeat, key=heard.key, chords=heard.chords[:beat],
        tuning_cents=heard.tuning_cents,
    )  # fmt: skip


def pitches(notes: Sequence[Note], num_frames: int, num_voices: int = 6) -> FloatArray:
    """Written pitch per voice and frame, NaN where a voice rests.  [voices, frames]"""
    roll = np.full((num_voices, num_frames), np.nan, np.float32)
    for note in notes:
        roll[note.voice, note.start_frame : note.stop_frame] = note.pitch_midi
    return roll


def of(part: object) -> Part:
    assert isinstance(part, Part)
    return part


def restless(seed: int, metre: int | None = None) -> Heard:
    """A leader without manners: any chord on any beat, wandering tempo, wide leaps, long silences, odd bars."""
    rng = np.random.default_rng(seed)
    bpm, num_beats, beats_per_bar = rng.uniform(45, 220), int(rng.integers(30, 90)), int(rng.integers(2, 7))
    beats_per_bar = metre or beats_per_bar
    beats = rng.uniform(0, 2) + np.cumsum(rng.uniform(0.85, 1.15, num_beats) * 60 / bpm)
    num_frames = int(beats[-1] * 100 + rng.integers(0, 60))
    midi = np.repeat(rng.choice([0, 0, 55, 60, 64, 67, 70, 88, 40.4], num_frames // 13 + 1), 13)[:num_frames]
    for _ in range(2):
        start = int(rng.integers(0, num_frames))
        midi[start : start + int(rng.integers(0, 700))] = 0
    f0 = np.where(midi > 0, 440 * 2 ** ((midi + rng.normal(0, 0.2, num_frames) - 69) / 12), 0)
    loudness = np.where(midi > 0, -20 + 6 * np.sin(np.arange(num_frames) / 300), SILENCE_DB)
    onset, chroma = rng.random(num_frames) ** 6, rng.random((12, num_frames))
    downbeat, key = int(rng.integers(0, beats_per_bar)), Key(tonic=int(rng.integers(12)), mode="minor")
    return Heard(
        frames=frames_of(f0, loudness, onset, chroma), beats_s=beats, tempo_bpm=float(bpm),
        beats_per_bar=beats_per_bar, first_downbeat=downbeat, key=key, tuning_cents=10.0,
        chords=tuple(_any_chord(rng) for _ in range(num_beats)),
    )  # fmt: skip


def _any_chord(rng: np.random.Generator) -> Chord:
    """Of any quality, every fourth over any bass; or none."""
    quality = get_args(Quality)[rng.integers(len(get_args(Quality)))]
    root, bass = rng.integers(12).item(), rng.integers(12).item()
    return Chord(root=root, quality=quality, bass=bass if quality != "none" and rng.random() < 0.25 else None)

"""Pieces made by hand for a conductor: one curve is shared, every part follows it with its own level and lag."""

from __future__ import annotations

import numpy as np

from ensemble.train.conductor.material import PlayedPart, PlayedPiece, StrokeTimes, is_playing
from ensemble.types.music import SILENCE_DB, Chord, Frames, Heard, Key

PARTS = (("cello", "bass", 1.0, 2), ("flute", "counter", -1.0, 4), ("violin", "counter", 0.0, 0))
"""Instrument, role, level in dB against the shared curve, lag in conductor frames."""
DRUMS_GAIN = 0.2


def shared_curve(number: int, num_frames: int) -> np.ndarray:
    """Levels between -45 and -15 dB that change every two seconds.  [conductor frames]"""
    rng = np.random.Generator(np.random.Philox(number))
    steps = np.repeat(rng.uniform(-45.0, -15.0, num_frames // 50 + 1), 50)[:num_frames]
    return np.convolve(np.pad(steps, (20, 20), mode="edge"), np.ones(41) / 41, mode="valid")


def heard_playing(level_db: np.ndarray) -> Heard:
    """A leader who holds one tone at these levels, at 120 bpm.  [conductor frames]"""
    control = np.repeat(level_db, 4).astype(np.float32)
    num = len(control)
    frames = Frames(
        f0_hz=np.where(control > -70, 440.0, 0.0).astype(np.float32),
        loudness_db=control,
        confidence=np.ones(num, np.float32),
        onset=np.zeros(num, np.float32),
        chroma=np.tile(np.eye(12, dtype=np.float32)[:, [9]], (1, num)),
    )
    beats = np.arange(0.0, num / 100, 0.5)
    chord = Chord(root=9, quality="min")
    return Heard(
        frames=frames, beats_s=beats, tempo_bpm=120.0, beats_per_bar=4, first_downbeat=0,
        key=Key(tonic=9, mode="minor"), chords=(chord,) * len(beats), tuning_cents=0.0,
    )  # fmt: skip


def played_piece(number: int, num_frames: int = 250, noise_db: float = 1.0) -> PlayedPiece:
    """Three pitched parts and a drummer who strikes the kick on every beat and the snare on every second one, and who
    hardly follows the curve."""
    rng = np.random.Generator(np.random.Philox(1000 + number))
    curve = shared_curve(number, num_frames)
    parts = []
    for index, (instrument, role, level_db, lag) in enumerate(PARTS):
        late = np.concatenate([np.repeat(curve[:1], lag), curve])[:num_frames]
        level = (late + level_db + noise_db * rng.standard_normal(num_frames)).astype(np.float32)
        level[40 * index + 60 : 40 * index + 80] = SILENCE_DB  # a rest
        part = PlayedPart(
            name=f"S{index:02d}", instrument=instrument, role=role, loudness_db=level, is_playing=is_playing(level),
            heard=heard_playing(level),
        )  # fmt: skip
        parts.append(part)
    beats = np.arange(0.0, num_frames / 25, 0.5)
    time = np.concatenate([beats, beats[1::2]])
    order = np.argsort(time, kind="stable")
    strokes = StrokeTimes(
        time_s=time[order] + 0.01,
        drum=np.array([0] * len(beats) + [1] * len(beats[1::2]))[order],
        velocity=np.full(len(time), 0.75, np.float32),
    )
    level = (DRUMS_GAIN * (curve + 30.0) - 36.0).astype(np.float32)
    drums = PlayedPart(
        name="S03", instrument="drums", role="drums", loudness_db=level, is_playing=is_playing(level), strokes=strokes
    )
    return PlayedPiece(name=f"hand/{number}", parts=(*parts, drums))

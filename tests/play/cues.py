"""Cues to play, and ways to cut them up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ensemble.clock import FRAME_RATE_HZ, blocks
from ensemble.play.quantum import Player
from ensemble.types.music import Cue, FloatArray, Hit


def held_note(f0_hz: float, num_frames: int, loudness_db: float = -20.0) -> Cue:
    """One steady note."""
    f0 = np.full((1, num_frames), f0_hz, np.float32)
    return Cue(
        part="part",
        start_frame=0,
        f0_hz=f0,
        level_db=np.zeros_like(f0),
        loudness_db=np.full(num_frames, loudness_db, np.float32),
        is_last=True,
    )


def phrase(num_frames: int, num_voices: int = 1) -> Cue:
    """Gliding voices that rest for 8 frames in every 50, under moving dynamics."""
    time_s = np.arange(num_frames) / FRAME_RATE_HZ
    f0 = np.stack([196.0 * (1 + voice / 4) * 2 ** (0.4 * np.sin(1.3 * time_s + voice)) for voice in range(num_voices)])
    f0[:, np.arange(num_frames) % 50 >= 42] = 0.0
    return Cue(
        part="part",
        start_frame=0,
        f0_hz=f0.astype(np.float32),
        level_db=np.zeros((num_voices, num_frames), np.float32),
        loudness_db=(-24.0 + 8.0 * np.sin(time_s)).astype(np.float32),
        is_last=True,
    )


def drum_cue(hits: tuple[Hit, ...], num_frames: int, loudness_db: float = -20.0) -> Cue:
    """Strokes under steady dynamics."""
    none = np.zeros((0, num_frames), np.float32)
    loudness = np.full(num_frames, loudness_db, np.float32)
    return Cue(part="drums", start_frame=0, f0_hz=none, level_db=none, loudness_db=loudness, hits=hits, is_last=True)


def cut(cue: Cue, block_frames: int) -> Iterator[Cue]:
    """The same cue in blocks."""
    for block in blocks(cue.num_frames, block_frames):
        part = slice(block.start_frame, block.stop_frame)
        yield replace(
            cue,
            start_frame=block.start_frame,
            f0_hz=cue.f0_hz[:, part],
            level_db=cue.level_db[:, part],
            loudness_db=cue.loudness_db[part],
            hits=tuple(hit for hit in cue.hits if block.start_frame <= hit.time_s * FRAME_RATE_HZ < block.stop_frame),
            is_last=block.is_last,
        )


def played(player: Player, cue: Cue, block_frames: int | None = None) -> FloatArray:
    """What the whole cue sounds like, in blocks or at once."""
    state, pieces, position = player.start(), [], 0
    for block in cut(cue, block_frames or cue.num_frames):
        stem, state = player.play(block, state)
        assert stem.start_sample == position
        position += stem.clip.num_samples
        pieces.append(stem.clip.samples[0])
    return np.concatenate(pieces)


def power_db(samples: FloatArray) -> float:
    """Mean power in dB; a full-scale sine is -3."""
    return float(10.0 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-30))


def spectrum(samples: FloatArray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies and power of a whole recording, under a window whose side lobes lie below -150 dB."""
    window = np.kaiser(len(samples), 24.0)
    power = np.abs(np.fft.rfft(samples.astype(np.float64) * window)) ** 2
    return np.fft.rfftfreq(len(samples), 1.0 / sample_rate), power


def main_pitch_hz(samples: FloatArray, sample_rate: int) -> float:
    """The strongest partial, by a parabola through its logarithmic peak."""
    hz, power = spectrum(samples, sample_rate)
    top = int(np.argmax(power))
    left, middle, right = np.log(power[top - 1 : top + 2])
    return float(hz[top] + 0.5 * (left - right) / (left - 2 * middle + right) * hz[1])

"""The leader's line as notes: for MIDI, for a follower that doubles it, and in another voice's range."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.grid import SOUNDING_DB
from ensemble.conduct.leader import CLEAR_CONFIDENCE, onset_frames, pitch_midi
from ensemble.conduct.shaping import Written
from ensemble.types import SILENCE_DB, Frames, Heard, Note, Part

_SHORTEST_FRAMES = 6
_BRIDGED_FRAMES = 3
_NEW_PITCH_SEMITONES = 0.65
_NEW_PITCH_FRAMES = 5
_LOUDEST_VELOCITY_DB, _VELOCITY_PER_DB = -12.0, 2.0


class Sung(NamedTuple):
    """One note of the leader: frames [start, stop), median written pitch, velocity by its loudest frame."""

    start: int
    stop: int
    pitch_midi: float
    velocity: int


def segment(heard: Heard) -> list[Sung]:
    """Cut the leader's f0 into notes.

    A note ends where the line goes silent for more than 30 ms, where it is struck again, or where the pitch has been
    more than 0.65 semitones away for 50 ms (so vibrato is no trill). Notes under 60 ms are dropped. Looks 50 ms ahead.
    """
    midi = pitch_midi(heard.frames, heard.tuning_cents)
    clear = np.isfinite(midi) & (heard.frames.confidence >= CLEAR_CONFIDENCE)
    clear &= heard.frames.loudness_db > SOUNDING_DB
    cuts = _cuts(np.where(clear, midi, np.nan), set(onset_frames(heard.frames).tolist()))
    return [_sung(start, stop, midi, clear, heard.frames) for start, stop in cuts if stop - start >= _SHORTEST_FRAMES]


def _cuts(midi: NDArray[np.float64], struck: set[int]) -> list[tuple[int, int]]:
    """Where notes start and stop, in one pass."""
    cuts: list[tuple[int, int]] = []
    start, last, away, centre = -1, -1, 0, 0.0
    for frame, pitch in enumerate(midi.tolist()):
        if pitch != pitch:  # noqa: PLR0124 - not a number: nothing clear here
            if start >= 0 and frame - last > _BRIDGED_FRAMES:
                cuts.append((start, last + 1))
                start = -1
            continue
        away = away + 1 if start >= 0 and abs(pitch - centre) > _NEW_PITCH_SEMITONES else 0
        is_new_pitch = away >= _NEW_PITCH_FRAMES
        is_struck = start >= 0 and frame in struck and frame - start >= _SHORTEST_FRAMES
        if start < 0 or is_struck or is_new_pitch:
            begin = frame - away + 1 if is_new_pitch else frame
            if start >= 0:
                cuts.append((start, min(begin, last + 1)))
            start, centre, away = begin, pitch, 0
        elif not away:
            centre += (pitch - centre) / min(frame - start + 1, 20)
        last = frame
    if start >= 0:
        cuts.append((start, last + 1))
    return cuts


def _sung(start: int, stop: int, midi: NDArray[np.float64], clear: NDArray[np.bool_], frames: Frames) -> Sung:
    inside = slice(start, stop)
    loudest = float(frames.loudness_db[inside].max())
    velocity = int(np.clip(round(110 + _VELOCITY_PER_DB * (loudest - _LOUDEST_VELOCITY_DB)), 30, 120))
    return Sung(start, stop, float(np.median(midi[inside][clear[inside]])), velocity)


def octaves_into(pitch: float, pitch_range: tuple[int, int]) -> int:
    """The smallest number of octaves that brings a pitch into a range of an octave or more."""
    low, high = pitch_range
    octaves = 0
    while round(pitch) + 12 * octaves < low:
        octaves += 1
    while round(pitch) + 12 * octaves > high:
        octaves -= 1
    return octaves


def write_double(heard: Heard, pitch_range: tuple[int, int]) -> list[Written]:
    """The leader's melody in a follower's range, in its own articulation.

    The octave stays as it is until a note would leave the range, so that a melody is not broken without need.
    """
    written: list[Written] = []
    octaves = 0
    for sung in segment(heard):
        pitch = round(sung.pitch_midi)
        if not pitch_range[0] <= pitch + 12 * octaves <= pitch_range[1]:
            octaves = octaves_into(pitch, pitch_range)
        start_s, stop_s = sung.start / FRAME_RATE_HZ, sung.stop / FRAME_RATE_HZ
        written.append(Written(start_s, stop_s, pitch + 12 * octaves, sung.velocity))
    return written


def transform(name: str, heard: Heard, pitch_range: tuple[int, int], num_frames: int) -> Part:
    """The leader's own f0, untouched but for octaves, and only in those phrases that lie outside the range.

    A phrase is a run of voiced frames and moves as one; only where it is wider than the range do single notes leave it.
    Its loudness is the leader's own, so `level_db` is 0 where the leader is voiced. The notes are for MIDI.
    """
    f0_hz = heard.frames.f0_hz
    midi = pitch_midi(heard.frames, heard.tuning_cents)
    is_voiced = np.concatenate([[False], f0_hz > 0, [False]])
    edges = np.flatnonzero(np.diff(is_voiced.astype(np.int8)))
    octaves = np.zeros(len(f0_hz), np.int64)
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        octaves[start:stop] = octaves_into(float(np.median(midi[start:stop])), pitch_range)
    line = segment(heard)
    for sung in line:
        if not pitch_range[0] <= round(sung.pitch_midi) + 12 * octaves[sung.start] <= pitch_range[1]:
            octaves[sung.start : sung.stop] = octaves_into(sung.pitch_midi, pitch_range)
    played = np.zeros((1, num_frames), np.float32)
    level = np.full((1, num_frames), SILENCE_DB, np.float32)
    length = min(len(f0_hz), num_frames)
    played[0, :length] = (f0_hz * np.exp2(octaves).astype(np.float32))[:length]
    level[0, :length][f0_hz[:length] > 0] = 0.0
    notes = tuple(
        Note(
            start_frame=sung.start, stop_frame=min(sung.stop, num_frames), velocity=sung.velocity,
            pitch_midi=sung.pitch_midi + 12 * int(octaves[sung.start]),
        )
        for sung in line
        if sung.start < num_frames
    )  # fmt: skip
    return Part(name=name, notes=notes, f0_hz=played, level_db=level)

"""Writes parts that follow the leader's own line: a double of its melody, and its pitch curve for another voice."""

from __future__ import annotations

import numpy as np

from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.notes import pitch_midi, segment
from ensemble.conduct.shaping import WrittenNote
from ensemble.types.music import SILENCE_DB, Heard, Note, Part


def octaves_into(pitch: float, pitch_range: tuple[int, int]) -> int:
    """The smallest shift in octaves that brings a pitch into a range of an octave or more."""
    low, high = pitch_range
    octaves = 0
    while round(pitch) + 12 * octaves < low:
        octaves += 1
    while round(pitch) + 12 * octaves > high:
        octaves -= 1
    return octaves


def write_double(heard: Heard, pitch_range: tuple[int, int]) -> list[WrittenNote]:
    """Write the leader's melody as notes in a follower's range.

    The octave is changed only where a note would leave the range, so that the melody is broken as rarely as possible.
    """
    written: list[WrittenNote] = []
    octaves = 0
    for note in segment(heard):
        pitch = round(note.pitch_midi)
        if not pitch_range[0] <= pitch + 12 * octaves <= pitch_range[1]:
            octaves = octaves_into(pitch, pitch_range)
        start_s, stop_s = note.start / FRAME_RATE_HZ, note.stop / FRAME_RATE_HZ
        written.append(WrittenNote(start_s, stop_s, pitch + 12 * octaves, note.velocity))
    return written


def transform(name: str, heard: Heard, pitch_range: tuple[int, int], num_frames: int) -> Part:
    """Make a part of the leader's own f0 curve, shifted by octaves only where it lies outside the range.

    A run of voiced frames is shifted as a whole; single notes that are still outside the range are shifted apart from
    it. `level_db` is 0 where the leader is voiced, since the dynamics of this part are the leader's own loudness.
    """
    f0_hz = heard.frames.f0_hz
    midi = pitch_midi(heard.frames, heard.tuning_cents)
    is_voiced = np.concatenate([[False], f0_hz > 0, [False]])
    edges = np.flatnonzero(np.diff(is_voiced.astype(np.int8)))
    octaves = np.zeros(len(f0_hz), np.int64)
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        octaves[start:stop] = octaves_into(float(np.median(midi[start:stop])), pitch_range)
    line = segment(heard)
    for note in line:
        if not pitch_range[0] <= round(note.pitch_midi) + 12 * octaves[note.start] <= pitch_range[1]:
            octaves[note.start : note.stop] = octaves_into(note.pitch_midi, pitch_range)
    played = np.zeros((1, num_frames), np.float32)
    level = np.full((1, num_frames), SILENCE_DB, np.float32)
    length = min(len(f0_hz), num_frames)
    played[0, :length] = (f0_hz * np.exp2(octaves).astype(np.float32))[:length]
    level[0, :length][f0_hz[:length] > 0] = 0.0
    notes = tuple(
        Note(
            start_frame=note.start, stop_frame=min(note.stop, num_frames), velocity=note.velocity,
            pitch_midi=note.pitch_midi + 12 * int(octaves[note.start]),
        )
        for note in line
        if note.start < num_frames
    )  # fmt: skip
    return Part(name=name, notes=notes, f0_hz=played, level_db=level)

"""Writes parts that follow the leader's own line: a double of its melody, and its pitch curve for another voice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.spectra import LOUDNESS_WINDOW_S, heard_since
from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.notes import LeaderNote, onset_frames, pitch_midi, segment
from ensemble.conduct.shaping import WrittenNote
from ensemble.conduct.transfer import added_db, is_sung
from ensemble.settings.transfer import Transfer
from ensemble.types.articulation import Articulation
from ensemble.types.music import SILENCE_DB, FloatArray, Heard, Note, Part

Floats = NDArray[np.float64]

_ACCENT_VELOCITIES = 12
"""By how much harder a note is than the one before if it is accented."""
_BOUND_FRAMES, _ATTACK_FRAMES = 2, 3
"""Notes are bound that follow so soon, unless there is an onset so near."""
_HALF_WINDOW_FRAMES = int(LOUDNESS_WINDOW_S / 2 * FRAME_RATE_HZ)
_BEGINNING_DB = 10 * np.log10(
    heard_since(np.arange(-_HALF_WINDOW_FRAMES, _HALF_WINDOW_FRAMES + 1) / FRAME_RATE_HZ, LOUDNESS_WINDOW_S)
)
"""How windows around a beginning hear what begins, against those that hear nothing else."""


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
    attacks, before = onset_frames(heard.frames), None
    for note in segment(heard):
        pitch = round(note.pitch_midi)
        if not pitch_range[0] <= pitch + 12 * octaves <= pitch_range[1]:
            octaves = octaves_into(pitch, pitch_range)
        start_s, stop_s = note.start / FRAME_RATE_HZ, note.stop / FRAME_RATE_HZ
        how = _articulation(before, note, attacks)
        written.append(WrittenNote(start_s, stop_s, pitch + 12 * octaves, note.velocity, articulation=how))
        before = note
    return written


def _articulation(before: LeaderNote | None, note: LeaderNote, attacks: NDArray[np.int64]) -> Articulation:
    """How the leader plays a note: out of the one before where there is no onset between them, or harder than it."""
    if before is None:
        return Articulation.PLAIN
    if note.velocity >= before.velocity + _ACCENT_VELOCITIES:
        return Articulation.ACCENTED
    if note.start - before.stop > _BOUND_FRAMES:
        return Articulation.PLAIN
    is_struck = (np.abs(attacks - note.start) <= _ATTACK_FRAMES).any()
    return Articulation.DETACHED if is_struck else Articulation.LEGATO


def transform(
    name: str, heard: Heard, pitch_range: tuple[int, int], num_frames: int, transfer: Transfer | None = None
) -> Part:
    """Make a part of the leader's own f0 curve, shifted by octaves only: glides and vibrato stay as they are.

    A run of voiced frames that lies outside the range is shifted as a whole; single notes that are still outside are
    shifted apart from it. What is no pitch (see `transfer.is_sung`) is a rest, so that a consonant becomes an
    articulation. The dynamics of this part are the leader's own loudness, and `level_db` is what a transfer adds to it.
    Where the line begins out of a rest, it rises as windows hear a sound that begins there (see `_rising`).

    Args:
        name: of the part.
        heard: the leader.
        pitch_range: of the follower, MIDI.
        num_frames: control frames of the performance.
        transfer: an octave for the whole line, and another loudness.
    """
    transfer = transfer or Transfer()
    sung = is_sung(heard.frames)
    midi = pitch_midi(heard.frames, heard.tuning_cents)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], sung, [False]]).astype(np.int8)))
    octaves = np.full(len(sung), transfer.octaves)
    for start, stop in edges.reshape(-1, 2).tolist():
        octaves[start:stop] += octaves_into(float(np.median(midi[start:stop])) + 12 * transfer.octaves, pitch_range)
    line = segment(heard)
    for note in line:
        if not pitch_range[0] <= round(note.pitch_midi) + 12 * octaves[note.start] <= pitch_range[1]:
            inside = octaves_into(note.pitch_midi + 12 * transfer.octaves, pitch_range)
            octaves[note.start : note.stop] = transfer.octaves + inside
    played = np.zeros((1, num_frames), np.float32)
    level = np.full((1, num_frames), SILENCE_DB, np.float32)
    length = min(len(sung), num_frames)
    loudness_db = heard.frames.loudness_db
    level_db = added_db(loudness_db, transfer)
    f0_hz = np.where(sung, heard.frames.f0_hz * np.exp2(octaves), 0.0)
    rest = 0
    for start, stop in edges.reshape(-1, 2).tolist():
        _rising(f0_hz, level_db, loudness_db, rest, start, stop)
        rest = stop
    played[0, :length] = f0_hz[:length]
    level[0, :length] = np.where(f0_hz > 0, level_db, SILENCE_DB)[:length]
    notes = tuple(
        Note(
            start_frame=note.start, stop_frame=min(note.stop, num_frames), velocity=note.velocity,
            pitch_midi=note.pitch_midi + 12 * int(octaves[note.start]),
        )
        for note in line
        if note.start < num_frames
    )  # fmt: skip
    return Part(name=name, notes=notes, f0_hz=played, level_db=level)


def _rising(f0_hz: Floats, level_db: FloatArray, loudness_db: FloatArray, rest: int, start: int, stop: int) -> None:
    """Let a run of voiced frames begin as voices have learned it: loudness is measured in windows, and rises before the
    note does. It never rises above what the leader sings or plays there.

    Args:
        f0_hz: the line; the frames before the run get its first pitch.  [frames]
        level_db: what is added to the leader's loudness; is lowered around the beginning.  [frames]
        loudness_db: the leader's.  [frames]
        rest: first frame of the rest before the run.
        start: first frame of the run; at frame 0 it has begun before.
        stop: first frame after it.
    """
    if not start:
        return
    first = max(start - _HALF_WINDOW_FRAMES, rest)
    around = slice(first, min(start + _HALF_WINDOW_FRAMES, stop - 1) + 1)
    rising_db = _BEGINNING_DB[first - start + _HALF_WINDOW_FRAMES :][: around.stop - first]
    asked_db = loudness_db[around] + level_db[around]
    level_db[around] = np.minimum(asked_db, asked_db[-1] + rising_db) - loudness_db[around]
    f0_hz[first:start] = f0_hz[start]

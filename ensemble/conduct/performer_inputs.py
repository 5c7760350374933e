"""What a performer reads: of every note what stands around it, of every frame how far the note has come."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.shaping import NoteRuns
from ensemble.types.articulation import Articulation

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_REGISTERS_MIDI = np.arange(28, 101, 3)
"""Pitches around which instruments differ: strings and registers."""
_REGISTER_SEMITONES = 1.5
NUM_PLACE = 3
NUM_CONTEXT = 17 + len(_REGISTERS_MIDI) + NUM_PLACE
NUM_FORESEEN = 6
NUM_PROGRESS = 7 + NUM_FORESEEN
HORIZON_FRAMES = 40
"""The end of a note, and what joins it there, are looked at so long before. A live band lays a note out only 6 to 35
frames before it is played, so what follows may become known to its performer later than in a recording."""
_MIDDLE_MIDI, _PITCH_SCALE = 60.0, 24.0
_USUAL_S = 0.5
_FORCE_DB = 4.0
_APART_S = 1.0
"""What ended so long ago is no neighbour."""
_PHRASE_S, _REST_S = 4.0, 0.5
"""The longest time since a phrase began that is told apart, and the rest that ends one."""
_ACCENT_DB, _GHOST_DB = 1.2, -3.0


def note_context(runs: NoteRuns, *, is_plucked: bool) -> Floats:
    """What is known of a note when it begins; the note before it in its voice counts, none after it does.

    Args:
        runs: the notes.
        is_plucked: whether every note is struck anew, however soon it follows.

    Returns:
        pitch and its square, length, force; interval to the note before and its size, the gap, that note's length,
        whether they are joined and equal; how long the phrase has lasted; the articulation; the register; last the
        place in the bar.  [notes, NUM_CONTEXT]
    """
    length_s = np.maximum(runs.stop - runs.start, 1) / FRAME_RATE_HZ
    is_same_voice = np.append(False, runs.voice[1:] == runs.voice[:-1])
    gap_s = np.append(_APART_S, (runs.start[1:] - runs.stop[:-1]) / FRAME_RATE_HZ)
    follows = is_same_voice & (gap_s < _APART_S)
    gap_s = np.where(follows, np.maximum(gap_s, 0.0), _APART_S)
    interval = np.where(follows, np.append(0, np.diff(runs.pitch_midi)), 0) / 12.0
    before = np.where(follows, np.append(0.0, np.log2(length_s[:-1] / _USUAL_S)), 0.0)
    pitch = (runs.pitch_midi - _MIDDLE_MIDI) / _PITCH_SCALE
    register = np.exp(-0.5 * ((runs.pitch_midi - _REGISTERS_MIDI[:, None]) / _REGISTER_SEMITONES) ** 2)
    is_joined = runs.after_slur & (not is_plucked)
    is_placed = runs.bar_place >= 0.0
    turn = 2 * np.pi * np.where(is_placed, runs.bar_place, 0.0)
    columns = [
        pitch, pitch**2, np.log2(length_s / _USUAL_S) / 2.0, np.clip(runs.force_db / _FORCE_DB, -2.0, 2.0),
        np.clip(interval, -1.5, 1.5), np.abs(np.clip(interval, -1.5, 1.5)), gap_s / _APART_S, before / 2.0,
        is_joined & ~runs.repeats, is_joined & runs.repeats, _phrase_s(runs, gap_s) / _PHRASE_S,
        *(articulations(runs, is_joined) == one for one in Articulation if one != Articulation.PLAIN),
        *register, is_placed, np.where(is_placed, np.sin(turn), 0.0), np.where(is_placed, np.cos(turn), 0.0),
    ]  # fmt: skip
    return np.stack(columns, axis=1).astype(np.float64)


def _phrase_s(runs: NoteRuns, gap_s: Floats) -> Floats:
    """How long ago the phrase began with which a note belongs, at most `_PHRASE_S`.  [notes]"""
    begins = np.where(gap_s >= _REST_S, runs.start, 0)
    begun = np.maximum.accumulate(np.where(gap_s >= _REST_S, np.arange(len(begins)), 0))
    return np.clip((runs.start - runs.start[begun]) / FRAME_RATE_HZ, 0.0, _PHRASE_S)


def articulations(runs: NoteRuns, is_joined: NDArray[np.bool_]) -> Ints:
    """How every note is played, as what came before it and its force tell: so it is known of recordings, too. What its
    part says beyond that is done by rules; see `conduct.touch`.  [notes]
    """
    found = np.full(len(runs.start), int(Articulation.DETACHED))
    found[is_joined & ~runs.repeats] = Articulation.LEGATO
    found[runs.force_db >= _ACCENT_DB] = Articulation.ACCENTED
    found[runs.force_db <= _GHOST_DB] = Articulation.GHOST
    return found


def progress(runs: NoteRuns, note: Ints, frame: Ints, *, is_plucked: bool) -> Floats:
    """How far notes have come in some frames.

    Args:
        runs: the notes.
        note: index of a note.  [...]
        frame: that frames are asked of, counted as the runs' are.  [...]
        is_plucked: whether a note sounds on as if it had no end, until it is damped.

    Returns:
        time since the onset in four scales; time to the end, as far as it is known; whether the end has passed, and
        since when; last what is known of the note that follows: whether one does, joined, or equal, its interval, the
        gap, its force.  [..., NUM_PROGRESS]
    """
    elapsed_s = np.maximum(frame - runs.start[note], 0) / FRAME_RATE_HZ
    stop = frame + HORIZON_FRAMES if is_plucked else runs.stop[note]
    left = np.clip((stop - frame) / HORIZON_FRAMES, 0.0, 1.0)
    after = np.minimum(note + 1, len(runs.start) - 1)
    is_next = (after != note) & (runs.voice[after] == runs.voice[note]) & (runs.start[after] - frame < HORIZON_FRAMES)
    is_next &= not is_plucked
    interval = np.clip((runs.pitch_midi[after] - runs.pitch_midi[note]) / 12.0, -1.5, 1.5)
    gap = np.clip((runs.start[after] - runs.stop[note]) / HORIZON_FRAMES, 0.0, 1.0)
    is_joined = is_next & runs.after_slur[after]
    gone_s = np.maximum(frame - stop + 1, 0) / FRAME_RATE_HZ
    rows = [
        np.minimum(elapsed_s, 4.0) / 2.0, np.exp(-elapsed_s / 0.03), np.exp(-elapsed_s / 0.12),
        np.exp(-elapsed_s / 0.5), left, gone_s > 0, np.exp(-gone_s / 0.03) * (gone_s > 0),
        is_next, is_joined & ~runs.repeats[after], is_joined & runs.repeats[after],
        is_next * interval, is_next * gap, is_next * np.clip(runs.force_db[after] / _FORCE_DB, -2.0, 2.0),
    ]  # fmt: skip
    return np.stack(rows, axis=-1).astype(np.float64)

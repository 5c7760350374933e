"""How notes move: how fast they fade, and how far they fall at first; of sound with its MIDI, and of curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.delivered import delivered, form_of
from ensemble.clock import FRAME_RATE_HZ
from ensemble.measure.harmony_fit import TimedNote
from ensemble.train.performer.manner import LONG_FRAMES, first_fall_db, slope_db_per_s

Floats = NDArray[np.float64]

_HEARD_DB = -60.0
"""Notes that are softer than this throughout are not measured."""
_ALONE_FRAMES = 200
"""The last note is measured for so long at most."""
_TOGETHER_FRAMES = 1.1


class NoteShapes(NamedTuple):
    """Figures of all notes of 0.45 s and more."""

    decay_db_per_s: Floats
    """How fast each fades, from 50 ms after its onset; rising is negative.  [notes]"""
    first_fall_db: Floats
    """By how much it falls from the first 50 ms after that to 0.2 s later.  [notes]"""


def spread_of(values: Floats) -> list[float] | None:
    """Median, 10 and 90 %; None where there are no values."""
    return [round(float(one), 2) for one in np.percentile(values, [50, 10, 90])] if len(values) else None


def shapes_of(level_db: Floats, spans: Sequence[tuple[int, int]]) -> NoteShapes:
    """Measure notes in a level curve.

    Args:
        level_db: at 100 Hz.  [frames]
        spans: onset and end of every note, in frames.
    """
    pieces = [level_db[start:stop] for start, stop in spans if stop - start >= LONG_FRAMES]
    pieces = [piece for piece in pieces if len(piece) >= LONG_FRAMES and piece.max() > _HEARD_DB]
    return NoteShapes(
        np.array([-slope_db_per_s(piece) for piece in pieces]), np.array([first_fall_db(piece) for piece in pieces])
    )


def shapes_of_stem(sound: Path, notes: Sequence[TimedNote]) -> NoteShapes:
    """Measure the notes of a stem by the RMS of its 10 ms frames.

    Notes that begin together count as one chord; it ends with its last note, or where another begins.

    Args:
        sound: the stem.
        notes: what it plays.

    Raises:
        AudioError: it cannot be read.
    """
    rate = form_of(sound).sample_rate
    mono = np.concatenate([piece.mean(axis=0) for piece in delivered(sound)]).astype(np.float64)
    hop = rate // FRAME_RATE_HZ
    power = np.square(mono[: len(mono) // hop * hop].reshape(-1, hop)).mean(axis=1)
    return shapes_of(20.0 * np.log10(np.sqrt(power) + 1e-7), chord_spans(notes))


def chord_spans(notes: Sequence[TimedNote]) -> list[tuple[int, int]]:
    """Onset and end of every chord, in frames."""
    onsets = sorted({round(note.start_s * FRAME_RATE_HZ) for note in notes})
    spans = []
    for at, onset in enumerate(onsets):
        following = onsets[at + 1] if at + 1 < len(onsets) else onset + _ALONE_FRAMES
        together = [note.stop_s for note in notes if abs(note.start_s * FRAME_RATE_HZ - onset) <= _TOGETHER_FRAMES]
        spans.append((onset, min(following, round(max(together) * FRAME_RATE_HZ))))
    return spans

"""What the written articulation of a note changes in how it is played, by rules; a performer learns what is inside a
plain note, and none of the recordings that it learns from says how its notes were written.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.types.articulation import Articulation
from ensemble.types.instruments import InstrumentSpec

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SUSTAINED = ("bowed", "blown")
_PARTED = (Articulation.DETACHED, Articulation.ACCENTED, Articulation.STACCATO)
"""A bow or a breath stops before such notes."""
_PARTED_FRAMES = 3
_DAMPED = (Articulation.STACCATO, Articulation.GHOST)
_DAMPED_FRAMES = 5
"""What is damped has ended after so long."""
_ACCENT_DB, _ACCENT_MS = 4.0, 120.0
"""By how much an accent stands out at its onset, and how soon that is a third of it."""
_STACCATO_DB_PER_S, _GHOST_DB, _GHOST_DB_PER_S = 12.0, 3.0, 60.0
_RINGS_FRAMES, _STOPPED_FRAMES = 25, 12
"""A plucked string has died away so long after its note's end, if the hand only lets go; and if it stops the string."""
_SLIDE_MS, _LONGEST_SLIDE_CENTS = 50.0, 700.0
_SLIDES_OVER_FRAMES = 20
_SLIDES_FROM_CENTS = -200.0
"""Where a slide begins that comes from no note."""


def release_frames(instrument: InstrumentSpec) -> int:
    """In how many frames a note ends that is released at once."""
    return int(np.ceil(instrument.release_ms * FRAME_RATE_HZ / 1000))


def rings(articulation: Ints, instrument: InstrumentSpec) -> Ints:
    """For how many frames notes ring after their end, if nothing follows: strings until the hand has damped them.
    [notes]
    """
    damped = np.isin(articulation, _DAMPED)
    if instrument.family != "plucked":
        whole = release_frames(instrument)
        return np.where(damped, min(whole, _DAMPED_FRAMES), whole)
    return np.select([damped, articulation == Articulation.DETACHED], [_DAMPED_FRAMES, _STOPPED_FRAMES], _RINGS_FRAMES)


def parted_frames(length: Ints, gap: Ints, following: Ints, instrument: InstrumentSpec) -> Ints:
    """By how many frames notes end earlier, so that the next ones are not bound to them.

    Args:
        length: of each note, in frames.  [notes]
        gap: frames to the next note.  [notes]
        following: articulation of the next note of the voice.  [notes]
        instrument: strings that are struck are parted anyhow.
    """
    if instrument.family not in SUSTAINED:
        return np.zeros_like(length)
    room = np.minimum(_PARTED_FRAMES - gap, length // 4)
    return np.where(np.isin(following, _PARTED), np.maximum(room, 0), 0)


def touch_db(articulation: Ints, elapsed_ms: Floats) -> Floats:
    """How much louder a note is than a plain one of its force.

    Args:
        articulation: of the notes.  [...]
        elapsed_ms: since their onsets.  [...]
    """
    since_ms = np.maximum(elapsed_ms, 0.0)
    accent = np.where(articulation == Articulation.ACCENTED, _ACCENT_DB * np.exp(-since_ms / _ACCENT_MS), 0.0)
    fades = np.select(
        [articulation == Articulation.STACCATO, articulation == Articulation.GHOST],
        [_STACCATO_DB_PER_S * since_ms / 1000, _GHOST_DB + _GHOST_DB_PER_S * since_ms / 1000],
        0.0,
    )  # fmt: skip
    return np.asarray(accent - fades, np.float64)


def slide_cents(articulation: Ints, pitch_midi: Ints, voice: Ints, start: Ints, stop: Ints) -> Floats:
    """How far from its own pitch each note begins: where the note before was, if it has just ended.  [notes] each"""
    comes = np.append(False, (voice[1:] == voice[:-1]) & (start[1:] - stop[:-1] <= _SLIDES_OVER_FRAMES))
    way = np.where(comes, -100.0 * np.append(0, np.diff(pitch_midi)), _SLIDES_FROM_CENTS)
    way = np.clip(way, -_LONGEST_SLIDE_CENTS, _LONGEST_SLIDE_CENTS)
    return np.where(articulation == Articulation.SLIDE, way, 0.0)


def still_off(elapsed_ms: Floats) -> Floats:
    """The share of a slide's way that is still to go."""
    return np.asarray(np.exp(-np.maximum(elapsed_ms, 0.0) / _SLIDE_MS), np.float64)

"""In tune with each other or not: dissonant intervals, chord tones, ranges and crossings, on notes as they sound.

Conventions: pitch classes per control frame, `[12, frames]` and boolean. A *clash* is an interval of a semitone, a
major seventh or their compounds between the leader and a follower at one instant; sevenths of the chord itself clash
too, so a rate is read against that of the true stems and never against zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.types.music import Frames, Heard

Bools = NDArray[np.bool_]
CLEAR_CONFIDENCE = 0.5
SOUNDING_DB = -60.0
STRONG_CHROMA = 0.6
"""Of the strongest pitch class of a frame: what is weaker is taken for a harmonic."""
SHORTEST_CLASH_FRAMES = 10
"""A tenth of a second: shorter is a passing touch, not counted as an event."""


class TimedNote(NamedTuple):
    """A note as it sounds, its pitch as a MIDI number."""

    start_s: float
    stop_s: float
    pitch_midi: float


def tones_of_notes(notes: Sequence[TimedNote], num_frames: int) -> Bools:
    """Pitch classes that sound in each frame.  [12, frames]"""
    tones = np.zeros((12, num_frames), np.bool_)
    for note in notes:
        tones[round(note.pitch_midi) % 12, _frame(note.start_s) : _frame(note.stop_s)] = True
    return tones


def tones_of_leader(frames: Frames, tuning_cents: float) -> Bools:
    """The same of a recording: the pitch where one stands out, the strongest of the chroma elsewhere.  [12, frames]"""
    is_heard = frames.loudness_db > SOUNDING_DB
    is_clear = is_heard & (frames.f0_hz > 0) & (frames.confidence >= CLEAR_CONFIDENCE)
    tones = (frames.chroma >= STRONG_CHROMA) & (is_heard & ~is_clear)
    at = np.flatnonzero(is_clear)
    midi = 69 + 12 * np.log2(frames.f0_hz[at].astype(np.float64) / 440) - tuning_cents / 100
    tones[np.rint(midi).astype(np.int64) % 12, at] = True
    return tones


def tones_of_chords(heard: Heard, num_frames: int) -> Bools:
    """Pitch classes of the chord in each frame; none where no chord is heard.  [12, frames]"""
    tones = np.zeros((12, num_frames), np.bool_)
    edges = [*np.rint(heard.beats_s * FRAME_RATE_HZ).astype(np.int64).tolist(), num_frames]
    for chord, start, stop in zip(heard.chords, edges[:-1], edges[1:], strict=True):
        if chord.quality != "none":
            tones[[*chord.tones, chord.lowest], start:stop] = True
    return tones


def clash_rate(leader: Bools, follower: Bools) -> float | None:
    """Share of all simultaneous intervals of two parts that clash, each frame's intervals counted; None without any."""
    frames = min(leader.shape[1], follower.shape[1])
    ours, theirs = leader[:, :frames].astype(np.int64), follower[:, :frames].astype(np.int64)
    intervals = int((ours.sum(axis=0) * theirs.sum(axis=0)).sum())
    clashing = int((ours * (np.roll(theirs, 1, axis=0) + np.roll(theirs, -1, axis=0))).sum())
    return clashing / intervals if intervals else None


def clashes_per_min(leader: Bools, follower: Bools) -> float | None:
    """How often in a minute of playing together a clash of a tenth of a second or more begins."""
    frames = min(leader.shape[1], follower.shape[1])
    ours, theirs = leader[:, :frames], follower[:, :frames]
    both = int((ours.any(axis=0) & theirs.any(axis=0)).sum())
    is_clash = (ours & (np.roll(theirs, 1, axis=0) | np.roll(theirs, -1, axis=0))).any(axis=0)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_clash, [False]]).astype(np.int8)))
    lengths = edges[1::2] - edges[::2]
    events = int((lengths >= SHORTEST_CLASH_FRAMES).sum())
    return 60 * FRAME_RATE_HZ * events / both if both else None


def chord_tone_ratio(chords: Bools, follower: Bools) -> float | None:
    """Share of a follower's sounding pitch classes, by time, that belong to the chord of their moment."""
    frames = min(chords.shape[1], follower.shape[1])
    known = chords[:, :frames].any(axis=0)
    sounding = follower[:, :frames] & known
    total = int(sounding.sum())
    return int((sounding & chords[:, :frames]).sum()) / total if total else None


def range_violations(notes: Sequence[TimedNote], range_midi: tuple[int, int]) -> int:
    """Notes outside an instrument's range."""
    return sum(not range_midi[0] <= round(note.pitch_midi) <= range_midi[1] for note in notes)


def voice_crossings(lower: Sequence[TimedNote], upper: Sequence[TimedNote]) -> int:
    """Notes of the upper part that begin below (or on) what the lower part is holding, or the other way round."""
    crossings = 0
    for one, other, is_upper in ((upper, lower, True), (lower, upper, False)):
        for note in one:
            held = [held.pitch_midi for held in other if held.start_s <= note.start_s < held.stop_s - _TOUCH_S]
            crossings += any(note.pitch_midi <= pitch if is_upper else note.pitch_midi >= pitch for pitch in held)
    return crossings


_TOUCH_S = 0.03
"""Human onsets may touch: a note that is about to end is no longer crossed."""


def _frame(time_s: float) -> int:
    return max(round(time_s * FRAME_RATE_HZ), 0)

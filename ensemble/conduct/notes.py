"""Cuts the leader's f0 into notes, at onsets and where the pitch changes."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.types.music import SILENCE_DB, Frames, Heard

SOUNDING_DB = -60.0
"""Frames up to this loudness count as silent."""
CLEAR_CONFIDENCE = 0.5
"""Least confidence at which f0 is used."""
_ONSET_MEMORY_S = 1.5
_FAINTEST_ONSET = 0.12  # fluctuations of a held flute reach 0.09, a soft pluck 0.3
_ATTACK_FRAMES = 6
_SHORTEST_FRAMES = 6
_BRIDGED_FRAMES = 3
_NEW_PITCH_SEMITONES = 0.65
_NEW_PITCH_FRAMES = 5
_LEAP_SEMITONES = 11.5
_LAST_MINUTE_FRAMES = 6_000
_LOUDEST_VELOCITY_DB, _VELOCITY_PER_DB = -12.0, 2.0


def pitch_midi(frames: Frames, tuning_cents: float) -> NDArray[np.float64]:
    """Written pitch of the leader: its f0 with the tuning taken out; NaN where unvoiced.  [frames]"""
    voiced = np.where(frames.f0_hz > 0, frames.f0_hz, np.nan).astype(np.float64)
    return 69.0 + 12.0 * np.log2(voiced / 440.0) - tuning_cents / 100.0


def onset_frames(frames: Frames) -> NDArray[np.int64]:
    """Frames with an onset: peaks of the onset strength above twice its recent mean and above a constant.

    Looks 60 ms ahead, since an attack may begin below the level that counts as sound.
    """
    strength = frames.onset.astype(np.float64)
    if not len(strength) or strength.max() <= 0:
        return np.zeros(0, np.int64)
    share = float(1.0 - np.exp(-1 / (_ONSET_MEMORY_S * FRAME_RATE_HZ)))
    means = accumulate(strength.tolist(), lambda mean, now: mean + share * (now - mean), initial=0.0)
    recent = np.array(list(means)[1:])
    padded = np.pad(strength, 4)
    around = np.lib.stride_tricks.sliding_window_view(padded, 9)
    before, after = around[:, :4].max(axis=1), around[:, 5:].max(axis=1)
    is_peak = (strength > before) & (strength >= after) & (strength > np.maximum(2.0 * recent, _FAINTEST_ONSET))
    ahead = np.pad(frames.loudness_db, (0, _ATTACK_FRAMES), constant_values=SILENCE_DB)
    becomes = np.lib.stride_tricks.sliding_window_view(ahead, _ATTACK_FRAMES + 1).max(axis=1)
    return np.flatnonzero(is_peak & (becomes > SOUNDING_DB))


class LeaderNote(NamedTuple):
    """One note of the leader."""

    start: int
    """First control frame."""
    stop: int
    """First control frame after it."""
    pitch_midi: float
    """Median written pitch."""
    velocity: int
    """MIDI velocity, by the loudest frame."""


def segment(heard: Heard) -> list[LeaderNote]:
    """Cut the leader's f0 into notes.

    A note ends where f0 is unclear for more than 30 ms, at the next onset, or where the pitch has been more than 0.65
    semitones away for 50 ms (vibrato is not). Notes under 60 ms are dropped. Looks 50 ms ahead.
    """
    midi = pitch_midi(heard.frames, heard.tuning_cents)
    clear = np.isfinite(midi) & (heard.frames.confidence >= CLEAR_CONFIDENCE)
    clear &= heard.frames.loudness_db > SOUNDING_DB
    cuts = _cuts(np.where(clear, midi, np.nan), set(onset_frames(heard.frames).tolist()))
    return [_note(start, stop, midi, clear, heard.frames) for start, stop in cuts if stop - start >= _SHORTEST_FRAMES]


def _cuts(midi: NDArray[np.float64], struck: set[int]) -> list[tuple[int, int]]:
    """Frames at which notes start and stop, found in one pass."""
    cuts: list[tuple[int, int]] = []
    start, last, away, centre = -1, -1, 0, 0.0
    for frame, pitch in enumerate(midi.tolist()):
        if pitch != pitch:  # noqa: PLR0124 - NaN: f0 is unclear
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


def _note(start: int, stop: int, midi: NDArray[np.float64], clear: NDArray[np.bool_], frames: Frames) -> LeaderNote:
    inside = slice(start, stop)
    loudest = float(frames.loudness_db[inside].max())
    velocity = int(np.clip(round(110 + _VELOCITY_PER_DB * (loudest - _LOUDEST_VELOCITY_DB)), 30, 120))
    return LeaderNote(start, stop, float(np.median(midi[inside][clear[inside]])), velocity)


def last_note_s(heard: Heard) -> float:
    """When the leader's last note begins; 0 where no note is found in the last minute.

    A leap of an octave or more without an onset is an error of the pitch tracker while a chord rings, and no note.
    """
    first = max(heard.frames.num_frames - _LAST_MINUTE_FRAMES, 0)
    tail = replace(heard, frames=_since(heard.frames, first))
    notes = segment(tail)
    tied = [later.start for one, later in pairwise(notes) if abs(later.pitch_midi - one.pitch_midi) < _LEAP_SEMITONES]
    begun = [*(note.start for note in notes[:1]), *tied, *onset_frames(tail.frames).tolist()]
    return (first + max(begun)) / FRAME_RATE_HZ if begun else 0.0


def _since(frames: Frames, first: int) -> Frames:
    """The frames from `first` on."""
    return Frames(**{one.name: getattr(frames, one.name)[..., first:] for one in fields(frames)})

"""A leader and those who play along, as they are measured: onsets from the sound, notes from the delivered MIDI."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.delivered import delivered, form_of
from ensemble.audio.files import printable
from ensemble.audio.sound import KeptSound, gathered, mean_of_channels, resampled
from ensemble.clock import FRAME_RATE_HZ
from ensemble.config import FollowerSettings
from ensemble.listen.listener import at_analysis_rate
from ensemble.listen.pitch import ANALYSIS_RATE_HZ
from ensemble.measure.harmony_fit import TimedNote, tones_of_chords, tones_of_leader, tones_of_notes
from ensemble.measure.timing import onset_times
from ensemble.scores.midi_reader import read_midi
from ensemble.scores.midi_time import USUAL_TEMPO, labels_of
from ensemble.scores.midi_voices import in_seconds, voices_of
from ensemble.scores.score_bytes import read_score_bytes
from ensemble.types.music import FloatArray, Heard, Hits, Part, Role

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadPart:
    """The leader as it is measured."""

    onsets_s: Array
    """When notes begin, as heard in the sound."""
    tones: Bools
    """Pitch classes that it sounds.  [12, frames]"""
    chords: Bools
    """Pitch classes of the chords that were heard.  [12, frames]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowPart:
    """One follower as it is measured."""

    name: str
    role: Role
    range_midi: tuple[int, int]
    """Lowest and highest note of its instrument."""
    onsets_s: Array
    """When notes begin, as heard in its stem."""
    notes: tuple[TimedNote, ...]
    """As its MIDI file has them; none for drums."""
    tones: Bools
    """Pitch classes of the notes.  [12, frames]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderCase:
    """One leader and the band that followed it."""

    name: str
    leader: LeadPart
    band: tuple[FollowPart, ...]
    true_tones: dict[Role, Bools] = field(default_factory=dict)
    """By role, what the other players of a multitrack recording truly sounded; empty where none are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueNotes:
    """The notes of a multitrack recording."""

    leader: tuple[TimedNote, ...] = ()
    others: dict[Role, tuple[TimedNote, ...]] = field(default_factory=dict)
    """Of everybody else, by the role that is theirs."""


def case_of(
    name: str, leader: KeptSound, heard: Heard, band: tuple[FollowPart, ...], true_notes: TrueNotes
) -> RenderCase:
    """A leader, what was understood of it, and those who followed it."""
    return RenderCase(
        name=name,
        leader=lead_part(onset_times(at_analysis_rate(leader).samples[0], ANALYSIS_RATE_HZ), heard, true_notes.leader),
        band=band,
        true_tones={role: tones_of_notes(notes, heard.frames.num_frames) for role, notes in true_notes.others.items()},
    )


def band_of_take(take: Path, followers: Sequence[FollowerSettings]) -> tuple[FollowPart, ...]:
    """Every follower as its stem and its MIDI file of one take have it.

    Raises:
        AudioError: a stem cannot be read.
        DataError: a part cannot be read.
    """
    return tuple(
        follow_part(
            _stem_onsets(take / "stems" / f"{follower.name}.wav"),
            follower,
            () if follower.role == "drums" else read_notes(take / "parts" / f"{follower.name}.mid"),
        )
        for follower in followers
    )


def lead_part(onsets_s: Array, heard: Heard, notes: tuple[TimedNote, ...] = ()) -> LeadPart:
    """The leader as it is measured; its notes are taken from the sound where they are not known."""
    frames = heard.frames
    tones = tones_of_notes(notes, frames.num_frames) if notes else tones_of_leader(frames, heard.tuning_cents)
    return LeadPart(onsets_s=onsets_s, tones=tones, chords=tones_of_chords(heard, frames.num_frames))


def notes_of(part: Part | Hits | None) -> tuple[TimedNote, ...]:
    """The notes that a part has written, by their beginning; drums have none."""
    if not isinstance(part, Part):
        return ()
    return tuple(
        sorted(
            TimedNote(note.start_frame / FRAME_RATE_HZ, note.stop_frame / FRAME_RATE_HZ, float(round(note.pitch_midi)))
            for note in part.notes
        )
    )


def follow_part(onsets_s: Array, follower: FollowerSettings, notes: tuple[TimedNote, ...]) -> FollowPart:
    """One follower as it is measured.

    Args:
        onsets_s: when notes begin to be heard in its stem.
        follower: its settings.
        notes: what it plays; none for drums.
    """
    num_frames = math.ceil(max((note.stop_s for note in notes), default=0.0) * FRAME_RATE_HZ)
    return FollowPart(
        name=follower.name,
        role=follower.role,
        range_midi=follower.range,
        onsets_s=onsets_s,
        notes=notes,
        tones=tones_of_notes(notes, num_frames),
    )


def onsets_in(pieces: Iterable[FloatArray], sample_rate: int, num_samples: int) -> Array:
    """When notes begin to be heard in a delivered sound, in seconds; it is read piece by piece, and may be silent.

    Args:
        pieces: [channels, samples] each, in order.
        sample_rate: in Hz.
        num_samples: of all pieces together, per channel.
    """
    mono = resampled((mean_of_channels(piece) for piece in pieces), sample_rate, ANALYSIS_RATE_HZ)
    samples = gathered(mono, 1, -(-num_samples * ANALYSIS_RATE_HZ // sample_rate))
    return onset_times(samples[0], ANALYSIS_RATE_HZ)


def _stem_onsets(path: Path) -> Array:
    form = form_of(path)
    return onsets_in(delivered(path), form.sample_rate, form.num_samples)


def read_notes(path: Path) -> tuple[TimedNote, ...]:
    """The notes of a MIDI file, all tracks together, drums left out, by their beginning.

    Raises:
        DataError: it cannot be read.
    """
    score = read_midi(read_score_bytes(path), printable(path))
    tempos = labels_of(score).tempos or [USUAL_TEMPO]
    notes = [note for voice in voices_of(score, []) for note in in_seconds(voice, score, tempos)]
    return tuple(sorted(TimedNote(*note) for note in notes))

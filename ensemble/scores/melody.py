"""A melody: one line of written notes, counted in quarters as a score does and placed in seconds as they sound."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ensemble.errors import DataError
from ensemble.types.diagnostics import Diagnostic
from ensemble.types.music import Key
from ensemble.types.tempo_map import TempoMap

PLAIN_VELOCITY = 80
"""Of a note whose score says nothing of loudness; the velocity at which the band's own writers start."""
FASTEST_QUARTER_BPM = 2000
"""A faster tempo is a slip of the pen, and would make a grid of microseconds."""
MAX_BEATS = 64
"""In a bar; a metre of more is a slip of the pen, and MIDI cannot write it."""
MAX_MINUTES = 30
"""What the band follows at most, of a recording too."""
STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
"""The pitch classes of the letters."""


class TempoMark(NamedTuple):
    """A tempo of a score."""

    at: Fraction
    """From this quarter on."""
    quarter_bpm: Fraction
    """Quarters a minute."""


class MetreMark(NamedTuple):
    """A metre of a score."""

    at: Fraction
    """From this quarter on."""
    beats: int
    """Notes of 1/`unit` in a bar; 0 in free time, and where the metre is not known."""
    unit: int = 4

    @property
    def bar(self) -> Fraction:
        """Length of a bar in quarters; 0 in free time."""
        return Fraction(4 * self.beats, self.unit)


class Shading(NamedTuple):
    """How a melody's notes sound, apart from their pitch and velocity."""

    at: Fraction
    """From this quarter on."""
    bend_semitones: float
    """Above the note."""
    level_db: float
    """Against the usual volume."""


class Tone(NamedTuple):
    """A note on the page: a `MelodyNote` without its seconds, where each field is explained."""

    onset: Fraction
    length: Fraction
    pitch_midi: int
    velocity: int = PLAIN_VELOCITY
    phrase: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MelodyNote:
    """One note of a melody."""

    onset: Fraction
    """In quarters from the start of the score."""
    length: Fraction
    """In quarters."""
    onset_s: float
    """When it begins, by the tempos of the score."""
    stop_s: float
    """When it ends."""
    pitch_midi: int
    """0 to 127."""
    velocity: int = PLAIN_VELOCITY
    """1 to 127."""
    phrase: int = 0
    """Number of its phrase, from 0."""


def simplified(text: str) -> Diagnostic:
    """Something that was left out of a score or read in a simpler way."""
    return Diagnostic(code="score_simplified", text=text)


def transposed(melody: Melody, semitones: int) -> Melody:
    """The melody so many semitones higher, its key with it.

    Raises:
        DataError: a note would leave MIDI's range.
    """
    if not semitones:
        return melody
    pitches = [note.pitch_midi + semitones for note in melody.notes]
    if not 0 <= min(pitches) <= max(pitches) <= 127:
        raise DataError("transpose", f"{semitones:+d} semitones leave the range of notes", "transpose less")
    notes = tuple(replace(note, pitch_midi=pitch) for note, pitch in zip(melody.notes, pitches, strict=True))
    key = melody.key and replace(melody.key, tonic=(melody.key.tonic + semitones) % 12)
    return replace(melody, notes=notes, key=key)


def tempo_map(marks: Iterable[TempoMark]) -> TempoMap:
    """The marks of a score as a tempo map; the first stands at quarter 0."""
    listed = list(marks)
    return TempoMap(
        quarters=np.array([float(mark.at) for mark in listed]),
        quarter_s=np.array([float(60 / mark.quarter_bpm) for mark in listed]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Melody:
    """One line of notes, no two at once."""

    notes: tuple[MelodyNote, ...]
    """At least one, in order."""
    length: Fraction
    """Of the whole, in quarters, rests included."""
    tempos: tuple[TempoMark, ...]
    """One or more, the first at quarter 0."""
    metres: tuple[MetreMark, ...] = ()
    """In order; none where the score names none."""
    bars: tuple[Fraction, ...] = ()
    """Where bars begin, in quarters."""
    key: Key | None = None
    """The one it opens in; None where the score names none."""
    program: int | None = None
    """The General MIDI instrument, where the score names one."""
    tempo_assumed: bool = False
    """Whether the score names no tempo, so that a usual one was taken."""
    shading: tuple[Shading, ...] = ()
    """How bend and level change, in order; nothing where they never do."""
    is_performed: bool = False
    """Whether its beats were found in its notes, as in a recording, so that bars are to be found there, too."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """What was not taken as written."""

    def __post_init__(self) -> None:
        if not self.notes or not self.tempos or self.tempos[0].at != 0:
            raise ValueError("a melody has a note, and a tempo from its start")
        if any(not 0 < mark.quarter_bpm <= FASTEST_QUARTER_BPM for mark in self.tempos):
            raise ValueError(f"tempos lie above 0 and up to {FASTEST_QUARTER_BPM} quarters a minute")
        if any(not (note.length > 0 and 0 <= note.pitch_midi <= 127 and 1 <= note.velocity <= 127)
               for note in self.notes):  # fmt: skip
            raise ValueError("a note has a length, a MIDI pitch and a velocity of 1 to 127")
        overlap_s = max((before.stop_s - after.onset_s for before, after in pairwise(self.notes)), default=0.0)
        if overlap_s > 1e-6 or self.notes[-1].onset + self.notes[-1].length > self.length:
            raise ValueError("notes of a melody follow each other and end with it")

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return float(tempo_map(self.tempos).seconds(float(self.length)))

    @property
    def quarter_bpm(self) -> float:
        """Quarters a minute: the tempo, or the mean where it changes."""
        if len(self.tempos) == 1:
            return float(self.tempos[0].quarter_bpm)
        return 60.0 * float(self.length) / self.duration_s


def placed(tones: Iterable[Tone], tempos: Iterable[TempoMark]) -> tuple[MelodyNote, ...]:
    """Give every note of the page its seconds."""
    listed = list(tones)
    edges = [[float(tone.onset), float(tone.onset) + float(tone.length)] for tone in listed]
    edges_s = tempo_map(tempos).seconds(edges).tolist()
    return tuple(
        MelodyNote(onset_s=onset_s, stop_s=stop_s, **tone._asdict())
        for tone, (onset_s, stop_s) in zip(listed, edges_s, strict=True)
    )


def refuse_endless(duration_s: float, what: str) -> None:
    """Stop before anything is laid out that lasts for hours.

    Raises:
        DataError: it lasts longer than `MAX_MINUTES`.
    """
    if duration_s > 60 * MAX_MINUTES:
        raise DataError(what, f"lasts {duration_s / 60:.0f} min", f"cut it to {MAX_MINUTES} min or less")

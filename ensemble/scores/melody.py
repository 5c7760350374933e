"""A melody: one line of written notes, counted in quarters as a score does and placed in seconds as they sound."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Literal, NamedTuple

from ensemble.errors import DataError
from ensemble.types.music import Key

PLAIN_VELOCITY = 80
"""Of a note whose score says nothing of loudness; the velocity at which the band's own writers start."""
FASTEST_QUARTER_BPM = 2000
"""A faster tempo is a slip of the pen, and would make a grid of microseconds."""


MAX_MINUTES = 30
"""What the band follows at most, of a recording too."""
STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
"""The pitch classes of the letters."""


class TempoMark(NamedTuple):
    """From quarter `at` on, so many quarters a minute."""

    at: Fraction
    quarter_bpm: Fraction


class MetreMark(NamedTuple):
    """From quarter `at` on, bars of `beats` notes of 1/`unit`; 0 beats is free time, or a metre that is not known."""

    at: Fraction
    beats: int
    unit: int = 4

    @property
    def bar(self) -> Fraction:
        """Length of a bar in quarters; 0 in free time."""
        return Fraction(4 * self.beats, self.unit)


class RepeatMark(NamedTuple):
    """At quarter `at` a repeated section starts, or ends."""

    at: Fraction
    side: Literal["start", "end"]


class Tone(NamedTuple):
    """A note on the page; see `MelodyNote`."""

    onset: Fraction
    length: Fraction
    pitch_midi: int
    velocity: int = PLAIN_VELOCITY
    phrase: int = 0
    is_slurred: bool = False
    has_fermata: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MelodyNote:
    """One note of a melody.

    onset, length: in quarters. onset_s, stop_s: the same in seconds, through the tempo map. pitch_midi 0..127;
    velocity 1..127; phrase: number of its phrase, from 0; is_slurred: under a slur; has_fermata: to be held at will
    (its written length stays).
    """

    onset: Fraction
    length: Fraction
    onset_s: float
    stop_s: float
    pitch_midi: int
    velocity: int = PLAIN_VELOCITY
    phrase: int = 0
    is_slurred: bool = False
    has_fermata: bool = False


class TempoMap:
    """Quarters to seconds; the first mark stands at quarter 0."""

    def __init__(self, marks: Iterable[TempoMark]) -> None:
        listed = list(marks)
        self._at = [float(mark.at) for mark in listed]
        self._quarter_s = [float(60 / mark.quarter_bpm) for mark in listed]
        self._reached_s = [0.0]
        for (start, stop), quarter_s in zip(pairwise(self._at), self._quarter_s, strict=False):
            self._reached_s.append(self._reached_s[-1] + (stop - start) * quarter_s)

    def seconds(self, quarters: Fraction | float) -> float:
        """When that place of the score comes."""
        place = float(quarters)
        stretch = max(bisect_right(self._at, place) - 1, 0)
        return self._reached_s[stretch] + (place - self._at[stretch]) * self._quarter_s[stretch]


@dataclass(frozen=True, slots=True, kw_only=True)
class Melody:
    """One line of notes, no two at once.

    notes: at least one, in order. length: of the whole in quarters, rests included. tempos: one or more, rising from 0.
    metres: rising; none where the score names none. bars: where bars begin, in quarters. key: the one it opens in,
    None where the score names none. program: General MIDI, where the score names one. tempo_assumed: whether the tempo
    is ours. repeats: the signs as they stand in the score. metadata: its own words. warnings: what was not taken as
    written, one sentence each.
    """

    notes: tuple[MelodyNote, ...]
    length: Fraction
    tempos: tuple[TempoMark, ...]
    metres: tuple[MetreMark, ...] = ()
    bars: tuple[Fraction, ...] = ()
    key: Key | None = None
    program: int | None = None
    tempo_assumed: bool = False
    repeats: tuple[RepeatMark, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

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
    def tempo_map(self) -> TempoMap:
        """Quarters to seconds."""
        return TempoMap(self.tempos)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.tempo_map.seconds(self.length)

    @property
    def quarter_bpm(self) -> float:
        """Quarters a minute: the tempo, or the mean where it changes."""
        if len(self.tempos) == 1:
            return float(self.tempos[0].quarter_bpm)
        return 60.0 * float(self.length) / self.duration_s


def placed(tones: Iterable[Tone], tempos: Iterable[TempoMark]) -> tuple[MelodyNote, ...]:
    """Give every note of the page its seconds."""
    seconds = TempoMap(tempos).seconds
    return tuple(
        MelodyNote(
            onset=onset,
            length=length,
            onset_s=seconds(begin := float(onset)),
            stop_s=seconds(begin + float(length)),
            pitch_midi=pitch,
            velocity=velocity,
            phrase=phrase,
            is_slurred=is_slurred,
            has_fermata=has_fermata,
        )
        for onset, length, pitch, velocity, phrase, is_slurred, has_fermata in tones
    )


def refuse_endless(duration_s: float, what: str) -> None:
    """Stop before anything is laid out that lasts for hours.

    Raises:
        DataError: it lasts longer than `MAX_MINUTES`.
    """
    if duration_s > 60 * MAX_MINUTES:
        raise DataError(what, f"lasts {duration_s / 60:.0f} min", f"cut it to {MAX_MINUTES} min or less")

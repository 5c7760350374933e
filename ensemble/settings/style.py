"""`Style`: how a band plays, as data: grooves for drums, patterns for bass and chords, by metre.

A row has one sign per sixteenth, four to a beat; spaces are for the eye, `|` is the bar line. In compound metres the
four signs of a beat are its three eighths and the last sixteenth: where swing of two thirds puts them. Bars are played
in turn; a longer bar of the music repeats a row, a shorter one uses its beginning.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import AfterValidator, Field, model_validator

from ensemble.settings.reading import MisplacedError, Settings
from ensemble.types.articulation import ARTICULATION_SIGNS
from ensemble.types.strokes import ALL_DRUMS, DrumClass

SIXTEENTHS_PER_BEAT = 4
NOTHING = "-"
STRENGTH = {"X": 0.95, "x": 0.72, "o": 0.36}
"""Velocity of a sign of drums, 0..1: accent, stroke, ghost note."""
VELOCITY = {"X": 96, "x": 84, "o": 66}
"""MIDI velocity of a sign of chords: accent, stroke, soft stroke."""
DAMPED = "."
"""Ends what sounds, in rows of basses and chords."""
BASS_TONES = {
    "R": "root", "3": "third", "5": "fifth", "6": "sixth", "7": "seventh", "8": "octave", "w": "walks on",
    "a": "leads into the next chord", "g": "ghost note",
}  # fmt: skip
"""What a bass plays, by its sign; a sixth or seventh that the harmony does not have is a fifth or an octave."""
SWUNG_FROM = 0.6
"""A style that swings so much can play its simple metres in compound ones: both have three parts to a beat."""
_METRE = re.compile(r"([1-9]|1[0-2])/(2|4|8)")

Row = tuple[str, ...]
"""The signs of each bar."""


def bars_of(text: str) -> Row:
    """The signs of each bar of a row as it is written; of an empty one none."""
    return tuple(text.replace(" ", "").split("|")) if text else ()


def _signs(known: str) -> AfterValidator:
    def check(text: str) -> str:
        for number, bar in enumerate(bars_of(text), 1):
            if wrong := next((sign for sign in bar if sign not in known), None):
                raise ValueError(f"bar {number} has {wrong!r} among its signs; known are {' '.join(known)}")
        return text

    return AfterValidator(check)


DrumRow = Annotated[str, _signs("".join(STRENGTH) + NOTHING)]
ChordRow = Annotated[str, _signs("".join(VELOCITY) + DAMPED + NOTHING)]
BassRow = Annotated[str, _signs("".join(BASS_TONES) + DAMPED + NOTHING)]
ArticulationRow = Annotated[str, _signs("".join(ARTICULATION_SIGNS) + NOTHING)]
Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]


class Pattern(Settings):
    """What one player plays in bars of one metre, and whom that suits."""

    name: str = ""
    """Name for people."""
    density: Share = 0.5
    """How many notes a leader plays whom it suits: 0 few, 1 many."""
    energy: Share = 0.5
    """How loud a leader plays whom it suits: 0 soft, 1 loud."""
    tempo_bpm: tuple[float, float] = (20.0, 400.0)
    """Slowest and fastest tempo that it suits, in beats per minute."""

    @property
    @abstractmethod
    def all_rows(self) -> dict[str, Row]:
        """Every row, by the key that it stands under."""


class DrumRows(Settings):
    """What is struck when, by drum."""

    kick: DrumRow = ""
    """Bass drum."""
    snare: DrumRow = ""
    """Snare drum."""
    closed_hat: DrumRow = ""
    """Closed hi-hat."""
    open_hat: DrumRow = ""
    """Open hi-hat."""
    crash: DrumRow = ""
    """Crash cymbal."""
    ride: DrumRow = ""
    """Ride cymbal."""
    tom: DrumRow = ""
    """Middle tom."""
    rim: DrumRow = ""
    """The stick across the snare drum's rim."""
    ride_bell: DrumRow = ""
    """The bell of the ride cymbal."""
    crash_2: DrumRow = ""
    """Second crash cymbal, higher and shorter."""
    high_tom: DrumRow = ""
    """High tom."""
    low_tom: DrumRow = ""
    """Low tom."""
    shaker: DrumRow = ""
    """Shaker."""
    tambourine: DrumRow = ""
    """Tambourine."""
    high_conga: DrumRow = ""
    """High conga."""
    low_conga: DrumRow = ""
    """Low conga."""
    clap: DrumRow = ""
    """Hands."""
    woodblock: DrumRow = ""
    """Woodblock."""

    @cached_property
    def rows(self) -> dict[DrumClass, Row]:
        """The drums that are struck."""
        return {drum: row for drum in ALL_DRUMS if (row := bars_of(getattr(self, drum)))}


class Groove(DrumRows, Pattern):
    """What the drums play."""

    @property
    def all_rows(self) -> dict[str, Row]:
        """Every row, by its drum."""
        return {str(drum): row for drum, row in self.rows.items()}


class PitchedPattern(Pattern):
    """What an instrument with pitches plays."""

    articulation: ArticulationRow = ""
    """How notes are played that have such a sign above them: `_` legato, `d` detached, `>` accented, `'` staccato, `/`
    slid into, `o` a ghost note. The others are played as their own sign and their length say."""

    @cached_property
    def articulation_row(self) -> Row:
        """The signs of each bar."""
        return bars_of(self.articulation)


class BassPattern(PitchedPattern):
    """What the bass plays. Whatever the row says, the first note under a new chord is its root."""

    tones: BassRow
    """Which tone is played when; see `BASS_TONES`."""
    length: Share = 0.94
    """Share of the time to the next note that a note lasts."""
    longest_beats: float = Field(default=16.0, gt=0.0, le=16.0)
    """A note lasts no longer."""

    @cached_property
    def row(self) -> Row:
        """The signs of each bar."""
        return bars_of(self.tones)

    @property
    def all_rows(self) -> dict[str, Row]:
        """Both rows."""
        return {"tones": self.row, "articulation": self.articulation_row}


class ChordPattern(PitchedPattern):
    """When chords are struck on plucked and keyed instruments. Others hold them."""

    strokes: ChordRow
    """When, and how hard."""
    length: Share = 0.96
    """Share of the time to the next stroke that a chord lasts."""
    longest_beats: float = Field(default=16.0, gt=0.0, le=16.0)
    """A chord lasts no longer."""
    strum_ms: float = Field(default=7.0, ge=0.0, le=60.0)
    """How long the hand takes from one string to the next on plucked instruments, at a middle force: longer where it is
    soft, shorter on its way up."""

    @cached_property
    def row(self) -> Row:
        """The signs of each bar."""
        return bars_of(self.strokes)

    @property
    def all_rows(self) -> dict[str, Row]:
        """Both rows."""
        return {"strokes": self.row, "articulation": self.articulation_row}


class MetrePatterns(Settings):
    """What a style plays in one metre."""

    drums: tuple[Groove, ...] = Field(min_length=1)
    """The grooves; the one that suits density, energy and tempo best is played."""
    bass: tuple[BassPattern, ...] = ()
    """Patterns of the bass; none: it is written by the rules that follow the leader."""
    chords: tuple[ChordPattern, ...] = ()
    """Patterns of chords; none: they are written by the rules that follow the leader."""


class Fill(DrumRows):
    """A fill on the last beat of a phrase: one bar of four signs; where it has no stroke, the groove goes on."""


class MetreKind(NamedTuple):
    """How the band counts bars."""

    beats_per_bar: int
    """Beats in a bar."""
    beat_division: int
    """How many equal parts a beat has: 3 in compound metres."""

    @property
    def is_in_three(self) -> bool:
        """Whether bars consist of groups of three beats."""
        return self.beats_per_bar % 3 == 0


class DrummerTraits(Settings):
    """How far a drummer's strokes stray at a `humanize` of 0.5; `ensemble train drummer` measures it in MIDI files."""

    timing_ms: float = Field(default=4.0, ge=0.0, le=30.0)
    """Standard deviation of the time of a stroke, against its usual time."""
    timing_drift_share: Share = 0.5
    """Share of its variance that all limbs have in common, and that lasts for a while."""
    force_db: float = Field(default=1.0, ge=0.0, le=6.0)
    """Standard deviation of the strength of strokes of one sign."""
    force_drift_share: Share = 0.3
    """Share of its variance that all limbs have in common, and that lasts for a while."""


class Style(Settings):
    """One style of playing, as its YAML file has it."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    """Name of the style."""
    about: str = ""
    """One line for people."""
    swing: float | None = Field(default=None, ge=0.5, le=0.75)
    """Where in a beat its second half begins, 0.5 straight, two thirds in triplets; None: where the leader has it."""
    syncopation: tuple[float, float] | None = None
    """Between what values kick, snare, bass and chords syncopate; see `ensemble.measure.style_features`."""
    follows_conductor: bool = False
    """Whether strokes that a conductor foretells are added to the grooves, and others left out."""
    landing: DrumClass | None = None
    """The cymbal that opens the first bar, a phrase after a fill, and the last chord; None: none does."""
    drummer: DrummerTraits = DrummerTraits()
    """How far the strokes of drums stray from the grid and from their strength."""
    lines: Literal["legato", "detached", "staccato"] = "legato"
    """How counter-melodies, and chords that are held, go from note to note on bowed and blown instruments."""
    fills: tuple[Fill, ...] = ()
    """From light to heavy."""
    metres: dict[str, MetrePatterns] = Field(min_length=1)
    """What is played, by the time signature, such as 4/4 or 6/8."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for signature, patterns in self.metres.items():
            try:
                num_signs = metre_of(signature).beats_per_bar * SIXTEENTHS_PER_BEAT
            except ValueError as error:
                raise MisplacedError(("metres", signature), str(error)) from error
            for kind in ("drums", "bass", "chords"):
                for number, pattern in enumerate(getattr(patterns, kind)):
                    _check_rows(pattern.all_rows, num_signs, ("metres", signature, kind, number))
        for number, fill in enumerate(self.fills):
            _check_rows(fill.rows, SIXTEENTHS_PER_BEAT, ("fills", number))
        return self

    def patterns_for(self, metre: MetreKind) -> MetrePatterns | None:
        """What is played in a metre: its own, else that of a metre of the same kind; None where there is none.

        Of one kind are metres whose beats have as many parts, and whose bars both are, or are not, multiples of three
        beats. A style that swings plays its simple metres in compound ones.
        """
        known = {metre_of(signature): patterns for signature, patterns in self.metres.items()}
        is_swung = self.swing is not None and self.swing >= SWUNG_FROM
        divisions = (metre.beat_division, 2) if is_swung else (metre.beat_division,)
        for division in divisions:
            alike = [one for one in known if one.beat_division == division and one.is_in_three == metre.is_in_three]
            exact = [one for one in alike if one.beats_per_bar == metre.beats_per_bar]
            if alike:
                return known[(exact or alike)[0]]
        return None


def _check_rows(rows: Mapping[Any, Row], num_signs: int, steps: tuple[str | int, ...]) -> None:
    for key, row in rows.items():
        for number, bar in enumerate(row, 1):
            if len(bar) != num_signs:
                problem = f"bar {number} has {len(bar)} signs, not {num_signs}: {SIXTEENTHS_PER_BEAT} for each beat"
                raise MisplacedError((*steps, key), problem)


def metre_of(signature: str) -> MetreKind:
    """Read a time signature: 6/8 has two beats of three parts.

    Raises:
        ValueError: it is none.
    """
    found = _METRE.fullmatch(signature)
    if found is None:
        raise ValueError(f"{signature!r} is no time signature such as 4/4, 3/4 or 6/8")
    count, unit = int(found[1]), int(found[2])
    is_compound = unit == 8 and count > 3 and count % 3 == 0
    return MetreKind(count // 3, 3) if is_compound else MetreKind(count, 2)


def sign(row: Sequence[str], bar: int, sixteenth: int) -> str:
    """The sign of a row at a sixteenth of a bar."""
    written = row[bar % len(row)]
    return written[sixteenth % len(written)]


class Manner(Settings):
    """How a band plays, whoever its players are."""

    style: Style | None = None
    """What is played; None: `free`, which follows the leader."""
    complexity: Share = 0.5
    """How many ghost notes, fills, approach and passing notes: 0 none, 0.5 as written. Above, fills come more often,
    approach and passing notes up to twice as often, and other takes vary more."""
    intro: Literal["count-1", "count-2", "last-4"] | None = None
    """One or two bars counted in, or the last four bars of the song, before the leader's first whole bar."""
    ending: Literal["stop", "ring", "ritard"] | None = None
    """The last chord is short, rings on for up to three seconds after the leader, or is followed by a bar on it that
    slows down; None: it ends with the leader."""
    humanize: Share = 0.5
    """How far strokes and notes stray from the grid and from their strength: 0 not at all, 0.5 as good players do, 1
    twice as far."""

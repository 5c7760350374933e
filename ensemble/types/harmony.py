"""Keys and chords: their tones and their names."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

Mode = Literal["major", "minor"]
Quality = Literal[
    "maj", "min", "dim", "7", "maj7", "min7", "aug", "sus2", "sus4", "5", "maj6", "min6", "add9", "minadd9",
    "minmaj7", "dim7", "hdim7", "7sus4", "9", "maj9", "min9", "maj69", "aug7", "7b9", "7#9", "9sus4", "13", "none",
]  # fmt: skip
"""Keys of `CHORD_FORMS`, and `none` where there is no chord."""

PITCH_CLASSES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")


class ChordForm(NamedTuple):
    """What a quality of chord is made of, and what it is called."""

    intervals: tuple[int, ...]
    """Semitones above the root: root, third or suspension, fifth, sixth or seventh; a ninth is 14, a thirteenth 21."""
    symbol: str
    """What follows the root on a lead sheet."""
    harte: str
    """What follows the root and a colon in a .lab file."""
    plain: Quality
    """The triad or seventh chord of the first six that it is a kind of: for who knows no more."""


CHORD_FORMS: dict[Quality, ChordForm] = {
    "maj": ChordForm((0, 4, 7), "", "maj", "maj"),
    "min": ChordForm((0, 3, 7), "m", "min", "min"),
    "dim": ChordForm((0, 3, 6), "dim", "dim", "dim"),
    "7": ChordForm((0, 4, 7, 10), "7", "7", "7"),
    "maj7": ChordForm((0, 4, 7, 11), "maj7", "maj7", "maj7"),
    "min7": ChordForm((0, 3, 7, 10), "m7", "min7", "min7"),
    "aug": ChordForm((0, 4, 8), "aug", "aug", "maj"),
    "sus2": ChordForm((0, 2, 7), "sus2", "sus2", "maj"),
    "sus4": ChordForm((0, 5, 7), "sus4", "sus4", "maj"),
    "5": ChordForm((0, 7), "5", "5", "maj"),
    "maj6": ChordForm((0, 4, 7, 9), "6", "maj6", "maj"),
    "min6": ChordForm((0, 3, 7, 9), "m6", "min6", "min"),
    "add9": ChordForm((0, 4, 7, 14), "add9", "maj(9)", "maj"),
    "minadd9": ChordForm((0, 3, 7, 14), "madd9", "min(9)", "min"),
    "minmaj7": ChordForm((0, 3, 7, 11), "mmaj7", "minmaj7", "min"),
    "dim7": ChordForm((0, 3, 6, 9), "dim7", "dim7", "dim"),
    "hdim7": ChordForm((0, 3, 6, 10), "m7b5", "hdim7", "dim"),
    "7sus4": ChordForm((0, 5, 7, 10), "7sus4", "sus4(b7)", "7"),
    "9": ChordForm((0, 4, 7, 10, 14), "9", "9", "7"),
    "maj9": ChordForm((0, 4, 7, 11, 14), "maj9", "maj9", "maj7"),
    "min9": ChordForm((0, 3, 7, 10, 14), "m9", "min9", "min7"),
    "maj69": ChordForm((0, 4, 7, 9, 14), "69", "maj6(9)", "maj"),
    "aug7": ChordForm((0, 4, 8, 10), "7#5", "aug(b7)", "7"),
    "7b9": ChordForm((0, 4, 7, 10, 13), "7b9", "7(b9)", "7"),
    "7#9": ChordForm((0, 4, 7, 10, 15), "7#9", "7(#9)", "7"),
    "9sus4": ChordForm((0, 5, 7, 10, 14), "9sus4", "sus4(b7,9)", "7"),
    "13": ChordForm((0, 4, 7, 10, 14, 21), "13", "13", "7"),
}
"""Every quality of chord that is known; all else that lists, names or plays qualities reads it here.

Source of the labels: Harte et al., Symbolic Representation of Musical Chords, ISMIR 2005.
"""

_HARTE_DEGREES = ("1", "b2", "2", "b3", "3", "4", "b5", "5", "#5", "6", "b7", "7")
_LETTERS = "FCGDAEB"
_FIFTHS_UP = (0, -5, 2, -3, 4, -1, -6, 1, 8, 3, -2, 5)
"""How far the tone so many semitones above a root lies from it on the line of fifths, by the letter of its degree."""
_LOWEST_PLAIN, _LOWEST_FLAT, _LOWEST_SHARP = -4, -6, -1
"""Fifths above C of the flattest of twelve names: Ab to C#, Gb to B, F to A#."""
_NEARNESS = {3: 4.0, 4: 4.0, 2: 3.0, 5: 3.0, 6: 2.0, 8: 2.0, 10: 2.0, 11: 2.0, 9: 1.5, 7: 1.0, 14: 1.0}
_UNUSUAL_TONE = 0.5
_WRONG_TONE = 2.0
"""How much worse it is to play a tone that was not meant than to leave one out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key."""

    tonic: int
    """Pitch class of the tonic: 0 is C, 11 is B."""
    mode: Mode
    """Major or minor."""

    def __post_init__(self) -> None:
        if self.tonic not in range(12) or self.mode not in get_args(Mode):
            raise ValueError(f"there is no key of {self.tonic} {self.mode}")

    def __str__(self) -> str:
        return f"{_name(self._fifths)} {self.mode}"

    @property
    def _fifths(self) -> int:
        """The tonic's place on the line of fifths: Db to F# in major, Eb to G# in minor."""
        return _on_line(self.tonic, -5 if self.mode == "major" else -3)

    @property
    def lowest_fifths(self) -> int:
        """Fifths above C of the flattest root that is written in this key; eleven more follow on the line of fifths."""
        above_relative_major = self._fifths - (0 if self.mode == "major" else 3)
        return min(max(above_relative_major + _LOWEST_PLAIN, _LOWEST_FLAT), _LOWEST_SHARP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chord:
    """A chord, or that there is none."""

    root: int
    """Pitch class of the root: 0 is C, 11 is B; without meaning where there is no chord."""
    quality: Quality
    """The kind of chord; `none` where there is no chord."""
    bass: int | None = None
    """Pitch class of the lowest tone of a slash chord; None where that is the root."""

    def __post_init__(self) -> None:
        if self.root not in range(12) or self.quality not in get_args(Quality):
            raise ValueError(f"there is no chord of {self.root} {self.quality}")
        if self.bass is not None and (self.quality == "none" or self.bass not in range(12)):
            raise ValueError(f"there is no chord of {self.root} {self.quality} over {self.bass}")
        if self.bass == self.root:
            object.__setattr__(self, "bass", None)

    @property
    def tones(self) -> tuple[int, ...]:
        """Pitch classes in the order of the form's intervals, without a foreign bass; none where there is no chord."""
        return () if self.quality == "none" else tuple((self.root + up) % 12 for up in self.form.intervals)

    @property
    def form(self) -> ChordForm:
        """What it is made of, where there is a chord."""
        return CHORD_FORMS[self.quality]

    @property
    def lowest(self) -> int:
        """Pitch class that belongs in the bass."""
        return self.root if self.bass is None else self.bass

    def __str__(self) -> str:
        return self._spelled(_LOWEST_PLAIN)

    def spelled(self, key: Key) -> str:
        """The name on a lead sheet, with flats or sharps as they are usual in a key."""
        return self._spelled(key.lowest_fifths)

    def _spelled(self, lowest: int) -> str:
        if self.quality == "none":
            return "-"
        root = _on_line(self.root, lowest)
        name = _name(root) + self.form.symbol
        if self.bass is None:
            return name
        interval = (self.bass - self.root) % 12
        if self.bass not in self.tones:
            return f"{name}/{_name(_on_line(self.bass, lowest))}"
        bass = root + _FIFTHS_UP[interval] - (12 if self.quality == "dim7" and interval == 9 else 0)
        return f"{name}/{_name(bass if -8 <= bass <= 12 else _on_line(self.bass, lowest))}"

    @property
    def harte(self) -> str:
        """The label in a .lab file, as `D:maj/3` or `N`."""
        if self.quality == "none":
            return "N"
        bass = "" if self.bass is None else f"/{_HARTE_DEGREES[(self.bass - self.root) % 12]}"
        return f"{PITCH_CLASSES[self.root]}:{self.form.harte}{bass}"


NO_CHORD = Chord(root=0, quality="none")


def nearest_quality(intervals: Collection[int]) -> Quality:
    """The quality with these tones, or else the one that plays hardly a tone too many and leaves out the least.

    Args:
        intervals: in semitones above the root, as in `CHORD_FORMS`: ninths are 14, elevenths 17, thirteenths 21.
    """

    def misfit(quality: Quality) -> float:
        played, meant = set(CHORD_FORMS[quality].intervals), set(intervals)
        missing = sum(_NEARNESS.get(tone, _UNUSUAL_TONE) for tone in meant - played)
        return missing + _WRONG_TONE * sum(_NEARNESS.get(tone, _UNUSUAL_TONE) for tone in played - meant)

    return min(CHORD_FORMS, key=misfit)


def tone_name(pitch_class: int, key: Key | None) -> str:
    """The name of a tone, with flats or sharps as they are usual in a key."""
    return _name(_on_line(pitch_class, _LOWEST_PLAIN if key is None else key.lowest_fifths))


def _on_line(pitch_class: int, lowest: int) -> int:
    """Fifths above C of the name of a pitch class among the twelve from `lowest` up."""
    return lowest + (7 * pitch_class - lowest) % 12


def _name(fifths: int) -> str:
    """The name of a tone so many fifths above C."""
    sharps = (fifths + 1) // 7
    return _LETTERS[(fifths + 1) % 7] + ("#" * sharps if sharps > 0 else "b" * -sharps)

"""Keys and chords: their names and their tones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Mode = Literal["major", "minor"]
Quality = Literal["maj", "min", "dim", "7", "maj7", "min7", "none"]

PITCH_CLASSES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
TONES: dict[Quality, tuple[int, ...]] = {
    "maj": (0, 4, 7),
    "min": (0, 3, 7),
    "dim": (0, 3, 6),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "min7": (0, 3, 7, 10),
}
"""Semitones above the root, by quality: root, third, fifth and, where there is one, seventh."""


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
        return f"{PITCH_CLASSES[self.tonic]} {self.mode}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chord:
    """A chord, or that there is none."""

    root: int
    """Pitch class of the root: 0 is C, 11 is B; without meaning where there is no chord."""
    quality: Quality
    """The kind of chord; `none` where there is no chord."""

    def __post_init__(self) -> None:
        if self.root not in range(12) or self.quality not in get_args(Quality):
            raise ValueError(f"there is no chord of {self.root} {self.quality}")

    def __str__(self) -> str:
        names = {"maj": "", "min": "m", "min7": "m7", "none": ""}
        return "-" if self.quality == "none" else PITCH_CLASSES[self.root] + names.get(self.quality, self.quality)


NO_CHORD = Chord(root=0, quality="none")

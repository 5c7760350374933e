"""Keys, chords and loops: what the parts of a piece agree on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ensemble.types.harmony import CHORD_FORMS, PITCH_CLASSES

SCALES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
}
MODES: dict[str, tuple[str, ...]] = {
    "house": ("major", "minor", "dorian", "mixolydian"),
    "other": ("lydian", "phrygian", "harmonic minor"),
    "songs": ("major", "major", "minor", "harmonic minor", "dorian", "mixolydian"),
}
LOOPS: dict[str, tuple[tuple[int, ...], ...]] = {
    "house": (
        (0, 4, 5, 3), (0, 5, 3, 4), (0, 3, 4, 0), (5, 3, 0, 4), (0, 3, 0, 4, 0), (0, 2, 3, 4, 5, 4),
        (0, 1, 4, 0, 5, 1, 4, 4), (0, 4, 5, 2, 3, 0, 3, 4), (0, 6, 3, 0, 5), (0, 3, 1, 4, 2, 5, 1, 4),
    ),
    "other": (
        (0, 1, 0, 6), (0, 6, 1, 0, 2), (0, 2, 5, 1, 3, 6), (0, 1, 2, 1, 3, 1, 6, 0), (0, 5, 2, 6, 0, 1, 5),
    ),
    "songs": (
        (0, 4, 5, 3), (0, 5, 3, 4), (5, 3, 0, 4), (0, 3, 4, 3), (0, 0, 3, 3, 0, 4), (1, 4, 0, 5), (0, 2, 3, 4),
        (0, 3, 6, 2, 5, 1, 4, 0), (0, 6, 5, 4), (3, 0, 4, 5), (0, 4, 1, 3), (0, 5, 1, 4, 0, 3, 4, 4),
    ),
}  # fmt: skip
"""Roots as scale degrees from 0; four to eight chords."""
_SYMBOLS = {form.intervals: form.symbol for form in CHORD_FORMS.values()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposedChord:
    """A root pitch class (0 is C) and the semitones above it, the root itself first."""

    root: int
    intervals: tuple[int, ...]

    @property
    def pitch_classes(self) -> tuple[int, ...]:
        """The chord's pitch classes, root first."""
        return tuple((self.root + interval) % 12 for interval in self.intervals)

    def __str__(self) -> str:
        plain = PITCH_CLASSES[self.root]
        return plain + _SYMBOLS.get(self.intervals, "(" + ",".join(map(str, self.intervals)) + ")")


def stacked(scale: tuple[int, ...], tonic: int, degree: int, steps: tuple[int, ...]) -> ComposedChord:
    """The chord on a degree made of scale steps above it: (0, 2, 4) is a triad, (0, 3, 4) a fourth chord."""
    up = [scale[(degree + step) % 7] + 12 * ((degree + step) // 7) for step in steps]
    return ComposedChord(root=(tonic + up[0]) % 12, intervals=tuple(pitch - up[0] for pitch in up))


def draw_loop(rng: np.random.Generator, style: str, mode: str, tonic: int) -> tuple[ComposedChord, ...]:
    """A loop of four to eight chords in a key: triads and sevenths, in the style `other` suspensions, too."""
    degrees = LOOPS[style][rng.integers(len(LOOPS[style]))]
    builds: tuple[tuple[int, ...], ...] = ((0, 2, 4), (0, 2, 4), (0, 2, 4, 6))
    if style == "other":
        builds = ((0, 1, 4), (0, 3, 4), (0, 2, 4, 6), (0, 2, 4))
    return tuple(stacked(SCALES[mode], tonic, degree, builds[rng.integers(len(builds))]) for degree in degrees)


def scale_pitches(tonic: int, mode: str, low: int, high: int) -> list[int]:
    """Every note of the key from `low` to `high`, in MIDI."""
    inside = {(tonic + step) % 12 for step in SCALES[mode]}
    return [pitch for pitch in range(low, high + 1) if pitch % 12 in inside]

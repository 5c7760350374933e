"""Chord shapes that a left hand can hold: one note a string, four frets wide, the root in the bass."""

from __future__ import annotations

import functools
import itertools

from ensemble.data.compose.harmony import ComposedChord

STRINGS_MIDI = (40, 45, 50, 55, 59, 64)
"""Open strings from the low E."""
HIGHEST_POSITION = 7
HAND_FRETS = 4


@functools.cache
def shapes(chord: ComposedChord) -> tuple[tuple[int | None, ...], ...]:
    """Every shape of a chord worth playing, easiest first.

    Returns:
        Per shape the MIDI pitch of each string from the lowest, None where it is not played. Every string above the
        bass sounds, every pitch class of the chord occurs (of four, the fifth may be missing).
    """
    needed = set(chord.pitch_classes) - ({(chord.root + 7) % 12} if len(chord.intervals) > 3 else set())
    found: dict[tuple[int | None, ...], float] = {}
    for position in range(HIGHEST_POSITION + 1):
        frets = [f for f in (0, *range(position, position + HAND_FRETS)) if f >= position or position <= 2]
        for bass in range(3):
            per_string = [
                sorted({fret for fret in frets if (open_midi + fret) % 12 in chord.pitch_classes})
                for open_midi in STRINGS_MIDI[bass:]
            ]
            roots = [fret for fret in per_string[0] if (STRINGS_MIDI[bass] + fret) % 12 == chord.root]
            for choice in itertools.product(roots, *per_string[1:]):
                pitches = tuple(o + f for o, f in zip(STRINGS_MIDI[bass:], choice, strict=True))
                if _is_held_by_four_fingers(choice) and needed <= {pitch % 12 for pitch in pitches}:
                    shape = (None,) * bass + pitches
                    found.setdefault(shape, position + 0.4 * bass + 0.2 * (len(pitches) - len(set(pitches))))
    return tuple(sorted(found, key=lambda shape: (found[shape], tuple(pitch or 0 for pitch in shape))))


def next_shape(chord: ComposedChord, before: tuple[int | None, ...] | None, reach: int = 12) -> tuple[int | None, ...]:
    """The shape among the easiest `reach` that moves the least from the one before."""
    easiest = shapes(chord)[:reach]
    if before is None:
        return easiest[0]

    def moved(ranked: tuple[int, tuple[int | None, ...]]) -> float:
        rank, shape = ranked
        steps = [abs(a - b) for a, b in zip(before, shape, strict=True) if a is not None and b is not None]
        return sum(steps) / max(len(steps), 1) + 0.25 * rank

    return min(enumerate(easiest), key=moved)[1]


def _is_held_by_four_fingers(frets: tuple[int, ...]) -> bool:
    """Four fingers, the first of which may lie across the strings where none is open."""
    pressed = [fret for fret in frets if fret > 0]
    if not pressed or max(pressed) - min(pressed) >= HAND_FRETS:
        return not pressed
    barred = pressed.count(min(pressed)) if 0 not in frets else 1
    return len(pressed) - barred + 1 <= 4

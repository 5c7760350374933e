"""The pitch classes of chords, and the scales that suit them."""

from __future__ import annotations

from functools import cache

from ensemble.types.harmony import TONES, Chord, Key

_MAJOR = (0, 2, 4, 5, 7, 9, 11)
_MINOR = (0, 2, 3, 5, 7, 8, 10)


def sounding(chord: Chord, key: Key) -> Chord:
    """The chord that the band plays: the chord itself, or the key's tonic triad where there is none."""
    if chord.quality != "none":
        return chord
    return Chord(root=key.tonic, quality="maj" if key.mode == "major" else "min")


def tones(chord: Chord) -> tuple[int, ...]:
    """Pitch classes of a chord: root, third, fifth and, where it has one, seventh."""
    return tuple((chord.root + step) % 12 for step in TONES[chord.quality])


@cache
def scale(key: Key, chord: Chord) -> frozenset[int]:
    """Pitch classes that may be passing notes under a chord: its own tones, and those of the key's scale that are not a
    semitone from a chord tone outside the key.
    """
    own = set(tones(chord))
    steps = {(key.tonic + step) % 12 for step in (_MAJOR if key.mode == "major" else _MINOR)}
    foreign = own - steps
    return frozenset(own | {pitch for pitch in steps if not ({(pitch + 1) % 12, (pitch - 1) % 12} & foreign)})

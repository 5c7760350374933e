"""What a chord's name means: its pitch classes, and the scale that leads through it."""

from __future__ import annotations

from functools import cache

from ensemble.types.harmony import TONES, Chord, Key

_MAJOR = (0, 2, 4, 5, 7, 9, 11)
_MINOR = (0, 2, 3, 5, 7, 8, 10)


def sounding(chord: Chord, key: Key) -> Chord:
    """The chord that is played: no chord is answered with the key's tonic triad (and softly, see the parts)."""
    if chord.quality != "none":
        return chord
    return Chord(root=key.tonic, quality="maj" if key.mode == "major" else "min")


def tones(chord: Chord) -> tuple[int, ...]:
    """Pitch classes of a chord: root, third, fifth and, where it has one, seventh."""
    return tuple((chord.root + step) % 12 for step in TONES[chord.quality])


@cache
def scale(key: Key, chord: Chord) -> frozenset[int]:
    """Pitch classes that pass well under a chord: the key's scale, less what lies a semitone from a chord tone that
    the key does not have, and the chord's own tones.
    """
    own = set(tones(chord))
    steps = {(key.tonic + step) % 12 for step in (_MAJOR if key.mode == "major" else _MINOR)}
    foreign = own - steps
    return frozenset(own | {pitch for pitch in steps if not ({(pitch + 1) % 12, (pitch - 1) % 12} & foreign)})

"""Which chord the band plays, and the scale that suits it."""

from __future__ import annotations

from functools import cache

from ensemble.types.harmony import Chord, Key

_MAJOR = (0, 2, 4, 5, 7, 9, 11)
_MINOR = (0, 2, 3, 5, 7, 8, 10)
_SUSPENSIONS, _THIRDS = (2, 5), (3, 4)


def sounding(chord: Chord, key: Key) -> Chord:
    """The chord that the band plays: the chord itself, or the key's tonic triad where there is none."""
    if chord.quality != "none":
        return chord
    return Chord(root=key.tonic, quality="maj" if key.mode == "major" else "min")


@cache
def scale(key: Key, chord: Chord) -> frozenset[int]:
    """Pitch classes that may be passing notes under a chord: its own tones, and those of the key's scale that are not a
    semitone from a chord tone outside the key, nor the third that a suspension keeps waiting.
    """
    own = {*chord.tones, chord.lowest}
    steps = {(key.tonic + step) % 12 for step in (_MAJOR if key.mode == "major" else _MINOR)}
    foreign = own - steps
    if chord.form.intervals[1] in _SUSPENSIONS:
        steps -= {(chord.root + third) % 12 for third in _THIRDS}
    return frozenset(own | {pitch for pitch in steps if not ({(pitch + 1) % 12, (pitch - 1) % 12} & foreign)})

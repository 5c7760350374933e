"""What a chord sounds beyond its triad and seventh: suspensions, sixths, ninths, and a bass that is not its root.

The chord network says such things seldom, and hardly ever wrongly; what it leaves unsaid stays as it was found.
"""

from __future__ import annotations

import numpy as np

from ensemble.listen.harmony import TRIADS
from ensemble.types.harmony import CHORD_FORMS, Chord, Quality, nearest_quality
from ensemble.types.music import FloatArray

LEAST_TRIAD, LEAST_ADDED, LEAST_BASS = 0.3, 0.3, 0.6
"""Probability from which a suspended or augmented triad is heard on a root, a tone above the triad, another bass."""
_COLOURED_TRIADS: tuple[Quality, ...] = ("sus4", "sus2", "aug")
_HIGHEST_FIFTH = 8
_FIRST_BASS = 74
_SEVENTHS, _NINTHS = {87: 11, 88: 10, 89: 9}, {91: 14, 92: 15, 93: 13}
_SIXTH = 98
"""Rows of `chord_probability`, and semitones above the root."""


def coloured(chords: tuple[Chord, ...], said: FloatArray, beats_per_bar: int, first_downbeat: int) -> tuple[Chord, ...]:
    """The same chords with their colours and basses, each as it is on average from its beginning to the end of a bar.

    Args:
        chords: plain ones.  [beats]
        said: what the chord network says of each beat, in the rows of `chord_probability`.  [100, beats]
        beats_per_bar: beats in a bar.
        first_downbeat: index of the first beat that opens a bar.
    """
    found: list[Chord] = []
    while (start := len(found)) < len(chords):
        stop = start + 1
        while stop < len(chords) and chords[stop] == chords[start] and (stop - first_downbeat) % beats_per_bar:
            stop += 1
        found += [_coloured(chords[start], said[:, start:stop].mean(axis=1))] * (stop - start)
    return tuple(found)


def _coloured(chord: Chord, said: FloatArray) -> Chord:
    """A chord as the network says it is.  said [100]"""
    if chord.quality == "none" or not said.any():
        return chord
    triad = max(_COLOURED_TRIADS, key=lambda one: said[1 + 12 * TRIADS.index(one) + chord.root])
    if said[1 + 12 * TRIADS.index(triad) + chord.root] >= LEAST_TRIAD:
        tones = {*CHORD_FORMS[triad].intervals, *(tone for tone in chord.form.intervals if tone > _HIGHEST_FIFTH)}
    else:
        tones = {*chord.form.intervals, *(_added(said, _SEVENTHS) if chord.quality == "dim" else ())}
    tones.update(_added(said, _NINTHS))
    if said[_SIXTH] >= LEAST_ADDED:
        tones.add(21 if tones & {10, 11} else 9)
    bass = int(np.argmax(said[_FIRST_BASS : _FIRST_BASS + 12]))
    is_bass = said[_FIRST_BASS + bass] >= LEAST_BASS
    return Chord(root=chord.root, quality=nearest_quality(tones), bass=bass if is_bass else None)


def _added(said: FloatArray, semitones: dict[int, int]) -> tuple[int, ...]:
    """The likeliest of some tones, if it is likely."""
    row = max(semitones, key=lambda one: said[one])
    return (semitones[row],) if said[row] >= LEAST_ADDED else ()

"""Which chord will sound on the beats to come.

It is the chart's, or what followed when the last bars were heard before, or the one that sounds now.

A guess is played as root and fifth, which are right more often than the third.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.chart.chart import Chart
from ensemble.types.harmony import NO_CHORD, Chord, Key
from ensemble.types.music import FloatArray
from ensemble.types.names import read_chord

CHANGE_NATS = 2.0
"""How much surer the network has to be of another chord before the chord changes from one beat to the next."""
LEAST_PROBABILITY = 1e-3
CONTEXT_BEATS, CONTEXT_FADES = 12, 0.9
"""So many beats are looked for in what was heard before; of each, one before it counts this share."""
CONTEXT_AGREES = 0.7
"""They are found where so much of them has the same chords."""
_UNKNOWN_KEY = Key(tonic=0, mode="major")


class Foreseen(NamedTuple):
    """One beat to come."""

    chord: Chord
    """What is played."""
    key: Key
    """Its key."""


class Foresight:
    """Chords of the beats that have been heard, and what they say of those to come.

    Args:
        chords: what the columns of the chord probabilities stand for; the last is no chord.
        beats_per_bar: beats in a bar.
        chart: the song's, where the player gave one.
        key: where the player says it.

    Attributes:
        beats_per_bar: may be set anew while the music goes on.
        loop_beats: how many beats ago, in whole bars, the last beats were heard before; None where they were not.
    """

    def __init__(self, chords: Sequence[Chord], beats_per_bar: int, chart: Chart | None, key: Key | None) -> None:
        self._chords, self.beats_per_bar = chords, beats_per_bar
        self._chart, self._key = chart, key
        self._path = np.zeros(len(chords))
        self._heard: list[int] = []
        self._sounding = len(chords) - 1
        self.loop_beats: int | None = None

    @property
    def heard(self) -> tuple[Chord, ...]:
        """The chord of each beat that has been heard."""
        return tuple(self._chords[chord] for chord in self._heard)

    def _found_before(self) -> int | None:
        """How many beats ago, in whole bars, the last beats were heard before; None where they were not."""
        past, weight = np.array(self._heard), CONTEXT_FADES ** np.arange(CONTEXT_BEATS)[::-1]
        last, best = past[-CONTEXT_BEATS:], (CONTEXT_AGREES, 0)
        for length in range(self.beats_per_bar, len(past) - CONTEXT_BEATS + 1, self.beats_per_bar):
            agrees = weight @ (last == past[-CONTEXT_BEATS - length : -length]) / weight.sum()
            if agrees > best[0]:
                best = float(agrees), length
        return best[1] or None

    def hear_beat(self, said: FloatArray) -> None:
        """Add the next beat.

        Args:
            said: the chord probabilities while it sounded.  [steps, chords]
        """
        surprise = -np.log(np.maximum(said.mean(axis=0), LEAST_PROBABILITY)) if len(said) else np.zeros(len(self._path))
        self._path = np.minimum(self._path, self._path.min() + CHANGE_NATS) + surprise
        self._path -= self._path.min()
        self._sounding = int(np.argmin(self._path))
        self._heard.append(self._sounding)
        self.loop_beats = self._found_before()

    def hear_now(self, said: FloatArray) -> None:
        """What sounds in the beat that has not ended.  [steps, chords]"""
        if len(said):
            surprise = -np.log(np.maximum(said.mean(axis=0), LEAST_PROBABILITY))
            path = np.minimum(self._path, self._path.min() + CHANGE_NATS) + surprise
            self._sounding = int(np.argmin(path))

    def of(self, beat: int, bar: int, position: int) -> Foreseen:
        """What will sound, or did.

        Args:
            beat: from the first that was heard.
            bar: its bar in the chart, from 0.
            position: its place in the bar.
        """
        if self._chart is not None:
            written = self._chart.bars[bar % len(self._chart.bars)]
            key = written.key or self.key
            return Foreseen(read_chord(written.chords[position]).chord, key)
        if 0 <= beat < len(self._heard):
            return self._keyed(self._chords[self._heard[beat]])
        if (loop := self.loop_beats) is not None:
            known = len(self._heard)
            return self._keyed(self._chords[self._heard[known - loop + (beat - known) % loop]])
        chord = self._chords[self._sounding]
        return self._keyed(chord if chord == NO_CHORD else Chord(root=chord.root, quality="5"))

    def _keyed(self, chord: Chord) -> Foreseen:
        return Foreseen(chord, self.key)

    @property
    def key(self) -> Key:
        """What the player or the chart says, or else the major key to which most chords so far belong."""
        given = self._key or (self._chart.key if self._chart else None)
        if given is not None:
            return given
        counts = np.zeros(12)
        for chord in self._heard:
            if self._chords[chord] != NO_CHORD:
                counts[list(self._chords[chord].tones)] += 1
        if not counts.any():
            return _UNKNOWN_KEY
        scales: NDArray[np.float64] = np.array([np.roll(_MAJOR, tonic) for tonic in range(12)])
        return Key(tonic=int(np.argmax(scales @ counts)), mode="major")


_MAJOR = np.array([1.2, -1, 1, -1, 1, 1, -1, 1.1, -1, 1, -1, 1])
"""The tones of a major key; its tonic and fifth count a little more."""

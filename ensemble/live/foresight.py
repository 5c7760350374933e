"""Which chord will sound on the beats to come.

It is the chart's, or what followed when the last bars were heard before, or the one that sounds now.

The last bars are trusted as far as they would have foretold what was heard since: they are played where they foretold
more of it than the chord that sounds would have, and are proven once they have foretold a whole pass of themselves, or
so many beats as are looked at.
Until then a guess is played as root and fifth, which are right more often than the third. Of a loop, what was heard the
last time and the time before both have their say.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.chart.chart import Chart
from ensemble.live.bars import BarGrid
from ensemble.types.harmony import NO_CHORD, Chord, Key
from ensemble.types.music import FloatArray
from ensemble.types.names import read_chord

CHANGE_NATS, CHANGE_WITHIN_NATS = 1.5, 3.0
"""How much surer the network has to be of another chord before the chord changes on a bar line, and on another beat."""
REHEARD_BEATS = 32
"""So many beats are understood anew with each that is added: what follows tells where a chord began."""
LEAST_PROBABILITY = 1e-3
CONTEXT_BEATS, CONTEXT_FADES = 24, 0.93
"""So many beats are looked for in what was heard before; of each, one before it counts this share."""
FEWEST_BEATS, LONGEST_BARS = 8, 16
"""At least so many of them must have a counterpart there; so far back it may lie."""
KEPT_BEATS = 256
"""What was heard of so many beats is kept: twice the longest loop in most metres."""
DOUBT_BEATS, DOUBT_AGREES = 4.0, 0.3
"""Beats that nobody heard are added, and so much of them agrees: a few alike are soon found by chance."""
LIKELY_AGREES, PROVEN_AGREES = 0.35, 0.55
"""So much of them has to be foretold for a loop to be played, and for one to be proven."""
HELD_BEATS = 3
"""A chord that goes on is played so many beats after it was heard."""
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
        chart: the song's, where the player gave one.
        key: where the player says it.

    Attributes:
        loop_beats: how many beats ago, in whole bars, the last beats were heard before; None where they were not.
        is_proven: whether that loop has foretold its last pass, or of a longer one the last `CONTEXT_BEATS`.
    """

    def __init__(self, chords: Sequence[Chord], chart: Chart | None, key: Key | None) -> None:
        self._chords, self._chart, self._key = chords, chart, key
        self._surprise: deque[NDArray[np.float64]] = deque(maxlen=KEPT_BEATS)
        self._path = np.zeros(len(chords))
        self._heard: list[int] = []
        self._loop: list[int] = []
        self._tones = np.zeros(12)
        self._sounding = len(chords) - 1
        self._opens_next = False
        self.loop_beats: int | None = None
        self.is_proven = False

    @property
    def heard(self) -> tuple[Chord, ...]:
        """The chord of each beat that has been heard."""
        return tuple(self._chords[chord] for chord in self._heard)

    def _found_before(self, beats_per_bar: int) -> int | None:
        """How many beats ago, in whole bars, the last beats were heard before; None where they were not."""
        latest = min(len(self._heard) - FEWEST_BEATS, LONGEST_BARS * beats_per_bar)
        agrees = {length: self._agrees(length) for length in range(beats_per_bar, latest + 1, beats_per_bar)}
        best = max(agrees, key=lambda length: agrees[length], default=None)
        least = max(LIKELY_AGREES, self._agrees(HELD_BEATS))
        return best if best is not None and agrees[best] > least else None

    def _has_foretold(self, loop_beats: int) -> bool:
        """Whether a loop has gone round, or so many beats as are looked at, and most of them were what it says."""
        has_gone_round = len(self._heard) - loop_beats >= min(loop_beats, CONTEXT_BEATS)
        return has_gone_round and self._agrees(loop_beats) >= PROVEN_AGREES

    def _agrees(self, beats_ago: int) -> float:
        """How much of the last beats has the chords of so many beats before, 0..1."""
        past = np.array(self._heard[-CONTEXT_BEATS - beats_ago :])
        same = past[beats_ago:][-CONTEXT_BEATS:] == past[:-beats_ago][-CONTEXT_BEATS:]
        weight = CONTEXT_FADES ** np.arange(len(same))[::-1]
        return float((weight @ same + DOUBT_BEATS * DOUBT_AGREES) / (weight.sum() + DOUBT_BEATS))

    def hear_beat(self, said: FloatArray, grid: BarGrid, before: FloatArray | None = None) -> None:
        """Add the next beat.

        Args:
            said: the chord probabilities while it sounded.  [steps, chords]
            grid: where bars begin.
            before: those of the beat before, as it is heard by now, in place of what was said of it then.
        """
        if before is not None and self._surprise:
            self._surprise[-1] = self._surprise_at(before)
        self._surprise.append(self._surprise_at(said))
        recent = list(self._surprise)[-REHEARD_BEATS:]
        first = len(self._heard) + 1 - len(recent)
        self._count(self._heard[first:], -1)
        self._heard[first:], self._path = _most_probable(recent, first, grid)
        self._count(self._heard[first:], 1)
        self._sounding = self._heard[-1]
        self._opens_next = grid.opens(len(self._heard))
        self.loop_beats = self._found_before(grid.beats_per_bar)
        self.is_proven = self.loop_beats is not None and self._has_foretold(self.loop_beats)
        self._loop = [] if self.loop_beats is None else self._voted(self.loop_beats, grid)

    def _voted(self, loop_beats: int, grid: BarGrid) -> list[int]:
        """The chords of the last loop, by it and the one before; it is gone through twice, so that its ends agree."""
        kept = np.array(self._surprise)
        votes, earlier = kept[-loop_beats:], kept[-2 * loop_beats : -loop_beats].copy()
        votes[len(votes) - len(earlier) :] += earlier
        chords, _ = _most_probable([*votes, *votes], len(self._heard) - 2 * loop_beats, grid)
        return chords[-loop_beats:]

    def _count(self, heard: Sequence[int], weight: int) -> None:
        """Add the tones of the chords of some beats to those of all, or with a weight of -1 take them away."""
        for chord in heard:
            if self._chords[chord] != NO_CHORD:
                self._tones[list(self._chords[chord].tones)] += weight

    def hear_now(self, said: FloatArray) -> None:
        """What sounds in the beat that has not ended.  [steps, chords]"""
        if len(said):
            self._sounding = int(np.argmin(_changed(self._path, self._opens_next) + self._surprise_at(said)))

    def _surprise_at(self, said: FloatArray) -> NDArray[np.float64]:
        """How little each chord fits a beat.  [chords]"""
        if not len(said):
            return np.zeros(len(self._chords))
        surprise: NDArray[np.float64] = -np.log(np.maximum(said.mean(axis=0), LEAST_PROBABILITY)).astype(np.float64)
        return surprise

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
        loop = self.loop_beats
        chord = self._chords[self._sounding if loop is None else self._loop[(beat - len(self._heard)) % loop]]
        return self._keyed(chord if self.is_proven or chord == NO_CHORD else Chord(root=chord.root, quality="5"))

    def _keyed(self, chord: Chord) -> Foreseen:
        return Foreseen(chord, self.key)

    @property
    def key(self) -> Key:
        """What the player or the chart says, or else the major key to which most chords so far belong."""
        given = self._key or (self._chart.key if self._chart else None)
        if given is not None:
            return given
        if not self._tones.any():
            return _UNKNOWN_KEY
        scales: NDArray[np.float64] = np.array([np.roll(_MAJOR, tonic) for tonic in range(12)])
        return Key(tonic=int(np.argmax(scales @ self._tones)), mode="major")


def _most_probable(
    surprises: Sequence[NDArray[np.float64]], first: int, grid: BarGrid
) -> tuple[list[int], NDArray[np.float64]]:
    """The chords of some beats that fit best together, by dynamic programming.

    Args:
        surprises: how little each chord fits each beat.  [beats][chords]
        first: number of the first of these beats.
        grid: where bars begin.

    Returns:
        the chords; and by how much dearer each would have been for the last beat, [chords].
    """
    path = np.zeros(len(surprises[0]))
    stays: list[NDArray[np.bool_]] = []
    befores: list[int] = []
    for beat, surprise in enumerate(surprises, first):
        changed = _changed(path, grid.opens(beat))
        stays.append(changed == path)
        befores.append(int(np.argmin(path)))
        path = changed + surprise
    chords = [int(np.argmin(path))]
    for stay, before in zip(reversed(stays[1:]), reversed(befores[1:]), strict=True):
        chords.append(chords[-1] if stay[chords[-1]] else before)
    return chords[::-1], path - path.min()


def _changed(path: NDArray[np.float64], opens: bool) -> NDArray[np.float64]:
    """What each chord costs on the next beat: it goes on, or comes after the best.  [chords]"""
    changed: NDArray[np.float64] = np.minimum(path, path.min() + (CHANGE_NATS if opens else CHANGE_WITHIN_NATS))
    return changed


_MAJOR = np.array([1.2, -1, 1, -1, 1, 1, -1, 1.1, -1, 1, -1, 1])
"""The tones of a major key; its tonic and fifth count a little more."""

"""The pen: chooses the pitches of a line one after another."""

from __future__ import annotations

import numpy as np

from ensemble.data.compose.harmony import ComposedChord, scale_pitches
from ensemble.data.compose.piece import Piece


class Pen:
    """Remembers where the line is; the next note lies near it, within the key, and on the chord where that counts."""

    def __init__(self, rng: np.random.Generator, piece: Piece, low: int, high: int, freedom: float = 0.7) -> None:
        self._rng, self._freedom = rng, freedom
        self._pitches = np.array(scale_pitches(piece.tonic, piece.mode, low, high))
        self.last = float(rng.uniform(0.3, 0.6) * (high - low) + low)
        """The pitch of the last note, in MIDI."""
        self._leap = 0.0
        self._direction = 1

    def sing(self, chord: ComposedChord, wanted_midi: float, *, is_strong: bool, only: int | None = None) -> int:
        """The pitch that suits the chord, the place where the line is wanted, and what came before.

        Args:
            chord: of the moment.
            wanted_midi: where the line should lie by now.
            is_strong: whether the note should belong to the chord.
            only: the pitch class that it must have, if any.
        """
        pitches = self._pitches
        step = pitches - self.last
        cost = 0.22 * np.abs(pitches - wanted_midi) + 0.35 * np.abs(step) + 0.5 * np.maximum(np.abs(step) - 4, 0)
        cost = cost + 1.0 * (step == 0) + self._rng.gumbel(0, self._freedom, len(pitches))
        if abs(self._leap) > 4:
            cost = cost + 2.0 * (np.sign(step) == np.sign(self._leap))
        cost = cost + (6.0 if is_strong else 0.8) * ~np.isin(pitches % 12, chord.pitch_classes)
        third = (chord.root + chord.intervals[1]) % 12
        if third not in pitches % 12:  # a raised leading note: its plain form would rub against it
            cost = cost + 4.0 * ((pitches + 1) % 12 == third)
        if only is not None:
            cost = cost + 50.0 * (pitches % 12 != only)
        return self._moved(pitches[np.argmin(cost)])

    def travel(self, chord: ComposedChord | None = None) -> int:
        """The next note of the scale, or of a chord, in the direction of travel; turns at the edges, seldom before."""
        pitches = self._pitches
        if chord is not None:
            pitches = pitches[np.isin(pitches % 12, chord.pitch_classes)]
        if self._rng.random() < 0.08:
            self._direction = -self._direction
        onward = pitches[(pitches - self.last) * self._direction > 0]
        if not len(onward):
            self._direction = -self._direction
            onward = pitches[(pitches - self.last) * self._direction > 0]
        return self._moved(onward[np.argmin(np.abs(onward - self.last))])

    def _moved(self, pitch: int) -> int:
        self._leap, self.last = pitch - self.last, float(pitch)
        return int(pitch)

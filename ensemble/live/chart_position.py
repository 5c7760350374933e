"""Where in its chart a song is: also after the player begins late, skips bars or plays them again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ensemble.chart.chart import Chart
from ensemble.types.harmony import CHORD_FORMS, NO_CHORD, Chord
from ensemble.types.music import FloatArray
from ensemble.types.names import read_chord

SKIP, FAR, JUMP = 1e-2, 2e-3, 2e-4
"""How probable it is that the player leaves out or plays again a few bars, goes on in any other bar (both at bar
lines), or anywhere at all."""
BARS_AWAY = np.arange(1, 17)
"""A few bars, forward or back from where the music would be."""
SHARE_BY_BARS = 0.5 / (1 + BARS_AWAY) / np.sum(1 / (1 + BARS_AWAY))
"""How the skips of one direction are shared out: near ones are likelier."""
LEAST_PROBABILITY = 0.02
"""Of a chord: the listener mishears some."""
DOWNBEAT_WEIGHT = 0.5
"""Of what is heard of bar lines, beside what is heard of chords."""
LATER_COST, LATEST_BEATS = 0.7, 6
"""What it costs, for each beat, that the chart begins before or after the leader's first sound; up to so many."""
SAID_NATS = 20.0
"""By how much less sure, as a logarithm, all places are that contradict the player."""
SURER_BY = 1.0
"""Another place must be so much surer, as a logarithm, before the band goes there."""


class ChartPosition:
    """A filter over all places of the chart, which is played again and again.

    Args:
        chart: the song's.
        chords: what the columns of chord probabilities stand for.

    Attributes:
        shift: the beat on which the chart begins.
    """

    def __init__(self, chart: Chart, chords: Sequence[Chord]) -> None:
        self._beats_per_bar = chart.metre.beats_per_bar
        written = [read_chord(chord).chord for bar in chart.bars for chord in bar.chords]
        kinds = [_kind(chord) for chord in chords]
        self._is_of: FloatArray = np.array([[kind == _kind(one) for kind in kinds] for one in written], np.float32)
        self._sure: NDArray[np.float64] = np.zeros(len(written))
        self._beat = 0
        self.shift = 0

    def begin(self, beat: float) -> None:
        """Say on which beat the leader's first sound lies, in fractions; it may be before beat 0."""
        places = np.arange(len(self._sure))
        away = np.abs((places - round(beat) + len(places) // 2) % len(places) - len(places) // 2)
        self._sure = -LATER_COST * np.minimum(away, LATEST_BEATS).astype(np.float64)
        self.shift = round(beat)

    def hear_beat(self, said: FloatArray, downbeat: float) -> None:
        """Add the next beat.

        Args:
            said: the chord probabilities while it sounded.  [steps, chords]
            downbeat: how probable a beat that opens a bar is there.
        """
        num_beats = len(self._sure)
        place = (self._beat - np.arange(num_beats)) % num_beats  # in the chart, for each beat on which it may begin
        mean = said.mean(axis=0) if len(said) else np.full(self._is_of.shape[1], 1.0 / self._is_of.shape[1])
        fits = np.log(np.maximum(self._is_of @ mean, LEAST_PROBABILITY))
        opens = place % self._beats_per_bar == 0
        bars = np.log(np.where(opens, max(downbeat, 0.05), max(1 - downbeat, 0.05)))
        sure = self._sure - self._sure.max()
        share = np.exp(sure)
        skipped = np.where(opens, self._beats_per_bar * self._skipped_to(share), 0.0)
        stays = np.log((1 - SKIP - FAR - JUMP) * share + skipped + JUMP * share.mean())
        self._sure = stays + fits[place] + DOWNBEAT_WEIGHT * bars
        self._beat += 1
        best = int(np.argmax(self._sure))
        if self._sure[best] > self._sure[self.shift % num_beats] + SURER_BY:
            self.shift = best

    def _skipped_to(self, share: NDArray[np.float64]) -> NDArray[np.float64]:
        """How probable it is that every place is skipped to, by how probable the places were.  [beats]"""
        by_bar = share.reshape(-1, self._beats_per_bar)
        skipped = np.full_like(by_bar, FAR * by_bar.mean(axis=0))
        for bars, part in zip(BARS_AWAY.tolist(), SHARE_BY_BARS.tolist(), strict=True):
            skipped += SKIP * part * (np.roll(by_bar, bars, axis=0) + np.roll(by_bar, -bars, axis=0))
        return skipped.reshape(-1)

    def say_one(self, beat: int) -> None:
        """The player says that a bar begins with this beat."""
        opens = (beat - np.arange(len(self._sure))) % self._beats_per_bar == 0
        self._sure = np.where(opens, self._sure, self._sure.min() - SAID_NATS)
        self.shift = int(np.argmax(self._sure))


def _kind(chord: Chord) -> tuple[int, str]:
    """Root and triad, which the listener tells apart best."""
    if chord == NO_CHORD:
        return -1, "none"
    plain = CHORD_FORMS[chord.quality].plain
    return chord.root, {"7": "maj", "maj7": "maj", "min7": "min"}.get(plain, plain)

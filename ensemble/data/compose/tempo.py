"""The beat of a piece, with a player's freedom: one tempo per beat, in the whole microseconds that MIDI keeps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TICKS_PER_QUARTER = 960


@dataclass(frozen=True, slots=True, kw_only=True)
class Metre:
    """A time signature: numerator / denominator, and how many quarters lie in a beat (1.5 in 6/8)."""

    numerator: int
    denominator: int
    beat_quarters: float

    @property
    def bar_quarters(self) -> float:
        """Length of a bar."""
        return 4.0 * self.numerator / self.denominator

    @property
    def beats_per_bar(self) -> int:
        """Beats as they are felt."""
        return round(self.bar_quarters / self.beat_quarters)

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"


METRES: dict[str, Metre] = {
    "4/4": Metre(numerator=4, denominator=4, beat_quarters=1.0),
    "3/4": Metre(numerator=3, denominator=4, beat_quarters=1.0),
    "6/8": Metre(numerator=6, denominator=8, beat_quarters=1.5),
    "5/4": Metre(numerator=5, denominator=4, beat_quarters=1.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TempoMap:
    """Score time against seconds.

    tempos_us [beats]: microseconds per quarter, of every beat. The last one goes on for ever.
    """

    beat_quarters: float
    tempos_us: NDArray[np.int64]

    @property
    def _edges_quarters(self) -> NDArray[np.float64]:
        return np.arange(len(self.tempos_us) + 1, dtype=np.float64) * self.beat_quarters

    @property
    def beats_s(self) -> NDArray[np.float64]:
        """When every beat begins, and the last one ends.  [beats + 1]"""
        elapsed_s = np.cumsum(self.tempos_us * self.beat_quarters / 1e6, dtype=np.float64)
        edges_s: NDArray[np.float64] = np.concatenate([np.zeros(1), elapsed_s])
        return edges_s

    def seconds(self, quarters: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Score time to seconds."""
        at = np.asarray(quarters, dtype=np.float64)
        inside = np.interp(at, self._edges_quarters, self.beats_s)
        over = np.maximum(at - self._edges_quarters[-1], 0.0) * (float(self.tempos_us[-1]) / 1e6)
        return np.asarray(inside + over)

    def ticks(self, seconds: NDArray[np.float64] | float) -> NDArray[np.int64]:
        """Seconds to the nearest tick."""
        at = np.asarray(seconds, dtype=np.float64)
        beats_s = self.beats_s
        inside = np.interp(at, beats_s, self._edges_quarters)
        over = np.maximum(at - beats_s[-1], 0.0) / (float(self.tempos_us[-1]) / 1e6)
        return np.asarray(np.rint((inside + over) * TICKS_PER_QUARTER).astype(np.int64))

    def on_ticks(self, seconds: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """The times of the nearest ticks: what a reader of the MIDI file will compute."""
        return self.seconds(self.ticks(seconds) / TICKS_PER_QUARTER)


CLOCK = TempoMap(beat_quarters=1.0, tempos_us=np.array([480_000]))
"""Half a millisecond per tick, for the renderer: FluidSynth's player drifts by milliseconds where tempos change."""


def draw_tempo(rng: np.random.Generator, metre: Metre, tempo_bpm: float, num_beats: int, wander: float) -> TempoMap:
    """A steady tempo that leans forward and back: two slow waves, at most `wander` (0.08 is 8 %) off together."""
    beat = np.arange(num_beats)
    waves = np.zeros(num_beats)
    for share, beats_per_wave in ((0.6, rng.uniform(12, 32)), (0.4, rng.uniform(5, 11))):
        waves += share * np.sin(2 * np.pi * (beat / beats_per_wave + rng.uniform()))
    beat_us = 60e6 / (tempo_bpm * (1 + wander * waves))
    return TempoMap(
        beat_quarters=metre.beat_quarters, tempos_us=np.rint(beat_us / metre.beat_quarters).astype(np.int64)
    )

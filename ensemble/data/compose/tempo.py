"""The beat of a piece, with a player's freedom: one tempo per beat, in the whole microseconds that MIDI keeps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ensemble.types.tempo_map import TempoMap

TICKS_PER_QUARTER = 960


class Metre(NamedTuple):
    """A time signature: numerator / denominator."""

    numerator: int
    denominator: int
    beat_quarters: float
    """How many quarters lie in a beat as it is felt: 1.5 in 6/8."""

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
    str(metre): metre for metre in (Metre(4, 4, 1.0), Metre(3, 4, 1.0), Metre(6, 8, 1.5), Metre(5, 4, 1.0))
}


CLOCK = TempoMap(quarters=np.zeros(1), quarter_s=np.array([0.48]))
"""Half a millisecond per tick, for the renderer: FluidSynth's player drifts by milliseconds where tempos change."""


def draw_tempo(
    rng: np.random.Generator, metre: Metre, tempo_bpm: float, num_beats: int, wander: float, slowing: float = 0.0
) -> TempoMap:
    """A steady tempo that leans forward and back, as two slow waves.

    Args:
        rng: chance.
        metre: gives the length of a beat.
        tempo_bpm: beats a minute.
        num_beats: how many.
        wander: how far the tempo is off at most: 0.08 is 8 %.
        slowing: by how much the last beat is slower; the last bar leads there.
    """
    beat = np.arange(num_beats, dtype=np.float64)
    waves = np.zeros(num_beats)
    for share, beats_per_wave in ((0.6, rng.uniform(12, 32)), (0.4, rng.uniform(5, 11))):
        waves += share * np.sin(2 * np.pi * (beat / beats_per_wave + rng.uniform()))
    beat_us = 60e6 / (tempo_bpm * (1 + wander * waves))
    beat_us[-metre.beats_per_bar :] *= 1 + slowing * np.linspace(0.3, 1.0, metre.beats_per_bar)
    quarter_us = np.rint(beat_us / metre.beat_quarters)
    return TempoMap(quarters=beat * metre.beat_quarters, quarter_s=quarter_us / 1e6)

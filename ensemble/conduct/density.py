"""What the writers of basses, pads and counter-melodies share: how many notes to play, and what clashes cost."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.conduct.grid import PHRASE_BARS, Grid
from ensemble.conduct.jitter import Chance
from ensemble.conduct.leader import STEPS_PER_BEAT, Leader

Floats = NDArray[np.float64]

OUT_OF_CHORD = 100.0
"""Cost of a note that is neither in the chord nor an allowed passing note."""
CLASH = 6.0
"""Cost of being a semitone from the leader for a whole beat."""
_SOFTER_WITHOUT_CHORD = 20
BUSIEST = 2.5
"""The leader's onsets per beat at a density of 1."""
_SPARSE, _BUSY = 0.75, 1.75  # leader's onsets per beat
_FASTEST_EIGHTH_S = 0.17
_OTHERWISE = 0.25  # share of the beats on which a take plays more or less often


def rhythm_levels(
    leader: Leader, grid: Grid, other: NDArray[np.bool_] | None = None, density: float | None = None
) -> NDArray[np.int64]:
    """How often to play in each beat: 0 every half bar, 1 every beat, 2 every half beat.  [beats]

    Args:
        leader: says how many notes to play.
        grid: the beats.
        other: the beats on which a take plays otherwise: more often, or of half beats less often.  [beats]
        density: replaces what the leader says, 0..1.
    """
    busyness = leader.busyness if density is None else np.full_like(leader.busyness, BUSIEST * density)
    level = np.digitize(busyness, (_SPARSE, _BUSY))
    if other is not None:
        level = np.where(other, np.where(level == 2, 1, level + 1), level)
    too_fast = np.diff(grid.edges_s) / 2 < _FASTEST_EIGHTH_S
    return np.where(too_fast, np.minimum(level, 1), level)


def other_rhythm(grid: Grid, chance: Chance, name: str) -> NDArray[np.bool_] | None:
    """The beats on which a take plays otherwise, alike in all bars of a phrase; None if it does not vary.  [beats]"""
    if not chance.varies:
        return None
    phrase = (grid.bars - grid.bars[:1]) // PHRASE_BARS
    place = phrase * grid.beats_per_bar + grid.positions % grid.beats_per_bar
    return np.asarray(chance.draws(f"{name}/rhythm", place, 1)[:, 0] < _OTHERWISE)


def softer_without_chord(grid: Grid, beat: int) -> int:
    """By how much velocities are lowered in a beat in which no chord is heard."""
    return _SOFTER_WITHOUT_CHORD if grid.chords[beat].quality == "none" else 0


def clash_cost(leader: Leader, grid: Grid) -> Floats:
    """Share of each beat in which the leader is a semitone from each pitch class.  [beats, 12]"""
    share = leader.pitch_share.reshape(grid.num_beats, STEPS_PER_BEAT, 12).mean(axis=1)
    clash: Floats = np.roll(share, 1, axis=1) + np.roll(share, -1, axis=1)
    return clash

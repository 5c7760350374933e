"""The drummer: a groove for every two bars by tempo, density and energy; fills, crashes, and quiet in the rests.

Where the conductor is sure of a stroke of the kick, of the snare or of the cymbal that keeps time, or sure that there
is none, it is obeyed; the groove fills what it leaves open. Fills and crashes are the drummer's own.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ensemble.conduct.chance import bell, draws
from ensemble.conduct.dynamics import ForetoldStrokes
from ensemble.conduct.grid import Grid
from ensemble.conduct.grooves import CYMBALS, FILLS, GROOVES, SIXTEENTHS_PER_BEAT, STRENGTH, Groove, sign, suits
from ensemble.conduct.leader import STEPS_PER_BEAT, Leader
from ensemble.types import DRUM_CLASSES, DrumClass, Hit

_BARS_PER_SEGMENT = 2
_BUSIEST = 2.5  # leader's onsets per beat at density 1
_SOFT_DB, _LOUD_DB = -44.0, -12.0  # leader's level at energy 0 and 1
_CONTRAST_DB = 30.0  # a fall that takes all energy away, whatever the level
_TAKES_OVER = 0.12
_SURE, _SURELY_NOT = 0.6, 0.03
"""Probability from which a stroke is struck that the groove lacks, and below which one is left out that it has."""
_ALWAYS: tuple[DrumClass, ...] = ("kick", "snare")
_RULED: tuple[DrumClass, ...] = (*_ALWAYS, *CYMBALS)
"""Whose strokes a conductor decides: kick and snare, and those cymbals that a groove keeps time on."""
_FASTEST_SIXTEENTH_S = 0.1
_TIMING_SIGMA_S, _TIMING_LIMIT_S = 0.004, 0.010
_END_MARGIN_S = 0.02
_SAME_SIXTEENTH_S = 0.02

Stroke = tuple[float, DrumClass, float]  # beat, drum, velocity


class _Foretold:
    """What a conductor foretells, on the drummer's own grid.

    chance, strength [sixteenths, classes]: of a stroke, and how hard; NaN where unknown.
    """

    def __init__(self, grid: Grid, foretold: ForetoldStrokes | None) -> None:
        self.chance = np.full((grid.num_beats * SIXTEENTHS_PER_BEAT, len(DRUM_CLASSES)), np.nan)
        self.strength = self.chance.copy()
        if foretold is None or not len(foretold.time_s) or not grid.num_beats:
            return
        place = np.arange(len(self.chance)) / SIXTEENTHS_PER_BEAT
        time_s = np.interp(place, np.arange(grid.num_beats + 1), grid.edges_s)
        nearest = np.searchsorted((foretold.time_s[1:] + foretold.time_s[:-1]) / 2, time_s)
        known = np.abs(foretold.time_s[nearest] - time_s) < _SAME_SIXTEENTH_S
        self.chance[known] = foretold.probability[nearest[known]]
        self.strength[known] = foretold.velocity[nearest[known]]

    def velocity(self, sixteenth: int, drum: DrumClass, written: str) -> float:
        """How hard to strike, 0 for not at all, where a groove has written this sign; its accents stay its own."""
        at = sixteenth, DRUM_CLASSES.index(drum)
        if drum in _RULED and self.chance[at] < _SURELY_NOT:
            return 0.0
        if drum in _RULED and self.chance[at] >= _SURE and written == "-":
            return float(self.strength[at])
        return STRENGTH.get(written, 0.0)


def write_drums(
    grid: Grid, leader: Leader, seed: int, name: str, foretold: ForetoldStrokes | None = None
) -> tuple[Hit, ...]:
    """Write the drummer's strokes, in rising time, the last at the leader's end at the latest.

    The first bar in which the leader rests has soft hats, the ones after it nothing. A crash opens the music, and
    every eighth bar of a loud leader; kick and crash on the final chord are the last strokes.

    Args:
        grid: the bars.
        leader: what it does in them.
        seed: of small human differences and of fills.
        name: of the part.
        foretold: by the conductor; None where that foretells no strokes.
    """
    strokes = [*_ending(grid, leader)]
    told = _Foretold(grid, foretold)
    grooves, energy = _choose(grid, leader)
    entry = int(np.argmax(leader.is_playing)) if grid.num_beats else 0
    for beat in np.flatnonzero(leader.is_playing[: grid.final_beat]).tolist():
        if not _sounds(leader, beat):
            strokes.append((float(beat), "closed_hat", 0.25))
            continue
        segment = int(grid.bars[beat]) // _BARS_PER_SEGMENT
        one_beat = _beat(grid, beat, grooves[segment], float(energy[segment]), seed, told, is_opening=beat == entry)
        strokes.extend(one_beat)
    return _humanised(sorted(strokes, key=lambda one: (one[0], one[1])), grid, seed, name)


def _sounds(leader: Leader, beat: int) -> bool:
    """Whether the leader sounds in the two beats up to here."""
    first = max(beat - 1, 0) * STEPS_PER_BEAT
    return bool(leader.is_sounding[first : (beat + 1) * STEPS_PER_BEAT].any())


def _choose(grid: Grid, leader: Leader) -> tuple[list[Groove], NDArray[np.float64]]:
    """A groove and an energy per two-bar segment; a groove stays until another fits clearly better.

    Energy is the leader's level, and how far it has come down from the loudest it has been so far.
    """
    if not grid.num_beats:
        return [], np.zeros(0)
    segment_of_bar = np.arange(len(leader.busyness)) // _BARS_PER_SEGMENT
    num_segments = int(segment_of_bar[-1]) + 1
    density = np.zeros(num_segments)
    np.maximum.at(density, segment_of_bar, np.clip(leader.busyness / _BUSIEST, 0.0, 1.0))
    segment_of_step = np.repeat(grid.bars // _BARS_PER_SEGMENT, STEPS_PER_BEAT)
    power = np.bincount(segment_of_step, weights=10.0 ** (leader.loudness_db / 10)) / np.bincount(segment_of_step)
    level = 10.0 * np.log10(power)
    below_loudest = np.maximum.accumulate(level) - level
    energy = np.clip((level - _SOFT_DB) / (_LOUD_DB - _SOFT_DB) - below_loudest / _CONTRAST_DB, 0.0, 1.0)
    beat_s = np.diff(grid.edges_s)
    segment_of_beat = grid.bars // _BARS_PER_SEGMENT
    tempo = 60.0 * np.bincount(segment_of_beat) / np.bincount(segment_of_beat, weights=beat_s)
    chosen: list[Groove] = []
    fitting = [groove for groove in GROOVES if suits(groove, grid.beats_per_bar)]
    for want_density, want_energy, bpm in zip(density, energy, tempo, strict=True):
        distance = [_distance(groove, want_density, want_energy, bpm) for groove in fitting]
        best = int(np.argmin(distance))
        if chosen and distance[fitting.index(chosen[-1])] <= distance[best] + _TAKES_OVER:
            best = fitting.index(chosen[-1])
        chosen.append(fitting[best])
    return chosen, energy


def _distance(groove: Groove, density: float, energy: float, bpm: float) -> float:
    slowest, fastest = groove.tempo_bpm
    outside = max(slowest - bpm, bpm - fastest, 0.0)
    return abs(groove.density - density) + 0.8 * abs(groove.energy - energy) + 0.05 * outside


def _beat(
    grid: Grid, beat: int, groove: Groove, energy: float, seed: int, told: _Foretold, *, is_opening: bool
) -> Iterator[Stroke]:
    """One beat of a groove; at the end of a segment its fill, at the start of an eighth bar a crash."""
    bar, position = int(grid.bars[beat]), int(grid.positions[beat])
    opens = is_opening or (position == 0 and bar % 8 == 0 and energy > 0.6)
    closes = bar % _BARS_PER_SEGMENT == 1 and position == grid.beats_per_bar - 1 and beat + 1 != grid.final_beat
    if opens:
        yield float(beat), "crash", 0.6 + 0.3 * energy
    fill: dict[DrumClass, str] = {}
    if closes and bar // _BARS_PER_SEGMENT % 2 == 1:
        weight = min(int(energy * len(FILLS)), len(FILLS) - 1)
        fill = FILLS[(weight + seed) % len(FILLS) if energy > 0.5 else weight]
    too_fast = (grid.edges_s[beat + 1] - grid.edges_s[beat]) / SIXTEENTHS_PER_BEAT < _FASTEST_SIXTEENTH_S
    for sixteenth in range(SIXTEENTHS_PER_BEAT):
        if too_fast and sixteenth % 2:
            continue
        place = beat + sixteenth / SIXTEENTHS_PER_BEAT
        inside = position * SIXTEENTHS_PER_BEAT + sixteenth
        written = {drum: sign(row, bar, inside) for drum, row in groove.rows.items()}
        has_cymbal = any(written.get(drum, "-") != "-" for drum in CYMBALS)
        for drum in dict.fromkeys((*groove.rows, *_ALWAYS, *fill)):
            if drum in CYMBALS and ((opens and sixteenth == 0) or (has_cymbal and written[drum] == "-")):
                continue
            if drum in fill:
                velocity = STRENGTH.get(fill[drum][sixteenth], 0.0)
            else:
                velocity = told.velocity(beat * SIXTEENTHS_PER_BEAT + sixteenth, drum, written.get(drum, "-"))
            if velocity > 0.0:
                yield place, drum, velocity


def _ending(grid: Grid, leader: Leader) -> Iterator[Stroke]:
    """Kick and crash on the final chord, where the leader still plays."""
    if grid.num_beats and leader.is_playing[grid.final_beat]:
        yield float(grid.final_beat), "kick", 0.9
        yield float(grid.final_beat), "crash", 0.75


def _humanised(strokes: list[Stroke], grid: Grid, seed: int, name: str) -> tuple[Hit, ...]:
    """Turn beats into seconds and move every stroke a little in time and in strength, by its number."""
    chance = draws(seed, f"{name}/strokes", np.arange(len(strokes)), 5)
    shift_s = np.clip(_TIMING_SIGMA_S * bell(chance[:, :4]), -_TIMING_LIMIT_S, _TIMING_LIMIT_S)
    last_s = max(grid.end_s - _END_MARGIN_S, 0.0)
    timed: list[tuple[float, DrumClass, float]] = []
    for (beat, drum, velocity), shift, strength in zip(strokes, shift_s, chance[:, 4], strict=True):
        time_s = min(max(grid.seconds(beat) + float(shift), 0.0), last_s)
        timed.append((time_s, drum, float(np.clip(velocity + 0.08 * strength - 0.04, 0.05, 1.0))))
    return tuple(
        Hit(time_s=time_s, drum=drum, velocity=velocity, index=index)
        for index, (time_s, drum, velocity) in enumerate(sorted(timed))
    )

"""Writes drums: a groove for every two bars, chosen by tempo, density and energy, with fills and crashes.

Where the conductor predicts a stroke of the kick, the snare or the time-keeping cymbal with confidence, or confidently
predicts none, that is played; elsewhere the groove is. Fills and crashes are not predicted: a fill ends every phrase
and leads to a cymbal on the next downbeat. At most two drums besides the kick are struck at once.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ensemble.conduct.dynamics import ForetoldStrokes
from ensemble.conduct.grid import LOOK_AHEAD_BEATS, Grid
from ensemble.conduct.grooves import CYMBALS, FILLS, GROOVES, SIXTEENTHS_PER_BEAT, STRENGTH, Groove, sign, suits
from ensemble.conduct.jitter import bell, draws
from ensemble.conduct.leader import STEPS_PER_BEAT, Leader
from ensemble.types.music import DRUM_CLASSES, DrumClass, Hit

_BARS_PER_SEGMENT = 2
_BUSIEST = 2.5  # leader's onsets per beat at density 1
_SOFT_DB, _LOUD_DB = -44.0, -12.0  # leader's level at energy 0 and 1
_CONTRAST_DB = 30.0  # level below the loudest so far at which energy is 0, whatever the level
_TAKES_OVER = 0.12  # by how much another groove must fit better to replace the present one
_CRASHES_FROM = 0.3  # least energy for a crash
_FILL_SOFTENS = 0.35  # share that a fill is softer by at energy 0
_SURE, _SURELY_NOT = 0.6, 0.03
"""Probability from which a stroke is added to the groove, and below which one of the groove's is left out."""
_ALWAYS: tuple[DrumClass, ...] = ("kick", "snare")
_RULED: tuple[DrumClass, ...] = (*_ALWAYS, *CYMBALS)
"""The drums whose strokes the conductor's prediction decides."""
_FASTEST_SIXTEENTH_S = 0.1
_TIMING_SIGMA_S, _TIMING_LIMIT_S = 0.004, 0.010
_END_MARGIN_S = 0.02
_SAME_SIXTEENTH_S = 0.02

Forces = dict[DrumClass, float]
"""How hard each drum is struck at one moment, 0..1; 0 is not at all."""
Stroke = tuple[float, DrumClass, float]  # beat, drum, velocity


class _PredictedStrokes:
    """The conductor's prediction of strokes, on the sixteenths of the grid.

    Attributes:
        chance: probability of a stroke; NaN where there is no prediction.  [sixteenths, classes]
        strength: how hard it is, 0..1; NaN where there is no prediction.  [sixteenths, classes]
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
        """How hard to strike, 0 for not at all, where the groove has the sign `written`; its accents are kept."""
        at = sixteenth, DRUM_CLASSES.index(drum)
        if drum in _RULED and self.chance[at] < _SURELY_NOT:
            return 0.0
        if drum in _RULED and self.chance[at] >= _SURE and written == "-":
            return float(self.strength[at])
        return STRENGTH.get(written, 0.0)


def write_drums(
    grid: Grid, leader: Leader, seed: int, name: str, foretold: ForetoldStrokes | None = None
) -> tuple[Hit, ...]:
    """Write a drum part's strokes, in rising time, none after the leader's end.

    In the first bar in which the leader rests there are soft hats, then nothing. A crash (an open hat, where the leader
    is soft) opens the first bar, and the phrase after a fill; the last strokes are kick and crash on the final chord.

    Args:
        grid: the bars.
        leader: what the leader plays in them.
        seed: decides the choice of fills and small deviations in time and strength.
        name: of the part.
        foretold: the conductor's prediction; None where it predicts no strokes. In compound metres it is not asked.
    """
    strokes = [*_ending(grid, leader)]
    predicted = _PredictedStrokes(grid, foretold if grid.beat_division == 2 else None)  # it learned in halves
    grooves, energies = _choose(grid, leader)
    segments = _segments(grid)
    opening = int(np.argmax(leader.is_playing)) if grid.num_beats else 0
    had_fill = False
    for beat in np.flatnonzero(leader.is_playing[: grid.final_beat]).tolist():
        if not _sounds(leader, beat):
            strokes.append((float(beat), "closed_hat", 0.25))
            had_fill = False
            continue
        groove, energy = grooves[segments[beat]], float(energies[segments[beat]])
        fill = _fill(grid, beat, energy, seed, name)
        landing = _landing(energy) if beat == opening or had_fill else {}
        strokes.extend(_beat(grid, beat, groove, predicted, fill, landing))
        had_fill = bool(fill)
    return _humanised(sorted(strokes, key=lambda one: (one[0], one[1])), grid, seed, name)


def _segments(grid: Grid) -> NDArray[np.int64]:
    """The number of each beat's segment of one groove, from 0: two bars, or one bar of many beats.  [beats]"""
    segment = grid.bars // (_BARS_PER_SEGMENT if grid.beats_per_bar <= LOOK_AHEAD_BEATS else 1)
    return segment - segment[:1]


def _landing(energy: float) -> Forces:
    """The strokes that open a phrase: a cymbal and a kick."""
    force = 0.4 + 0.5 * energy
    return {"crash" if energy >= _CRASHES_FROM else "open_hat": force, "kick": force}


def _fill(grid: Grid, beat: int, energy: float, seed: int, name: str) -> list[Forces]:
    """The strokes of a fill in each sixteenth of a beat, in the last beat of a phrase; empty in other beats.

    The louder the leader, the heavier the fill; at random it is one lighter.
    """
    if grid.bars[beat] < 0 or not grid.opens_phrase(beat + 1):
        return []
    heaviest = min(int(energy * len(FILLS)), len(FILLS) - 1)
    lighter = int(2 * draws(seed, f"{name}/fill", grid.bars[beat : beat + 1], 1)[0, 0])
    strength = 1.0 - _FILL_SOFTENS * (1.0 - energy)
    rows = FILLS[max(heaviest - lighter, 0)].items()
    return [
        {drum: strength * STRENGTH[row[sixteenth]] for drum, row in rows if row[sixteenth] in STRENGTH}
        for sixteenth in range(SIXTEENTHS_PER_BEAT)
    ]


def _sounds(leader: Leader, beat: int) -> bool:
    """Whether the leader sounds in this beat or the one before."""
    first = max(beat - 1, 0) * STEPS_PER_BEAT
    return bool(leader.is_sounding[first : (beat + 1) * STEPS_PER_BEAT].any())


def _choose(grid: Grid, leader: Leader) -> tuple[list[Groove], NDArray[np.float64]]:
    """Choose a groove and an energy for each segment; a groove stays until another fits clearly better.

    Energy is the leader's level, less how far that is below the loudest so far.
    """
    if not grid.num_beats:
        return [], np.zeros(0)
    segment = _segments(grid)
    num_beats = np.bincount(segment)
    density = np.zeros(len(num_beats))
    np.maximum.at(density, segment, np.clip(leader.busyness / _BUSIEST, 0.0, 1.0))
    power = (10.0 ** (leader.loudness_db / 10)).reshape(-1, STEPS_PER_BEAT).mean(axis=1)
    level = 10.0 * np.log10(np.bincount(segment, weights=power) / num_beats)
    below_loudest = np.maximum.accumulate(level) - level
    energy = np.clip((level - _SOFT_DB) / (_LOUD_DB - _SOFT_DB) - below_loudest / _CONTRAST_DB, 0.0, 1.0)
    tempo = 60.0 * num_beats / np.bincount(segment, weights=np.diff(grid.edges_s))
    chosen: list[Groove] = []
    fitting = [groove for groove in GROOVES if suits(groove, grid.beats_per_bar, grid.beat_division)]
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
    grid: Grid, beat: int, groove: Groove, predicted: _PredictedStrokes, fill: list[Forces], landing: Forces
) -> Iterator[Stroke]:
    """The strokes of one beat of a groove. Strokes of a fill replace all but the kick; `landing`, the strokes that open
    a phrase, replaces the cymbal on the first sixteenth.
    """
    bar, position = int(grid.bars[beat]), int(grid.positions[beat])
    for sixteenth in _playable(float(grid.edges_s[beat + 1] - grid.edges_s[beat]), grid.beat_division):
        inside = position * SIXTEENTHS_PER_BEAT + sixteenth
        written = {drum: sign(row, bar, inside) for drum, row in groove.rows.items()}
        has_cymbal = any(written.get(drum, "-") != "-" for drum in CYMBALS)
        struck: Forces = {}
        for drum in dict.fromkeys((*groove.rows, *_ALWAYS)):
            if has_cymbal and drum in CYMBALS and written[drum] == "-":
                continue
            struck[drum] = predicted.velocity(beat * SIXTEENTHS_PER_BEAT + sixteenth, drum, written.get(drum, "-"))
        if fill and fill[sixteenth]:
            struck = {"kick": struck["kick"], **fill[sixteenth]}
        if landing and sixteenth == 0:
            kept = {drum: velocity for drum, velocity in struck.items() if drum not in CYMBALS}
            struck = {**kept, **landing}
        for drum, velocity in _by_two_hands(struck):
            yield beat + sixteenth / SIXTEENTHS_PER_BEAT, drum, velocity


def _playable(beat_s: float, beat_division: int) -> tuple[int, ...]:
    """The signs of a beat that are not too fast to be played, by their numbers."""
    if beat_division == 2:
        return (0, 1, 2, 3) if beat_s / 4 >= _FASTEST_SIXTEENTH_S else (0, 2)
    if beat_s / 6 >= _FASTEST_SIXTEENTH_S:
        return (0, 1, 2, 3)
    return (0, 1, 2) if beat_s / 3 >= _FASTEST_SIXTEENTH_S else (0, 2)


def _by_two_hands(struck: Forces) -> list[tuple[DrumClass, float]]:
    """The strokes that one drummer can play at once: the kick, and the two hardest of the others."""
    sounding = sorted(((drum, force) for drum, force in struck.items() if force > 0.0), key=lambda one: -one[1])
    hands = [one for one in sounding if one[0] != "kick"]
    return [one for one in sounding if one[0] == "kick" or one in hands[:2]]


def _ending(grid: Grid, leader: Leader) -> Iterator[Stroke]:
    """Kick and crash on the final chord, if the leader still plays."""
    if grid.num_beats and leader.is_playing[grid.final_beat]:
        yield float(grid.final_beat), "kick", 0.9
        yield float(grid.final_beat), "crash", 0.75


def _humanised(strokes: list[Stroke], grid: Grid, seed: int, name: str) -> tuple[Hit, ...]:
    """Turn beats into seconds, and change every stroke a little in time and strength, at random by its number."""
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

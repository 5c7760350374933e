"""How the leader plays in each segment of two bars, which pattern suits it, and how a take reads a pattern's rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ensemble.conduct.density import BUSIEST
from ensemble.conduct.grid import LOOK_AHEAD_BEATS, PHRASE_BARS, Grid
from ensemble.conduct.jitter import Chance
from ensemble.conduct.leader import STEPS_PER_BEAT, Leader
from ensemble.settings.style import NOTHING, SIXTEENTHS_PER_BEAT, Manner, Pattern, Row, sign

P = TypeVar("P", bound=Pattern)
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_BARS_PER_SEGMENT = 2
_SOFT_DB, _LOUD_DB = -44.0, -12.0  # leader's level at energy 0 and 1
_CONTRAST_DB = 30.0  # level below the loudest so far at which energy is 0, whatever the level
_TAKES_OVER = 0.12  # by how much another pattern must fit better to replace the present one
_FASTEST_SIXTEENTH_S = 0.1
_SEGMENTS_PER_TASTE, _TASTE = 4, 0.3
"""In takes that vary, how much a pattern may be liked better for so many segments."""
_LEFT_OUT, _ADDED, _PICKUPS = 0.2, 0.12, 0.3
"""In such takes, share of the strokes between beats that are left out, and of the places for them that get one, at a
complexity of 0.5."""
_BARS_DRAWN = 2**20
_TINY = 1e-9


class Character(NamedTuple):
    """What the leader asks of the band, by segments of two bars, or of one bar of many beats."""

    segments: Ints
    """The number of each beat's segment, from 0.  [beats]"""
    density: Floats
    """How many notes the leader plays: 0 few, 1 many.  [segments]"""
    energy: Floats
    """How loud it plays: 0 soft, 1 loud.  [segments]"""
    tempo_bpm: Floats
    """Beats per minute.  [segments]"""


def character_of(grid: Grid, leader: Leader, density: float | None = None) -> Character:
    """Summarise the leader by segments. Energy is the leader's level, less how far that is below the loudest so far;
    where a chart says how much the band gives, that.

    Args:
        grid: the beats.
        leader: what it plays in them.
        density: replaces the leader's own, 0..1.
    """
    if not grid.num_beats:
        return Character(np.zeros(0, np.int64), np.zeros(0), np.zeros(0), np.zeros(0))
    segments = grid.bars // (_BARS_PER_SEGMENT if grid.beats_per_bar <= LOOK_AHEAD_BEATS else 1)
    segments = segments - segments[:1]
    num_beats = np.bincount(segments)
    busy = np.zeros(len(num_beats))
    np.maximum.at(busy, segments, np.clip(leader.busyness / BUSIEST, 0.0, 1.0))
    power = (10.0 ** (leader.loudness_db / 10)).reshape(-1, STEPS_PER_BEAT).mean(axis=1)
    level = 10.0 * np.log10(np.bincount(segments, weights=power) / num_beats)
    below_loudest = np.maximum.accumulate(level) - level
    energy = np.clip((level - _SOFT_DB) / (_LOUD_DB - _SOFT_DB) - below_loudest / _CONTRAST_DB, 0.0, 1.0)
    is_said = np.isfinite(grid.energy)
    said = np.bincount(segments, weights=is_said)
    asked = np.bincount(segments, weights=np.where(is_said, grid.energy, 0.0)) / np.maximum(said, 1)
    energy = np.where(said > 0, asked, energy)
    tempo_bpm = 60.0 * num_beats / np.bincount(segments, weights=np.diff(grid.edges_s))
    return Character(segments, busy if density is None else np.full_like(busy, density), energy, tempo_bpm)


def suiting(patterns: Sequence[P], character: Character, chance: Chance, name: str) -> list[P]:
    """Choose a pattern for each beat; one stays until another suits clearly better.

    Args:
        patterns: to choose from.
        character: of the leader.
        chance: of the take; one that varies has a taste of its own.
        name: of the part.
    """
    num_segments = len(character.density)
    place = np.arange(num_segments) // _SEGMENTS_PER_TASTE
    taste = chance.draws(f"{name}/taste", place, len(patterns)) * (_TASTE if chance.varies else 0.0)
    chosen: list[int] = []
    for segment in range(num_segments):
        want = (float(column[segment]) for column in (character.density, character.energy, character.tempo_bpm))
        density, energy, bpm = want
        distance = [
            _distance(one, density, energy, bpm) + like for one, like in zip(patterns, taste[segment], strict=True)
        ]
        best = int(np.argmin(distance))
        if chosen and distance[chosen[-1]] <= distance[best] + _TAKES_OVER:
            best = chosen[-1]
        chosen.append(best)
    return [patterns[chosen[segment]] for segment in character.segments.tolist()]


def _distance(pattern: Pattern, density: float, energy: float, bpm: float) -> float:
    slowest, fastest = pattern.tempo_bpm
    outside = max(slowest - bpm, bpm - fastest, 0.0)
    return abs(pattern.density - density) + 0.8 * abs(pattern.energy - energy) + 0.05 * outside


class RowReader:
    """Reads the rows of one line beat by beat: as they are written, or as another take has them.

    In a take that varies, written bars are played in any order, and in each phrase some strokes between the beats are
    left out and others added, only where the row has such strokes at all; beats stay. So a take has grooves of its own,
    and keeps each through a phrase.

    Args:
        grid: the beats.
        manner: how many ghost notes there are, and how much another take varies.
        chance: of the take.
        name: of the line.
        ghost: the sign of a ghost note; none if empty.
        added: the sign of a stroke that another take adds.
        has_pickups: whether it may add one on the last half beat of a bar in any case.
    """

    def __init__(
        self,
        grid: Grid,
        manner: Manner,
        chance: Chance,
        name: str,
        *,
        ghost: str,
        added: str,
        has_pickups: bool = False,
    ) -> None:
        self._grid, self._ghost, self._added, self._has_pickups = grid, ghost, added, has_pickups
        self._looseness = 2.0 * manner.complexity
        self._varies = chance.varies
        since = grid.bars - grid.bars[:1]
        drawn = chance.draws(f"{name}/bars", since, 1)[:, 0]
        self._bars = (drawn * _BARS_DRAWN).astype(np.int64) if chance.varies else grid.bars
        inside = np.arange(SIXTEENTHS_PER_BEAT)
        place = (since // PHRASE_BARS * grid.beats_per_bar + grid.positions % grid.beats_per_bar) * SIXTEENTHS_PER_BEAT
        self._chance = chance.draws(f"{name}/variation", (place[:, None] + inside).ravel(), 1)[:, 0]
        self._ghost_chance = chance.draws(f"{name}/ghosts", np.arange(grid.num_beats * SIXTEENTHS_PER_BEAT), 1)[:, 0]

    def written(self, row: Row, beat: int, sixteenth: int) -> str:
        """What stands in a row on a sixteenth of a beat, in the bar that this take plays; nothing in an empty row."""
        place = int(self._grid.positions[beat]) * SIXTEENTHS_PER_BEAT + sixteenth
        return sign(row, int(self._bars[beat]), place) if row else NOTHING

    def sign(self, row: Row, beat: int, sixteenth: int) -> str:
        """What is played of a row on a sixteenth of a beat."""
        at = beat * SIXTEENTHS_PER_BEAT + sixteenth
        position = int(self._grid.positions[beat])
        written = self.written(row, beat, sixteenth)
        if written == self._ghost and self._ghost_chance[at] >= self._looseness:
            return NOTHING
        if not self._varies or not sixteenth:
            return written
        drawn = self._chance[at] / max(self._looseness, _TINY)
        if written != NOTHING:
            return NOTHING if drawn < _LEFT_OUT else written
        is_pickup = self._has_pickups and sixteenth == 2 and position == self._grid.beats_per_bar - 1
        has_such = any(one != NOTHING for bar in row for one in bar[sixteenth % 2 or 2 :: 2 if sixteenth % 2 else 4])
        is_added = drawn < (_PICKUPS if is_pickup else _ADDED if has_such else 0.0)
        return self._added if is_added else NOTHING


def playable(beat_s: float, beat_division: int) -> tuple[int, ...]:
    """The signs of a beat that are not too fast to be played, by their numbers."""
    if beat_division == 2:
        return tuple(range(SIXTEENTHS_PER_BEAT)) if beat_s / 4 >= _FASTEST_SIXTEENTH_S else (0, 2)
    if beat_s / 6 >= _FASTEST_SIXTEENTH_S:
        return tuple(range(SIXTEENTHS_PER_BEAT))
    return (0, 1, 2) if beat_s / 3 >= _FASTEST_SIXTEENTH_S else (0, 2)

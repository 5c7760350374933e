"""Writes basses from a style's patterns: a row says which tone is played when, and the chords say which pitch that is.

Whatever the row says, the first note under a new chord is its root (a slash chord's bass), and a chord under which the
row has no note gets one where it begins. Pitches are chosen one after the other, by movement and register; a bass that
walks goes by chord tones towards the next root.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.conduct.articulating import GHOST_VELOCITY, STACCATO_SHARE, articulation_of
from ensemble.conduct.bass import APPROACH_SHARE, BassSlot, approach, fifth_of, hold
from ensemble.conduct.character import Character, RowReader, playable, suiting
from ensemble.conduct.density import CLASH, clash_cost, softer_without_chord
from ensemble.conduct.grid import Grid
from ensemble.conduct.harmony import scale
from ensemble.conduct.jitter import Chance
from ensemble.conduct.leader import Leader
from ensemble.conduct.shaping import WrittenNote
from ensemble.config import FollowerSettings
from ensemble.settings.style import DAMPED, NOTHING, SIXTEENTHS_PER_BEAT, BassPattern, Manner
from ensemble.types.articulation import Articulation

_VELOCITY = {"downbeat": 94, "beat": 85, "off": 78}
_GHOST_BEATS = 0.15
_SIXTH, _SEVENTHS = 9, (9, 10, 11)
_WALKS = 0.35  # cost of a semitone away from the straight line to the next root
_WANDERS = 3.0  # semitones by which a walking bass strays from that line, at random
_SAME_NOTE = 4.0


class _Asked(NamedTuple):
    """One note that a row asks for."""

    place: float
    """The beat on which it begins."""
    tone: str
    """Its sign."""
    until: float
    """The beat at which it ends at the latest."""
    length: float
    """Share of the time to the next note that it lasts."""
    articulation: Articulation = Articulation.PLAIN
    """How it is to be played."""


def write_pattern_bass(
    grid: Grid, leader: Leader, follower: FollowerSettings, patterns: Sequence[BassPattern], character: Character,
    manner: Manner, chance: Chance, ring_s: float,
) -> tuple[list[WrittenNote], NDArray[np.int64]]:  # fmt: skip
    """Write a bass by patterns.

    Args:
        grid: the beats.
        leader: says where the band rests.
        follower: the bass.
        patterns: of the style, for this metre.
        character: of the leader, by segments.
        manner: how many approach and ghost notes there are.
        chance: decides which of the written bars are played, where approach notes are, and how a bass walks.
        ring_s: how long the last note lasts after the leader's end.

    Returns:
        The notes, and the pitch that sounds last in each beat; 0 where the bass rests.  [beats]
    """
    asked = _rooted(_asked(grid, leader, patterns, character, manner, chance, follower.name), grid, leader)
    slots: list[BassSlot] = []
    line = np.zeros(grid.num_beats, np.int64)
    chooser = _Chooser(grid, leader, follower, chance)
    for number, one in enumerate(asked):
        pitch = chooser.pitch(asked, number)
        beat = int(one.place)
        velocity = GHOST_VELOCITY if one.articulation == Articulation.GHOST else _velocity(grid, one.place)
        velocity -= softer_without_chord(grid, beat)
        slots.append(BassSlot(one.place, pitch, velocity, one.until, one.length, one.articulation))
        line[beat:] = pitch
    line[~leader.is_playing] = 0
    return hold(slots, grid, leader, follower.spec.family, ring_s), line


def _velocity(grid: Grid, place: float) -> int:
    beat = int(place)
    return _VELOCITY["off" if place != beat else "downbeat" if grid.positions[beat] == 0 else "beat"]


def _asked(
    grid: Grid, leader: Leader, patterns: Sequence[BassPattern], character: Character, manner: Manner, chance: Chance,
    name: str,
) -> list[_Asked]:  # fmt: skip
    """The notes that the rows ask for, and the last one, on the final chord."""
    chosen = suiting(patterns, character, chance, name)
    reader = RowReader(grid, manner, chance, name, ghost="g", added="5", has_pickups=True)
    wants_approach = (
        chance.draws(f"{name}/approach", np.arange(grid.num_beats), 1)[:, 0] < 2.0 * APPROACH_SHARE * manner.complexity
    )
    asked: list[_Asked] = []
    for beat in np.flatnonzero(leader.is_playing[: grid.final_beat]).tolist():
        pattern = chosen[beat]
        for sixteenth in playable(float(grid.edges_s[beat + 1] - grid.edges_s[beat]), grid.beat_division):
            tone, place = reader.sign(pattern.row, beat, sixteenth), beat + sixteenth / SIXTEENTHS_PER_BEAT
            if tone == DAMPED and asked:
                asked[-1] = asked[-1]._replace(until=min(asked[-1].until, place))
            if tone in (DAMPED, NOTHING):
                continue
            if tone == "a" and not (grid.changes(beat + 1) and wants_approach[beat]):
                continue
            longest = _GHOST_BEATS if tone == "g" else pattern.longest_beats
            above = reader.written(pattern.articulation_row, beat, sixteenth)
            how = articulation_of(tone, above, pattern.length)
            length = min(pattern.length, STACCATO_SHARE) if how == Articulation.STACCATO else pattern.length
            asked.append(_Asked(place, tone, place + longest, length, how))
    if grid.num_beats and leader.is_playing[grid.final_beat]:
        asked.append(_Asked(float(grid.final_beat), "R", math.inf, 1.0))
    return asked


def _rooted(asked: list[_Asked], grid: Grid, leader: Leader) -> list[_Asked]:
    """Let every chord begin with its root: its first note is one, and a chord without a note gets one."""
    starts = [
        beat for beat in np.flatnonzero(leader.is_playing[: grid.final_beat]).tolist() if leader.begins(grid, beat)
    ]
    rooted: list[_Asked] = []
    waiting = list(asked)
    for start, after in pairwise([*starts, grid.num_beats]):
        while waiting and waiting[0].place < start:
            rooted.append(waiting.pop(0))
        first = next((number for number, one in enumerate(waiting) if one.tone != "g"), None)
        if first is None or waiting[first].place >= after:
            rooted.append(_Asked(float(start), "R", float(after), rooted[-1].length if rooted else 1.0))
        else:
            waiting[first] = waiting[first]._replace(tone="R")
    return [*rooted, *waiting]


class _Chooser:
    """Chooses the pitches of one bass, one after the other."""

    def __init__(self, grid: Grid, leader: Leader, follower: FollowerSettings, chance: Chance) -> None:
        self._grid, self._range = grid, follower.range
        low, high = follower.range
        self._ladder = np.arange(low, high + 1)
        self._register = 0.006 * (self._ladder - (low + 0.3 * (high - low))) ** 2
        self._clash = CLASH * clash_cost(leader, grid)[:, self._ladder % 12]
        self._chords = grid.sounding
        places = np.arange(grid.num_beats * SIXTEENTHS_PER_BEAT)
        self._chance = chance.draws(f"{follower.name}/walk", places, 1)[:, 0]
        self._last = 0

    def pitch(self, asked: Sequence[_Asked], number: int) -> int:
        """The pitch of a note; the one before it has been chosen."""
        beat, tone = int(asked[number].place), asked[number].tone
        if self._last and tone in ("a", "w"):
            self._last = self._step(asked, number)
        elif not self._last or tone != "g":
            self._last = self._nearest(self._class(beat, tone), self._last, beat, above=tone == "8")
        return self._last

    def _class(self, beat: int, tone: str) -> int:
        """The pitch class of a tone of a chord; what the chord does not have is its fifth or its root."""
        chord = self._chords[beat]
        fifth, above = fifth_of(chord), [(one - chord.root) % 12 for one in chord.tones]
        if tone == "3" and len(chord.tones) > 2:
            return chord.tones[1]
        if tone == "5":
            return fifth
        if tone == "6":
            sixth = (chord.root + _SIXTH) % 12
            return sixth if sixth in scale(self._grid.keys[beat], chord) else fifth
        if tone == "7":
            return next((chord.tones[at] for at in range(3, len(above)) if above[at] in _SEVENTHS), chord.lowest)
        return chord.lowest

    def _nearest(self, pitch_class: int, before: int, beat: int, *, above: bool = False) -> int:
        """The best pitch of a class: near the one before, low, and apart from the leader's."""
        cost = self._register + self._clash[beat]
        if before:
            leap = np.abs(self._ladder - before)
            cost = cost + 0.06 * leap + 0.3 * (leap > 7) + 1.0 * (leap > 12)
            cost = cost + 5.0 * (above & (self._ladder <= before))
        return int(self._ladder[np.where(self._ladder % 12 == pitch_class, cost, np.inf).argmin()])

    def _step(self, asked: Sequence[_Asked], number: int) -> int:
        """A chord tone on the way to the next root, or to that of the next bar, if it comes first; not the one before
        again. The last note leads into a new root.
        """
        beat = int(asked[number].place)
        line = next((at for at in range(beat + 1, self._grid.num_beats) if self._grid.positions[at] == 0), math.inf)
        ahead = range(number + 1, len(asked))
        goal = next((later for later in ahead if asked[later].tone == "R" or asked[later].place >= line), number)
        target = self._nearest(self._chords[int(asked[goal].place)].lowest, self._last, beat)
        chord = self._chords[beat]
        if goal == number + 1 and self._chords[int(asked[goal].place)] != chord:
            return approach(self._last, target, chord.tones, scale(self._grid.keys[beat], chord), self._range)
        stray = _WANDERS * (2.0 * self._chance[round(asked[number].place * SIXTEENTHS_PER_BEAT)] - 1.0)
        way = self._last + (target - self._last) / max(goal - number + 1, 1) + stray
        leap = np.abs(self._ladder - self._last)
        cost = _WALKS * np.abs(self._ladder - way) + self._clash[beat] + 1.0 * (leap > 7) + _SAME_NOTE * (leap == 0)
        own = np.isin(self._ladder % 12, [*chord.tones])
        return int(self._ladder[np.where(own, cost + self._register, np.inf).argmin()])

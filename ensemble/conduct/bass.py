"""Writes basses: roots on strong beats, fifths between, a step into the next chord, and as many notes as the leader's.

A slash chord's bass stands for its root. In three the bass plays the first beat of a bar, and the others only under a
busy leader. Plucked basses repeat a note within the beat; bowed and blown ones change it from beat to beat.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.viterbi import fixed_lag_viterbi
from ensemble.conduct.breath import released_s
from ensemble.conduct.density import CLASH, OUT_OF_CHORD, clash_cost, other_rhythm, rhythm_levels, softer_without_chord
from ensemble.conduct.grid import Grid
from ensemble.conduct.harmony import scale
from ensemble.conduct.jitter import Chance
from ensemble.conduct.leader import Leader
from ensemble.conduct.shaping import WrittenNote
from ensemble.config import FollowerSettings
from ensemble.settings.style import Manner
from ensemble.types.articulation import Articulation
from ensemble.types.harmony import Chord
from ensemble.types.instruments import Family

Floats = NDArray[np.float64]

APPROACH_SHARE = 0.7
"""Share of the chord changes that a note leads to, at a complexity of 0.5."""
_TASTE = 2.0  # cost by which another take likes a chord tone less
_ENDS_ON_ROOT = 20.0  # outweighs any clash with the leader; a slash chord's bass stands for its root
_NOT_THE_GIVEN_BASS = 12.0  # outweighs it, too
_FIFTH = 2  # its place among a chord's tones, where it has a third or a suspension; the last of two tones otherwise


class BassSlot(NamedTuple):
    """One note of a bass before its length is known."""

    place: float
    """The beat on which it begins."""
    pitch: int
    """In MIDI."""
    velocity: int
    """MIDI velocity."""
    until: float = math.inf
    """The beat at which it ends at the latest."""
    length: float = 1.0
    """Share of the time to the next note, or to `until`, that it lasts."""
    articulation: Articulation = Articulation.PLAIN
    """How it is to be played."""


def bass_pitches(grid: Grid, leader: Leader, follower: FollowerSettings, chance: Chance) -> list[int]:
    """Choose the pitch on every beat, bar by bar, by Viterbi over chord, metre, movement and register.  [beats]

    In a take that varies, some chord tones are liked better between the roots.
    """
    pitch_range = follower.range
    taste = _TASTE * chance.draws(f"{follower.name}/taste", np.arange(grid.num_beats), 12) * chance.varies
    low, high = pitch_range
    pitch = np.arange(low, high + 1)
    centre = low + 0.3 * (high - low)
    register = 0.004 * (pitch - centre) ** 2
    clash = clash_cost(leader, grid)
    costs: list[Floats] = []
    for beat, chord in enumerate(grid.sounding):
        is_anchor = grid.is_strong(beat) or grid.changes(beat) or beat == grid.final_beat
        class_cost = np.full(12, OUT_OF_CHORD)
        if chord.bass is None:
            class_cost[list(chord.tones)] = 6.0 if is_anchor else 1.4
            class_cost[fifth_of(chord)] = 2.0 if is_anchor else 0.0
            class_cost[chord.root] = 0.0 if is_anchor else 0.9
        else:
            class_cost[list(chord.tones)] = _NOT_THE_GIVEN_BASS if is_anchor else 1.4
            class_cost[chord.bass] = 0.0
        if not is_anchor:
            class_cost += taste[beat]
        class_cost += CLASH * clash[beat]
        if grid.changes(beat):
            class_cost[chord.lowest] = 0.0  # names the new chord, whatever the leader plays over it
        if beat >= grid.final_beat:
            class_cost[chord.lowest] = -_ENDS_ON_ROOT
        costs.append(class_cost[pitch % 12] + register)
    leap = np.abs(pitch[:, None] - pitch[None, :]).astype(np.float64)
    movement = 0.06 * leap + 0.3 * (leap > 7) + 1.0 * (leap > 12)
    return [low + index for index in fixed_lag_viterbi(costs, lambda _: movement, grid.rest_of_bar())]


def write_bass(
    grid: Grid,
    leader: Leader,
    follower: FollowerSettings,
    pitches: list[int],
    manner: Manner,
    chance: Chance,
    ring_s: float,
) -> list[WrittenNote]:
    """Make notes of the pitches on the beats; the last one is held until `ring_s` after the leader's end."""
    approaches = 2.0 * manner.complexity * APPROACH_SHARE
    levels = rhythm_levels(leader, grid, other_rhythm(grid, chance, follower.name), follower.density)
    sustains = follower.spec.family in ("bowed", "blown")
    wants_approach = chance.draws(f"{follower.name}/approach", np.arange(grid.num_beats), 1)[:, 0] < approaches
    chords = grid.sounding
    length = 1.0 if sustains else 0.94
    slots: list[BassSlot] = []

    def play(place: float, pitch: int, velocity: int) -> None:
        slots.append(BassSlot(place, pitch, velocity, length=length))

    for beat in np.flatnonzero(leader.is_playing[: grid.final_beat + 1]).tolist():
        softer = softer_without_chord(grid, beat)
        pitch, level = pitches[beat], int(levels[beat])
        walks = level > (1 if grid.is_in_three else 0)
        if grid.is_strong(beat) or grid.changes(beat) or walks or beat == grid.final_beat:
            play(float(beat), pitch, (92 if grid.positions[beat] == 0 else 82) - softer)
        if level == 0 or beat == grid.final_beat:
            continue
        leads = grid.changes(beat + 1) and pitches[beat + 1] != pitch
        if leads and wants_approach[beat]:
            chord = chords[beat]
            passing = scale(grid.keys[beat], chord)
            step = approach(pitch, pitches[beat + 1], chord.tones, passing, follower.range)
            play(beat + 0.5, step, 74 - softer)
        elif level == 2 and not sustains:
            play(beat + 0.5, pitch, 70 - softer)
    return hold(slots, grid, leader, follower.spec.family, ring_s)


def fifth_of(chord: Chord) -> int:
    """The pitch class of a chord's fifth, the last of two tones."""
    return chord.tones[: _FIFTH + 1][-1]


def approach(
    pitch: int, target: int, chord_tones: tuple[int, ...], steps: frozenset[int], pitch_range: tuple[int, int]
) -> int:
    """A note of the chord within a tone of the target, else of the scale, else `pitch`; rather on this side of it."""
    side = 1 if pitch > target else -1
    near = [target + side * size for size in (1, 2)] + [target - side * size for size in (1, 2)]
    near = [one for one in near if pitch_range[0] <= one <= pitch_range[1]]
    for allowed in (set(chord_tones), set(steps)):
        for one in near:
            if one % 12 in allowed:
                return one
    return pitch


def hold(slots: Sequence[BassSlot], grid: Grid, leader: Leader, family: Family, ring_s: float) -> list[WrittenNote]:
    """Let every note last until the next one, or as long as it may, but not into beats in which the band rests, or in
    which a bow or a breath begins anew.
    """
    written: list[WrittenNote] = []
    for index, (place, pitch, velocity, latest, length, articulation) in enumerate(slots):
        start_s = grid.seconds(place)
        if int(place) >= grid.final_beat:
            stop_s = grid.end_s + ring_s
        else:
            until = slots[index + 1].place if index + 1 < len(slots) else float(grid.num_beats)
            until = leader.plays_until(int(place), min(until, latest))
            stop_s = start_s + length * (grid.seconds(until) - start_s)
            stop_s = min(stop_s, released_s(grid, leader, family, start_s, until))
        written.append(WrittenNote(start_s, stop_s, pitch, velocity, articulation=articulation))
    return written

"""Writes counter-melodies: they move while the leader holds or rests, against its direction, through the chords.

Under a leader who plays notes without a gap they move on strong beats, in three on any beat.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.viterbi import fixed_lag_viterbi
from ensemble.conduct.breath import released_s, renews
from ensemble.conduct.density import OUT_OF_CHORD, softer_without_chord
from ensemble.conduct.grid import Grid
from ensemble.conduct.harmony import scale
from ensemble.conduct.jitter import Chance
from ensemble.conduct.leader import STEPS_PER_BEAT, Leader
from ensemble.conduct.shaping import WrittenNote
from ensemble.conduct.voicing import CROSSING, Neighbours
from ensemble.config import FollowerSettings
from ensemble.settings.style import Manner

Floats = NDArray[np.float64]

_CLASH = 10.0
_PASSING, _PASSING_SHARE = 0.2, 0.2  # cost of a passing note, and share of the half beats on which it is allowed
_SAME_PITCH_AS_LEADER = 1.5
_MOVES_OVER_MOTION, _MOVES_OFF_BEAT = 1.6, 0.1
_STAYS_OVER_REST = {"strong": 0.9, "weak": 0.45, "off": 0.0}
_SIMILAR_MOTION = 0.5
_TASTE = 0.8  # cost by which a take that varies likes a tone less
_CEASELESS = 0.75
"""Share of the half beats of the last two bars with an onset, from which the leader counts as playing without a gap."""


def counter_pitches(
    grid: Grid, leader: Leader, follower: FollowerSettings, neighbours: Neighbours, manner: Manner, chance: Chance
) -> NDArray[np.int64]:
    """Choose the pitch in every half beat, bar by bar, by Viterbi; passing notes are allowed at random.  [beats * 2]"""
    low, high = follower.range
    num_steps = grid.num_beats * STEPS_PER_BEAT
    may_pass = (
        chance.draws(f"{follower.name}/passing", np.arange(num_steps), 1)[:, 0]
        < 2.0 * manner.complexity * _PASSING_SHARE
    )
    pitch = np.arange(low, high + 1)
    register = 0.006 * (pitch - (low + 0.5 * (high - low))) ** 2
    share = leader.pitch_share
    clash = np.roll(share, 1, axis=1) + np.roll(share, -1, axis=1)
    chords = grid.sounding
    taste = _TASTE * chance.draws(f"{follower.name}/taste", np.arange(num_steps), 12) * chance.varies
    costs: list[Floats] = []
    for step in range(num_steps):
        beat, is_on_beat = step // STEPS_PER_BEAT, step % STEPS_PER_BEAT == 0
        chord = chords[beat]
        class_cost = np.full(12, OUT_OF_CHORD)
        if may_pass[step] and not is_on_beat and beat < grid.final_beat:
            class_cost[list(scale(grid.keys[beat], chord))] = _PASSING
        own = chord.tones
        class_cost[list(own)] = 0.0
        if beat >= grid.final_beat:
            class_cost[list(own[2:])] = 1.0
        class_cost += taste[step]
        cost = class_cost[pitch % 12] + register + _CLASH * clash[step][pitch % 12]
        cost += CROSSING * ((pitch < neighbours.floor[beat]) + (pitch > neighbours.ceiling[beat]))
        if np.isfinite(leader.register_midi[step]):
            cost += _SAME_PITCH_AS_LEADER * (np.abs(pitch - leader.register_midi[step]) < 2.5)
        costs.append(cost)
    motion, is_busy = _leader_direction(leader), _leader_is_busy(grid, leader)
    movement = {
        (busy, place, direction): _movement(pitch, place, direction, is_busy=busy)
        for busy in (False, True)
        for place in _STAYS_OVER_REST
        for direction in (-1, 0, 1)
    }
    chosen = fixed_lag_viterbi(
        costs,
        lambda step: movement[bool(is_busy[step]), _place(grid, step), int(motion[step])],
        grid.rest_of_bar(STEPS_PER_BEAT),
    )
    return low + np.array(chosen, np.int64)


def _leader_is_busy(grid: Grid, leader: Leader) -> NDArray[np.bool_]:
    """Whether a half beat is left to the leader: it has an onset there, but does not play without a gap.  [steps]"""
    strikes = leader.onsets > 0
    window = min(2 * grid.beats_per_bar * STEPS_PER_BEAT, max(len(strikes), 1))
    struck = np.cumsum(strikes)
    recent = struck - np.concatenate([np.zeros(window, np.int64), struck])[: len(struck)]
    is_ceaseless = recent >= _CEASELESS * np.minimum(np.arange(len(strikes)) + 1, window)
    free = ("strong", "weak") if grid.is_in_three else ("strong",)
    is_free = np.array([_place(grid, step) in free for step in range(len(strikes))], np.bool_)
    return np.asarray(strikes & ~(is_ceaseless & is_free))


def _place(grid: Grid, step: int) -> str:
    """Where in the bar a half beat lies: a key of `_STAYS_OVER_REST`."""
    beat, inside = divmod(step, STEPS_PER_BEAT)
    return "off" if inside else "strong" if grid.is_strong(beat) else "weak"


def _movement(pitch: NDArray[np.int64], place: str, leader_direction: int, *, is_busy: bool) -> Floats:
    """Cost of going from each pitch to each: low for steps, high for moving while the leader has an onset and for
    staying on a beat on which it has none.
    """
    step = pitch[None, :] - pitch[:, None]
    size = np.abs(step).astype(np.float64)
    cost: Floats = 0.2 * np.maximum(size - 2, 0) + 0.8 * (size > 7) + 2.0 * (size > 12)
    moves = step != 0
    if is_busy:
        cost += _MOVES_OVER_MOTION * moves
    else:
        cost += np.where(moves, _MOVES_OFF_BEAT * (place == "off"), _STAYS_OVER_REST[place])
    if leader_direction:
        cost += _SIMILAR_MOTION * (np.sign(step) == leader_direction)
    return cost


def _leader_direction(leader: Leader) -> NDArray[np.int64]:
    """How the leader's pitch moved since the half beat before: 1 up, -1 down, 0 not or unclear.  [steps]"""
    went = np.diff(leader.register_midi, prepend=np.nan)
    return np.where(np.abs(went) > 0.5, np.sign(went), 0.0).astype(np.int64)


def write_counter(
    grid: Grid, leader: Leader, follower: FollowerSettings, pitches: NDArray[np.int64]
) -> list[WrittenNote]:
    """Join equal pitches into notes no longer than a bow or a breath; the last one ends with the leader."""
    family = follower.spec.family
    starts = np.flatnonzero(np.diff(pitches, prepend=-1))
    cuts = {int(step) for step in starts} | {grid.final_beat * STEPS_PER_BEAT}
    written: list[WrittenNote] = []
    step = 0
    while step < min(len(pitches), grid.final_beat * STEPS_PER_BEAT + 1):
        beat = step // STEPS_PER_BEAT
        if not leader.is_playing[beat]:
            step += 1
            continue
        begins, stop = step / STEPS_PER_BEAT, step + 1
        while stop < len(pitches) and stop not in cuts and leader.is_playing[stop // STEPS_PER_BEAT]:
            if renews(grid, leader, family, begins, stop / STEPS_PER_BEAT):
                break
            stop += 1
        start_s = grid.seconds(begins)
        is_last = beat >= grid.final_beat
        stop_s = grid.end_s if is_last else released_s(grid, leader, family, start_s, stop / STEPS_PER_BEAT)
        accent = 88 if step % STEPS_PER_BEAT == 0 else 76
        written.append(WrittenNote(start_s, stop_s, int(pitches[step]), accent - softer_without_chord(grid, beat)))
        step = stop
    return written

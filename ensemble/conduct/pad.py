"""Writes pads from voicings: plucked and keyed instruments play strokes, bowed and blown ones hold notes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.conduct.breath import released_s, renews
from ensemble.conduct.density import rhythm_levels, softer_without_chord
from ensemble.conduct.grid import Grid
from ensemble.conduct.leader import Leader
from ensemble.conduct.shaping import WrittenNote
from ensemble.config import FollowerSettings

_STRUM_S = 0.007
_STRUM_LENGTH = 0.96


class Stroke(NamedTuple):
    """One stroke of a chord."""

    start: float
    """The beat on which it begins."""
    until: float
    """The beat at which it ends."""
    velocity: int
    """MIDI velocity of its first note."""


def write_pad(
    grid: Grid, leader: Leader, follower: FollowerSettings, voicing: NDArray[np.int64], ring_s: float,
    strokes: Sequence[Stroke],
) -> list[WrittenNote]:  # fmt: skip
    """Make notes of the voicings; the last chord is held until `ring_s` after the leader's end.

    Args:
        grid: the beats.
        leader: says where the band rests.
        follower: its instrument decides whether chords are struck or held.
        voicing: from `voice_chords`.  [beats, voices]
        ring_s: how long the last chord lasts after the leader's end.
        strokes: for plucked and keyed instruments: when chords are struck, as from `rule_strokes`.
    """
    if follower.spec.family in ("plucked", "keyed"):
        return _strummed(grid, leader, follower, voicing, ring_s, strokes)
    return _sustained(grid, leader, follower, voicing, ring_s)


def rule_strokes(grid: Grid, leader: Leader, bass: NDArray[np.int64]) -> list[Stroke]:
    """Decide when chords are struck and how hard: every half bar, beat or half beat, with accents on 1, 2 and 4.

    In three, the bass plays the first beat, and chords are struck after it.

    Args:
        grid: the beats.
        leader: says how many notes to play, and where the band rests.
        bass: pitch of the bass, 0 where it rests.  [beats]
    """
    levels = rhythm_levels(leader, grid)
    strokes: list[Stroke] = []
    for beat in np.flatnonzero(leader.is_playing[: grid.final_beat + 1]).tolist():
        softer = softer_without_chord(grid, beat)
        position, level = int(grid.positions[beat]), int(levels[beat])
        place, is_last = position % 3, beat == grid.final_beat
        is_after_bass = grid.is_in_three and not is_last and level < 2 and bass[max(beat - place, 0)] > 0
        if is_after_bass:
            is_struck = place == 1 or (place == 2 and (level == 1 or grid.changes(beat)))
        else:
            is_struck = is_last or level > 0 or grid.changes(beat) or grid.is_strong(beat)
        if is_struck:
            until = beat - place + 3.0 if is_after_bass else math.inf
            accent = 90 if position == 0 else 86 if position % 2 else 78
            strokes.append(Stroke(float(beat), until, accent - softer))
        pushes = level == 2 or (level == 1 and position % 4 == 1 and not grid.is_in_three)  # 1, 2 and, 3, 4
        if pushes and not is_last:
            strokes.append(Stroke(beat + 0.5, math.inf, 68 - softer))
    following = [*(stroke.start for stroke in strokes[1:]), float(grid.num_beats)]
    return [one._replace(until=min(one.until, other)) for one, other in zip(strokes, following, strict=False)]


def _strummed(
    grid: Grid, leader: Leader, follower: FollowerSettings, voicing: NDArray[np.int64], ring_s: float,
    strokes: Sequence[Stroke],
) -> list[WrittenNote]:  # fmt: skip
    """Make notes of strokes: on beats from the lowest to the highest note, between beats from the highest down."""
    spread_s = _STRUM_S if follower.spec.family == "plucked" else 0.0
    written: list[WrittenNote] = []
    for place, until, velocity in strokes:
        beat = int(place)
        start_s = grid.seconds(place)
        length = _STRUM_LENGTH * (grid.seconds(leader.plays_until(beat, until)) - start_s)
        stop_s = grid.end_s + ring_s if beat >= grid.final_beat else start_s + length
        sounds = np.flatnonzero(voicing[beat])
        order = sounds if place == beat else sounds[::-1]
        for delay, voice in enumerate(order.tolist()):
            start = start_s + (delay - (len(sounds) - 1) / 2) * spread_s  # the middle of a strum is on the beat
            written.append(WrittenNote(start, stop_s, int(voicing[beat, voice]), velocity - 2 * delay, voice))
    return written


def _sustained(
    grid: Grid, leader: Leader, follower: FollowerSettings, voicing: NDArray[np.int64], ring_s: float
) -> list[WrittenNote]:
    """Let every voice hold its note over chords that share it, for as long as a bow or a breath lasts."""
    family = follower.spec.family
    written: list[WrittenNote] = []
    for voice in range(voicing.shape[1]):
        beat = 0
        while beat < grid.num_beats:
            pitch = int(voicing[beat, voice])
            if not pitch or not leader.is_playing[beat]:
                beat += 1
                continue
            stop = beat + 1
            while stop < grid.num_beats and int(voicing[stop, voice]) == pitch and leader.is_playing[stop]:
                if stop == grid.final_beat or renews(grid, leader, family, beat, stop):
                    break
                stop += 1
            start_s = grid.seconds(beat)
            if beat >= grid.final_beat:
                stop, stop_s = grid.num_beats, grid.end_s + ring_s
            else:
                stop_s = released_s(grid, leader, family, start_s, stop)
            velocity = (86 if grid.is_strong(beat) else 75) - softer_without_chord(grid, beat)
            written.append(WrittenNote(start_s, stop_s, pitch, velocity, voice))
            beat = stop
    return written

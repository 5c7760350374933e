"""Decides when a held note is begun again: at a new phrase, after a rest, and before a bow or a breath is used up."""

from __future__ import annotations

from ensemble.conduct.grid import Grid
from ensemble.conduct.leader import STEPS_PER_BEAT, Leader
from ensemble.types.instruments import Family

_LONGEST_S: dict[Family, float] = {"bowed": 2.8, "blown": 4.0}
"""Longest note of one bow at a middle level, or of a part of one breath."""
_RINGING_S = 2.0
"""Longest note of a plucked or struck string."""
_BREATH_S = {"bowed": 0.12, "blown": 0.22}
"""Gap between two notes for a change of bow or a breath."""


def breathes(grid: Grid, leader: Leader, beat: float) -> bool:
    """Whether all players breathe before a (half) beat: a phrase begins, or the leader plays again after a rest."""
    step = round(beat * STEPS_PER_BEAT)
    if grid.opens_phrase(beat) or not STEPS_PER_BEAT <= step < len(leader.is_sounding):
        return grid.opens_phrase(beat)
    return bool(leader.is_sounding[step] and not leader.is_sounding[step - STEPS_PER_BEAT : step].any())


def renews(grid: Grid, leader: Leader, family: Family, start: float, beat: float) -> bool:
    """Whether a note held since the beat `start` is begun again on a (half) beat, before its bow or breath ends."""
    if breathes(grid, leader, beat):
        return True
    if beat != int(beat):
        return False
    following = int(beat) + 1
    while grid.is_strong(int(beat)) and following < grid.num_beats and not grid.is_strong(following):
        following += 1  # better early on a strong beat than later on a weak one
    return grid.seconds(following) - grid.seconds(start) > _LONGEST_S.get(family, _RINGING_S)


def released_s(grid: Grid, leader: Leader, family: Family, start_s: float, stop: float) -> float:
    """When a note that is held to the (half) beat `stop` ends: early enough for a breath, where there is one."""
    stop_s = grid.seconds(stop)
    if not breathes(grid, leader, stop):
        return stop_s
    return max(stop_s - _BREATH_S.get(family, 0.0), 0.5 * (start_s + stop_s))

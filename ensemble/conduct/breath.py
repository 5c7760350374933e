"""When a held note is begun anew: bows and lungs end, phrases do, and who plays with others breathes when they do."""

from __future__ import annotations

from ensemble.conduct.grid import Grid
from ensemble.conduct.leader import STEPS_PER_BEAT, Leader
from ensemble.types.instruments import Family

_LONGEST_S: dict[Family, float] = {"bowed": 2.8, "blown": 4.0}
_RINGING_S = 2.0
"""Of one note: a bow at a middling level, a part of one breath; and of a string that was plucked or struck."""
_BREATH_S = {"bowed": 0.12, "blown": 0.22}


def breathes(grid: Grid, leader: Leader, beat: float) -> bool:
    """Whether everybody breathes before a (half) beat: a phrase opens, or the leader is back after a beat of rest."""
    step = round(beat * STEPS_PER_BEAT)
    if grid.opens_phrase(beat) or not STEPS_PER_BEAT <= step < len(leader.is_sounding):
        return grid.opens_phrase(beat)
    return bool(leader.is_sounding[step] and not leader.is_sounding[step - STEPS_PER_BEAT : step].any())


def renews(grid: Grid, leader: Leader, family: Family, start: float, beat: float) -> bool:
    """Whether a note held since the beat `start` is begun anew on a (half) beat: before its bow or breath runs out."""
    if breathes(grid, leader, beat):
        return True
    if beat != int(beat):
        return False
    following = int(beat) + 1
    while grid.is_strong(int(beat)) and following < grid.num_beats and not grid.is_strong(following):
        following += 1  # rather on a strong beat too early than on a weak one
    return grid.seconds(following) - grid.seconds(start) > _LONGEST_S.get(family, _RINGING_S)


def released_s(grid: Grid, leader: Leader, family: Family, start_s: float, stop: float) -> float:
    """Where a note that is held to the (half) beat `stop` is let go: early enough for a breath, where one is taken."""
    stop_s = grid.seconds(stop)
    if not breathes(grid, leader, stop):
        return stop_s
    return max(stop_s - _BREATH_S.get(family, 0.0), 0.5 * (start_s + stop_s))

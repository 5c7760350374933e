"""How a piece ends: with the leader, at once, ringing on, or with one more bar that slows down."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.grid import Grid, grid_of
from ensemble.conduct.leader import STEPS_PER_BEAT, Leader
from ensemble.settings.style import Manner
from ensemble.types.music import Heard

_RING_S, _RING_ON_S = 0.3, 3.0
_STAB_BEATS = 0.5
_SLOWER = 1.09
"""By how much each beat of a ritard is longer than the one before: at the end of a bar of four, 1.4 times."""
_RELEASE_S = 0.5
"""What follows the last note in any case."""


class Ending(NamedTuple):
    """What the parts are written on, to the last chord."""

    grid: Grid
    """The beats; of a ritard with those that follow the leader's last chord."""
    leader: Leader
    """What it plays in them; under a ritard what it played last."""
    ring_s: float
    """How long basses and pads ring on after the grid's end."""


def with_ending(grid: Grid, leader: Leader, manner: Manner, music_frames: int, num_frames: int) -> Ending:
    """Bring a piece to its end.

    Args:
        grid: the leader's beats.
        leader: what it plays in them.
        manner: says how.
        music_frames: control frames of the leader's recording.
        num_frames: of the performance, tail included; nothing rings longer.
    """
    if manner.ending is None or not grid.num_beats:
        return Ending(grid, leader, min(_RING_S, (num_frames - min(music_frames, num_frames)) / FRAME_RATE_HZ))
    start, beat_s = float(grid.edges_s[grid.final_beat]), _last_beat_s(grid)
    if manner.ending == "stop":
        return Ending(replace(grid, end_s=min(grid.end_s, start + _STAB_BEATS * beat_s)), leader, 0.0)
    if manner.ending == "ritard":
        grid, leader = _slowed(grid, leader)
    return Ending(grid, leader, min(_RING_ON_S, num_frames / FRAME_RATE_HZ - _RELEASE_S - grid.end_s))


def tail_s(manner: Manner, heard: Heard, least_s: float) -> float:
    """How long the band may sound after the leader's recording: `least_s`, or as long as its ending takes.

    Args:
        manner: says how it ends.
        heard: the leader.
        least_s: as the request has it.
    """
    if manner.ending in (None, "stop"):
        return least_s
    grid = grid_of(heard)
    if manner.ending == "ritard" and grid.num_beats:
        grid = _longer(grid)
    needed_s = grid.end_s + _RING_ON_S + _RELEASE_S - heard.frames.num_frames / FRAME_RATE_HZ
    return max(least_s, float(needed_s))


def _last_beat_s(grid: Grid) -> float:
    """The length of a beat where the last chord begins."""
    first = max(grid.final_beat - 4, 0)
    return float(np.median(np.diff(grid.edges_s[first : grid.final_beat + 2])))


def _longer(grid: Grid) -> Grid:
    """The grid with a bar more on the last chord, beat by beat slower, and the last chord once more on the next bar."""
    last, per_bar = grid.final_beat, grid.beats_per_bar
    more = per_bar - int(grid.positions[last]) % per_bar
    more = more if more > 1 else more + per_bar
    added = np.cumsum(_last_beat_s(grid) * _SLOWER ** np.arange(1, more + 2))
    edges_s = np.concatenate([grid.edges_s[: last + 1], grid.edges_s[last] + added])
    count = np.arange(last, last + more + 1) - last + int(grid.positions[last])
    return replace(
        grid,
        edges_s=edges_s,
        chords=(*grid.chords[:last], *[grid.chords[last]] * (more + 1)),
        keys=(*grid.keys[:last], *[grid.keys[last]] * (more + 1)),
        positions=np.concatenate([grid.positions[:last], count % per_bar]),
        bars=np.concatenate([grid.bars[:last], grid.bars[last] + count // per_bar]),
        energy=np.concatenate([grid.energy[:last], np.full(more + 1, grid.energy[last])]),
        end_s=float(edges_s[-1]),
        final_beat=last + more,
    )


def _slowed(grid: Grid, leader: Leader) -> tuple[Grid, Leader]:
    longer = _longer(grid)
    beats = np.minimum(np.arange(longer.num_beats), max(grid.final_beat - 1, 0))  # the leader as it was just before
    steps = (beats[:, None] * STEPS_PER_BEAT + np.arange(STEPS_PER_BEAT)).ravel()
    silent = np.where(np.arange(len(steps)) < grid.final_beat * STEPS_PER_BEAT, 1.0, 0.0)[:, None]
    return longer, replace(
        leader,
        pitch_share=leader.pitch_share[steps] * silent,
        register_midi=leader.register_midi[steps],
        onsets=leader.onsets[steps],
        is_sounding=leader.is_sounding[steps],
        loudness_db=leader.loudness_db[steps],
        busyness=leader.busyness[beats],
        is_playing=leader.is_playing[np.minimum(np.arange(longer.num_beats), grid.final_beat)],
    )

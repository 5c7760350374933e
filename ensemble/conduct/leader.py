"""Summarises the leader for the writers of parts: what it plays in each half beat, and how many notes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.grid import Grid
from ensemble.conduct.notes import CLEAR_CONFIDENCE, SOUNDING_DB, onset_frames, pitch_midi
from ensemble.types.music import PRESENT_DB, SILENCE_DB, Frames, Heard

STEPS_PER_BEAT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Leader:
    """What the leader plays in each step (half a beat) and each beat."""

    pitch_share: NDArray[np.float64]
    """Share of the step's time in which each pitch class sounds, where f0 is clear.  [steps, 12]"""
    register_midi: NDArray[np.float64]
    """Median written pitch; NaN where f0 is unclear.  [steps]"""
    onsets: NDArray[np.int64]
    """Number of onsets.  [steps]"""
    is_sounding: NDArray[np.bool_]
    """Whether the loudness is above `PRESENT_DB`.  [steps]"""
    loudness_db: NDArray[np.float64]
    """Loudness of the mean power.  [steps]"""
    busyness: NDArray[np.float64]
    """Onsets per beat in the beat's bar and the bar before.  [beats]"""
    is_playing: NDArray[np.bool_]
    """Whether the band plays: the leader sounds in the beat or has within the bar before it. False in a pick-up: the
    band enters in the leader's first whole bar, on a beat on which the leader sounds.  [beats]"""

    def begins(self, grid: Grid, beat: int) -> bool:
        """Whether the band begins a chord on a beat on which it plays: a new one, or any after a rest."""
        return grid.changes(beat) or not self.is_playing[beat - 1]

    def plays_until(self, beat: int, until: float) -> float:
        """The beat at which a note that begins in `beat` must end: `until`, or the first in which the band rests."""
        stop = beat + 1
        while stop < until and self.is_playing[stop]:
            stop += 1
        return min(float(stop), until)


def listen_to(heard: Heard, grid: Grid) -> Leader:
    """Summarise what is heard of the leader in every half beat of the grid."""
    frames = heard.frames
    num_steps = grid.num_beats * STEPS_PER_BEAT
    edges = grid.fine_edges_s(STEPS_PER_BEAT)
    step_of = np.searchsorted(edges, (np.arange(frames.num_frames) + 0.5) / FRAME_RATE_HZ, side="right") - 1
    inside = (step_of >= 0) & (step_of < num_steps)
    midi = pitch_midi(frames, heard.tuning_cents)
    clear = inside & np.isfinite(midi) & (frames.confidence >= CLEAR_CONFIDENCE) & (frames.loudness_db > SOUNDING_DB)
    length = np.maximum(np.bincount(step_of[inside], minlength=num_steps), 1)
    pitch_class = np.round(midi[clear]).astype(np.int64) % 12
    share = np.bincount(step_of[clear] * 12 + pitch_class, minlength=num_steps * 12).reshape(num_steps, 12)
    power = 10.0 ** (frames.loudness_db[inside].astype(np.float64) / 10)
    energy = np.bincount(step_of[inside], weights=power, minlength=num_steps) / length
    loudness = 10.0 * np.log10(np.maximum(energy, 10.0 ** (SILENCE_DB / 10)))
    is_sounding = loudness > PRESENT_DB
    struck = onset_frames(frames)
    struck = struck[inside[struck]]
    onsets = np.bincount(step_of[struck], minlength=num_steps)
    return Leader(
        pitch_share=share / length[:, None],
        register_midi=_medians(midi[clear], step_of[clear], num_steps),
        onsets=onsets,
        is_sounding=is_sounding,
        loudness_db=loudness,
        busyness=_busyness(onsets, grid),
        is_playing=_recently(is_sounding, grid, _entry(frames, grid, is_sounding)),
    )


def _medians(values: NDArray[np.float64], groups: NDArray[np.int64], num_groups: int) -> NDArray[np.float64]:
    """The (lower) median of each group; NaN for an empty one."""
    order = np.lexsort((values, groups))
    counts = np.bincount(groups, minlength=num_groups)
    starts = np.cumsum(counts) - counts
    medians = np.full(num_groups, np.nan)
    filled = counts > 0
    medians[filled] = values[order][(starts + (counts - 1) // 2)[filled]]
    return medians


def _entry(frames: Frames, grid: Grid, is_sounding: NDArray[np.bool_]) -> int:
    """The beat on which the band enters: the first of the leader's whole bars on which the leader sounds.

    For a leader who avoids the beats it is a bar after the first sound. Where the music ends before the first whole
    bar, beats before it count too.
    """
    in_bars = np.flatnonzero(grid.bars >= 0)
    first = int(in_bars[0]) if len(in_bars) and in_bars[0] <= grid.final_beat else 0
    steps = np.flatnonzero(is_sounding)
    latest = int(steps[0]) // STEPS_PER_BEAT + grid.beats_per_bar if len(steps) else grid.num_beats
    later = range(first, grid.num_beats)
    return next(
        (beat for beat in later if beat >= latest or frames.sounds_at(float(grid.edges_s[beat]))), grid.num_beats
    )


def _recently(is_sounding: NDArray[np.bool_], grid: Grid, entry: int) -> NDArray[np.bool_]:
    """Whether anything sounds, from `entry` on, in a beat or within a bar before it.  [beats]"""
    if not grid.num_beats:
        return np.zeros(0, np.bool_)
    sounds: NDArray[np.bool_] = np.asarray(is_sounding.reshape(-1, STEPS_PER_BEAT).any(axis=1))
    silent = np.zeros(grid.beats_per_bar + entry, np.bool_)
    padded = np.concatenate([silent, sounds[entry:]])
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, grid.beats_per_bar + 1).any(axis=1))


def _busyness(onsets: NDArray[np.int64], grid: Grid) -> NDArray[np.float64]:
    """Onsets per beat over each beat's bar and the bar before.  [beats]"""
    if not grid.num_beats:
        return np.zeros(0)
    bar = grid.bars - grid.bars[0]
    per_beat = onsets.reshape(-1, STEPS_PER_BEAT).sum(axis=1)
    struck = np.bincount(bar, weights=per_beat).astype(np.float64)
    beats = np.bincount(bar).astype(np.float64)
    struck[1:], beats[1:] = struck[1:] + struck[:-1], beats[1:] + beats[:-1]
    return np.asarray((struck / beats)[bar])

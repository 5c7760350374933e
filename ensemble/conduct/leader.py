"""The leader as the writers of parts need it: what sounds in each half beat, and how busily."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.grid import SOUNDING_DB, Grid
from ensemble.types import PRESENT_DB, SILENCE_DB, Frames, Heard

CLEAR_CONFIDENCE = 0.5
STEPS_PER_BEAT = 2
_ONSET_MEMORY_S = 1.5
_FAINTEST_ONSET = 0.12  # a held flute's own flutter reaches 0.09, a soft pluck 0.3
_ATTACK_FRAMES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Leader:
    """What the leader does, per step (half a beat).

    pitch_share [steps, 12]: share of the step's time that each pitch class sounds, where f0 is clear; register_midi
    [steps]: median written pitch, NaN where unclear; onsets [steps]: strokes that begin; is_sounding [steps];
    loudness_db [steps]: of the mean energy; busyness [beats]: onsets per beat in its bar and the one before;
    is_playing [beats]: whether the leader sounds in the beat, or has within the bar before it. A leader who enters
    between two beats plays a pick-up: the band enters with the next beat on which the leader sounds, or after a bar.
    """

    pitch_share: NDArray[np.float64]
    register_midi: NDArray[np.float64]
    onsets: NDArray[np.int64]
    is_sounding: NDArray[np.bool_]
    loudness_db: NDArray[np.float64]
    busyness: NDArray[np.float64]
    is_playing: NDArray[np.bool_]

    def plays_until(self, beat: int, until: float) -> float:
        """How far a note that begins in `beat` may last: to `until`, or to the beat in which the leader is gone."""
        stop = beat + 1
        while stop < until and self.is_playing[stop]:
            stop += 1
        return min(float(stop), until)


def pitch_midi(frames: Frames, tuning_cents: float) -> NDArray[np.float64]:
    """Written pitch of the leader, as if it were tuned to 440 Hz; NaN where unvoiced.  [frames]"""
    voiced = np.where(frames.f0_hz > 0, frames.f0_hz, np.nan).astype(np.float64)
    return 69.0 + 12.0 * np.log2(voiced / 440.0) - tuning_cents / 100.0


def onset_frames(frames: Frames) -> NDArray[np.int64]:
    """Frames at which the leader strikes: peaks of the onset strength above twice its own recent mean and a floor.

    Looks 60 ms ahead, for the later frames of an attack that begins softly.
    """
    strength = frames.onset.astype(np.float64)
    if not len(strength) or strength.max() <= 0:
        return np.zeros(0, np.int64)
    share = float(1.0 - np.exp(-1 / (_ONSET_MEMORY_S * FRAME_RATE_HZ)))
    means = accumulate(strength.tolist(), lambda mean, now: mean + share * (now - mean), initial=0.0)
    recent = np.array(list(means)[1:])
    padded = np.pad(strength, 4)
    around = np.lib.stride_tricks.sliding_window_view(padded, 9)
    before, after = around[:, :4].max(axis=1), around[:, 5:].max(axis=1)
    is_peak = (strength > before) & (strength >= after) & (strength > np.maximum(2.0 * recent, _FAINTEST_ONSET))
    ahead = np.pad(frames.loudness_db, (0, _ATTACK_FRAMES), constant_values=SILENCE_DB)
    becomes = np.lib.stride_tricks.sliding_window_view(ahead, _ATTACK_FRAMES + 1).max(axis=1)
    return np.flatnonzero(is_peak & (becomes > SOUNDING_DB))


def listen_to(heard: Heard, grid: Grid) -> Leader:
    """Count what the leader does in every half beat of the grid; linear in its length."""
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
    """The first beat on which (within a tenth of a second) the leader sounds; a bar later for one who avoids them."""
    steps = np.flatnonzero(is_sounding)
    latest = int(steps[0]) // STEPS_PER_BEAT + grid.beats_per_bar if len(steps) else grid.num_beats
    for beat, edge_s in enumerate(grid.edges_s[:-1].tolist()):
        if beat >= latest:
            return beat
        if frames.sounds_at(edge_s):
            return beat
    return grid.num_beats


def _recently(is_sounding: NDArray[np.bool_], grid: Grid, entry: int) -> NDArray[np.bool_]:
    """Whether anything sounds in a beat or in the bar's worth of beats before it.  [beats]"""
    if not grid.num_beats:
        return np.zeros(0, np.bool_)
    sounds: NDArray[np.bool_] = np.asarray(is_sounding.reshape(-1, STEPS_PER_BEAT).any(axis=1))
    silent = np.zeros(grid.beats_per_bar + entry, np.bool_)
    padded = np.concatenate([silent, sounds[entry:]])
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, grid.beats_per_bar + 1).any(axis=1))


def _busyness(onsets: NDArray[np.int64], grid: Grid) -> NDArray[np.float64]:
    """Onsets per beat over the bar of each beat and the one before that.  [beats]"""
    if not grid.num_beats:
        return np.zeros(0)
    bar = grid.bars - grid.bars[0]
    per_beat = onsets.reshape(-1, STEPS_PER_BEAT).sum(axis=1)
    struck = np.bincount(bar, weights=per_beat).astype(np.float64)
    beats = np.bincount(bar).astype(np.float64)
    struck[1:], beats[1:] = struck[1:] + struck[:-1], beats[1:] + beats[:-1]
    return np.asarray((struck / beats)[bar])

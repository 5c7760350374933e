"""Steps at a join (pitch, level, timbre, chroma, bass), and how unusual they are among a recording's own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensemble.retrieve.search.feature_layout import LOWEST_DB
from ensemble.retrieve.search.outline import RATE_HZ, SpectralOutline, power_db, transposed
from ensemble.types.arrays import FloatArray

EDGE_FRAMES = 5
"""0.2 s on either side of a join."""
PITCH_FRAMES = 7
"""The pitch on either side is the median over 0.28 s: within 0.1 s of a leap a tracker may hear both notes."""
UNITS = {
    "pitch_step_cents": "cents",
    "level_step_db": "dB",
    "spectral_distance": "dB",
    "chroma": "1 - cosine",
    "bass_step_db": "dB",
}
USUAL = 75.0
"""A step costs nothing up to this percentile of a recording's own."""
_NUM_MEL = 26


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """What sounds next to some moments, on one side of them."""

    pitch_midi: FloatArray
    """0 where unvoiced.  [moments]"""
    level_db: FloatArray
    """[moments]"""
    low_db: FloatArray
    """Level of the bass band.  [moments]"""
    cepstra: FloatArray
    """Less their mean over the outline, so that another instrument, room or microphone is no step.  [moments, 12]"""
    chroma: FloatArray
    """[moments, 12]"""

    def transposed(self, semitones: NDArray[np.int64]) -> Edges:
        """Each moment as it is when it sounds so many semitones higher."""
        return Edges(
            pitch_midi=np.where(self.pitch_midi > 0, self.pitch_midi + semitones, 0.0).astype(np.float32),
            level_db=self.level_db,
            low_db=self.low_db,
            cepstra=self.cepstra,
            chroma=transposed(self.chroma, semitones, axis=1),
        )


def tails(outline: SpectralOutline, at_s: NDArray[np.float64]) -> Edges:
    """What sounds just before each moment."""
    return _edges(outline, at_s, -1 - np.arange(PITCH_FRAMES))


def heads(outline: SpectralOutline, at_s: NDArray[np.float64]) -> Edges:
    """What sounds just after each moment."""
    return _edges(outline, at_s, np.arange(PITCH_FRAMES))


def _edges(outline: SpectralOutline, at_s: NDArray[np.float64], away: NDArray[np.int64]) -> Edges:
    """What sounds at some frames away from each moment, nearest first; the mean is over the first `EDGE_FRAMES`."""
    frame = np.rint(at_s * RATE_HZ).astype(np.int64)[:, None] + away
    inside = (frame >= 0) & (frame < outline.num_frames)
    frame = np.clip(frame, 0, max(outline.num_frames - 1, 0))
    pitch = outline.pitch_midi[frame] * inside
    near, present = frame[:, :EDGE_FRAMES], inside[:, :EDGE_FRAMES].astype(np.float32)
    share = present / np.maximum(present.sum(axis=1, keepdims=True), 1)
    return Edges(
        pitch_midi=_median_pitch(pitch),
        level_db=_mean_db(outline.level_db[near], present),
        low_db=_mean_db(outline.low_db[near], present),
        cepstra=(outline.cepstra[:, near] * share).sum(axis=2).T - _colour(outline),
        chroma=(outline.chroma[:, near] * share).sum(axis=2).T,
    )


def _colour(outline: SpectralOutline) -> FloatArray:
    """Mean cepstra of what sounds.  [12]"""
    sounding = outline.level_db > LOWEST_DB
    colour: FloatArray = (outline.cepstra * sounding).sum(axis=1) / np.float32(max(int(sounding.sum()), 1))
    return colour


def _median_pitch(pitch_midi: FloatArray) -> FloatArray:
    """Lower median of the voiced frames, 0 without any.  [moments, frames] -> [moments]"""
    rising = np.sort(pitch_midi, axis=1)
    num_voiced = (pitch_midi > 0).sum(axis=1)
    middle = pitch_midi.shape[1] - 1 - num_voiced // 2
    median: FloatArray = np.take_along_axis(rising, np.minimum(middle, pitch_midi.shape[1] - 1)[:, None], axis=1)[:, 0]
    return median.astype(np.float32)


def _mean_db(level_db: FloatArray, inside: FloatArray) -> FloatArray:
    """Level of the mean power of the frames that exist, `LOWEST_DB` where none does.  [moments]"""
    power = (10 ** (level_db / 10) * inside).sum(axis=1) / np.maximum(inside.sum(axis=1), 1)
    return power_db(power, LOWEST_DB)


def steps(before: Edges, after: Edges) -> dict[str, FloatArray]:
    """The steps from tails to heads, by the names of `UNITS`; NaN where a side has no pitch.  [moments]

    Steps of pitch and level are signed. The bass is measured against the whole, so that a level match does not move it.
    The spectral distance is between what changed on either side, not between two instruments.
    """
    voiced = (before.pitch_midi > 0) & (after.pitch_midi > 0)
    pitch = np.where(voiced, 100 * (after.pitch_midi - before.pitch_midi), np.nan)
    balances = [np.maximum(side.low_db - side.level_db, -30.0) for side in (before, after)]
    across = (before.chroma * after.chroma).sum(axis=1)
    lengths = np.sqrt(np.square(before.chroma).sum(axis=1) * np.square(after.chroma).sum(axis=1))
    found = {
        "pitch_step_cents": pitch,
        "level_step_db": after.level_db - before.level_db,
        "spectral_distance": np.sqrt(np.square(after.cepstra - before.cepstra).sum(axis=1) / _NUM_MEL),
        "chroma": 1 - across / np.where(lengths > 1e-9, lengths, 1.0),
        "bass_step_db": balances[1] - balances[0],
    }
    return {name: values.astype(np.float32) for name, values in found.items()}


def natural(outline: SpectralOutline, at_s: NDArray[np.float64]) -> dict[str, FloatArray]:
    """The steps at some moments of one recording: magnitudes, sorted, without NaN."""
    inner = at_s[(at_s > PITCH_FRAMES / RATE_HZ) & (at_s < outline.duration_s - PITCH_FRAMES / RATE_HZ)]
    before, after = tails(outline, inner), heads(outline, inner)
    audible = (before.level_db > LOWEST_DB) & (after.level_db > LOWEST_DB)
    measured = steps(before, after)
    return {name: np.sort(np.abs(values[audible & np.isfinite(values)])) for name, values in measured.items()}


def percentiles(values: FloatArray, own: FloatArray) -> FloatArray | None:
    """Where each magnitude lies among a recording's own, 0..100; None where there are fewer than eight to compare."""
    if len(own) < 8:
        return None
    low, high = np.searchsorted(own, values, side="left"), np.searchsorted(own, values, side="right")
    return (50.0 * (low + high) / len(own)).astype(np.float32)


def ease(steps: dict[str, FloatArray], percentiles: dict[str, FloatArray]) -> FloatArray:
    """1 where no step is larger than a recording's own usually are, 0 where every one exceeds them all.  [moments]

    Args:
        steps: by name, NaN where there is none.
        percentiles: of those steps that the recording's own transitions have.
    """
    if not percentiles:
        return np.full(len(next(iter(steps.values()))), 0.5, dtype=np.float32)
    known = np.stack([np.isfinite(steps[name]) for name in percentiles])
    easy = np.stack([np.minimum(1.0, (100.0 - among) / (100.0 - USUAL)) for among in percentiles.values()])
    mean: FloatArray = ((easy * known).sum(axis=0) / np.maximum(known.sum(axis=0), 1)).astype(np.float32)
    return mean

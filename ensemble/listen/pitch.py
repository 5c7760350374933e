"""The leader's pitch: swift-f0 on the recording, and once more an octave up for notes below its range."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.sound import resampled
from ensemble.audio.spectra import bin_frequencies_hz, power_spectra
from ensemble.clock import FRAME_RATE_HZ
from ensemble.types.music import PIECE_SAMPLES, FloatArray

if TYPE_CHECKING:
    from ensemble.listen.tracker import PieceTracker

Array = NDArray[np.float64]
ANALYSIS_RATE_HZ = 16_000
STEP_S = 0.016
"""swift-f0's own frame."""
CONFIDENT = 0.5
LOW_NOTE_HZ = 65.0
"""Below it the second pass may be used; the first hears nothing below 47 Hz."""
SAME_NOTE_CENTS = 80.0
PURE_WINDOW_SAMPLES = 2048
SHORTEST_RUN = 3
FLICKER_RUN = 7
"""A run of fewer steps (0.11 s) in another octave, between two that agree, is an octave error."""
BRIDGE = 3
"""A gap of no more steps inside one note is filled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pitch:
    """The fundamental at 100 Hz."""

    f0_hz: FloatArray
    """0 where unvoiced.  [frames]"""
    confidence: FloatArray
    """0..1.  [frames]"""


@cache
def _tracker() -> PieceTracker:
    from ensemble.listen.tracker import PieceTracker

    return PieceTracker(threads=1, spin=False)


def track_pitch(samples: FloatArray, num_frames: int) -> Pitch:
    """Follow the fundamental.

    Args:
        samples: [samples], mono, at 16 kHz; its level does not matter.
        num_frames: control frames to answer for.

    Source: swift-f0 0.3 (MIT). It works in windows of 30 s that overlap by more than its receptive field, so that
    joins are exact and memory is bounded. Declared as 32 kHz, the same audio is heard an octave up in half the time:
    that pass reaches down to 23.4 Hz. A frame depends on the 0.16 s after it, or 0.32 s in that pass.
    """
    # Whole recording: its peak sets the level that swift-f0 hears. Half an hour is large: no copies are made.
    peak = max(float(samples.max(initial=0.0)), -float(samples.min(initial=0.0)))
    if peak == 0.0:
        return Pitch(f0_hz=np.zeros(num_frames, np.float32), confidence=np.zeros(num_frames, np.float32))
    time_s, pitch_hz, confidence = _tracker().follow(piece[0] for piece in _levelled(samples, peak))
    octave_up = resampled(_levelled(samples, peak), 2 * ANALYSIS_RATE_HZ, ANALYSIS_RATE_HZ)
    low_time_s, up_hz, up_confidence = _tracker().follow(piece[0] for piece in octave_up)
    low_hz = np.interp(time_s, 2 * low_time_s, up_hz / 2)
    low_confidence = np.interp(time_s, 2 * low_time_s, up_confidence)
    is_low = (confidence < CONFIDENT) & (low_confidence >= CONFIDENT)
    is_open = is_low & (low_hz >= LOW_NOTE_HZ)
    is_low[is_open] = _stands_alone(samples, low_hz, is_open)[is_open]
    pitch_hz = np.where(is_low, low_hz, pitch_hz)
    confidence = np.where(is_low, low_confidence, confidence)
    midi = np.where(confidence >= CONFIDENT, 69 + 12 * np.log2(pitch_hz / 440), np.nan)
    return at_control_rate(_settle(midi), confidence, num_frames)


def _levelled(samples: FloatArray, peak: float) -> Iterator[FloatArray]:
    """The sound at full scale, and a little silence.  [1, samples]

    Confidence falls with level: a tenth of the level loses a sixth of the voiced frames. The last step needs a hop.
    """
    for start in range(0, len(samples), PIECE_SAMPLES):
        yield samples[None, start : start + PIECE_SAMPLES] / np.float32(peak)
    yield np.zeros((1, 1024), np.float32)


def _stands_alone(samples: FloatArray, pitch_hz: Array, is_open: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where most of the power lies at the pitch itself: a nearly pure tone, which the first pass may miss below 300 Hz.

    Several notes that only imply a common lower one do not pass.  [steps]

    Args:
        samples: the sound.
        pitch_hz: [steps]
        is_open: which steps are asked for.
    """
    alone = np.zeros(len(pitch_hz), dtype=np.bool_)
    if not is_open.any():
        return alone
    frequency_hz = bin_frequencies_hz(PURE_WINDOW_SAMPLES, ANALYSIS_RATE_HZ)
    half_width_hz = 2.5 * ANALYSIS_RATE_HZ / PURE_WINDOW_SAMPLES
    for at, power in power_spectra(samples, len(pitch_hz), round(STEP_S * ANALYSIS_RATE_HZ), PURE_WINDOW_SAMPLES):
        asked = np.flatnonzero(is_open[at])
        near = np.abs(frequency_hz[None, :] - pitch_hz[at][asked, None]) <= half_width_hz
        alone[at.start + asked] = (power[asked] * near).sum(axis=1) > 0.5 * power[asked].sum(axis=1)
    return alone


def _runs(midi: Array) -> list[tuple[int, int]]:
    """Stretches [start, stop) of voiced steps without a leap."""
    voiced = ~np.isnan(midi)
    leaps = np.abs(np.diff(midi, prepend=np.nan)) * 100 > SAME_NOTE_CENTS
    opens = voiced & (~np.roll(voiced, 1) | leaps)
    opens[0] = voiced[0]
    starts = np.flatnonzero(opens)
    ends = np.flatnonzero(voiced & (np.append(opens[1:], True) | ~np.append(voiced[1:], False))) + 1
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def _settle(midi: Array) -> Array:
    """Undo octave errors, fill short gaps inside a note, drop very short runs.  [steps], NaN is unvoiced"""
    midi = midi.copy()
    runs = _runs(midi)
    for before, here, after in zip(runs, runs[1:], runs[2:], strict=False):
        left, right = midi[before[1] - 1], midi[after[0]]
        middle = float(np.median(midi[here[0] : here[1]]))
        octaves = np.rint((middle - left) / 12)
        is_near = here[0] - before[1] <= BRIDGE and after[0] - here[1] <= BRIDGE
        agrees = abs(left - right) < 1.5 and abs(middle - 12 * octaves - left) < 1.0
        if octaves and is_near and agrees and here[1] - here[0] < FLICKER_RUN:
            midi[here[0] : here[1]] -= 12 * octaves
    runs = _runs(midi)
    for before, after in pairwise(runs):
        left, right = midi[before[1] - 1], midi[after[0]]
        hole = after[0] - before[1]
        if 0 < hole <= BRIDGE and abs(left - right) * 100 < SAME_NOTE_CENTS:
            midi[before[1] : after[0]] = np.linspace(left, right, hole + 2)[1:-1]
    for start, stop in _runs(midi):
        if stop - start < SHORTEST_RUN:
            midi[start:stop] = np.nan
    return midi


def at_control_rate(midi: Array, confidence: Array, num_frames: int) -> Pitch:
    """From 16 ms steps to control frames: a glide inside a note, a leap between notes; NaN is unvoiced."""
    place = np.arange(num_frames) / (FRAME_RATE_HZ * STEP_S)
    last = len(midi) - 1
    left = np.minimum(place.astype(np.int64), last)
    right, nearest = np.minimum(left + 1, last), np.minimum(np.rint(place).astype(np.int64), last)
    glide = midi[left] + np.minimum(place - left, 1.0) * (midi[right] - midi[left])
    is_glide = np.abs(midi[right] - midi[left]) * 100 <= SAME_NOTE_CENTS
    at_frames = np.where(is_glide, glide, midi[nearest])
    f0_hz = np.nan_to_num(440 * 2 ** ((at_frames - 69) / 12), nan=0.0)
    confidence = np.interp(place, np.arange(len(confidence)), confidence)
    return Pitch(f0_hz=f0_hz.astype(np.float32), confidence=np.clip(confidence, 0.0, 1.0).astype(np.float32))

"""One sound file, read once as a stream: is it whole, how loud, how silent, does it clip, when do its notes begin.

A second of sound costs a few hundred numbers to remember, so hours fit. Damage is an error that says where it lies.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr

from ensemble.audio.loudness import LoudnessMeter
from ensemble.audio.recording import MAX_PEAK, Recording, opened
from ensemble.data.inspect_facts import SoundFacts
from ensemble.data.inspect_pitch import ANALYSIS_RATE_HZ, Ear
from ensemble.data.inspect_salience import Salience, SalienceMeter
from ensemble.errors import AudioError, DataError
from ensemble.mix.true_peak import decibels
from ensemble.types.music import SILENCE_DB, FloatArray

FULL_SCALE = 0.999
CLIPPED_SAMPLES = 4
"""So many equal samples in a row at full scale are clipping; three are what rounding makes of the top of a low sine."""
LOWEST_RATE_HZ, HIGHEST_RATE_HZ, MAX_CHANNELS = 4000, 400_000, 64
LONGEST_S = 24 * 3600.0
"""Of one file."""


class Clipping:
    """Counts runs of equal samples at full scale, in any channel, across the joins of the pieces."""

    def __init__(self, num_channels: int) -> None:
        self._before = np.zeros((num_channels, CLIPPED_SAMPLES), dtype=np.float32)
        self.runs = 0

    def see(self, block: FloatArray) -> None:
        """The next piece.  [channels, samples]"""
        whole = np.concatenate([self._before, block], axis=1)
        self._before = whole[:, -CLIPPED_SAMPLES:]
        if loudest(whole) < FULL_SCALE:
            return
        is_flat = (np.abs(whole[:, 1:]) >= FULL_SCALE) & (whole[:, 1:] == whole[:, :-1])
        # A run of n equal samples is n - 1 flat steps: it counts where it has just become long enough.
        steps = np.lib.stride_tricks.sliding_window_view(is_flat, CLIPPED_SAMPLES, axis=1)
        self.runs += int((steps[..., 1:].all(axis=2) & ~steps[..., 0]).sum())


def loudest(block: FloatArray) -> float:
    """The largest size of a sample; 0 where there is none."""
    return max(float(block.max(initial=0.0)), -float(block.min(initial=0.0)))


class HeardFile(NamedTuple):
    """What was heard of a sound file."""

    sound: SoundFacts
    onset: FloatArray
    """Its strength at 100 Hz, see `Ear.onset`.  [frames]"""
    salience: Salience | None
    """Which pitches sound, where that was asked for."""


def hear_file(path: Path, *, max_pitch_s: float | None, with_salience: bool = False) -> HeardFile:
    """Measure a stem or a mix.

    Args:
        path: the sound file.
        max_pitch_s: hear pitch, tuning and polyphony in so many sounding seconds, spread; None in all, 0 in none.
        with_salience: measure which pitches sound, to compare them with notes.

    Raises:
        DataError: it is empty, cannot be decoded, is cut short, or has samples that are no sound.
    """
    try:
        with opened(path, LONGEST_S) as recording:
            return _hear(recording, path, max_pitch_s, SalienceMeter() if with_salience else None)
    except AudioError as error:
        raise DataError(str(path), error.problem) from error


def _hear(recording: Recording, path: Path, max_pitch_s: float | None, pitches: SalienceMeter | None) -> HeardFile:
    sample_rate, num_channels = recording.sample_rate, recording.num_channels
    if not (LOWEST_RATE_HZ <= sample_rate <= HIGHEST_RATE_HZ and num_channels <= MAX_CHANNELS):
        raise DataError(str(path), f"declares {num_channels} channels at {sample_rate} Hz, which is no recording")
    meter, clipping = LoudnessMeter(sample_rate), Clipping(num_channels)
    ear = Ear(max_pitch_s, expected_s=recording.num_samples / sample_rate or 1.0)  # no header may tell
    resampler = soxr.ResampleStream(sample_rate, ANALYSIS_RATE_HZ, 1, dtype="float32", quality="HQ")
    peak, num_samples = 0.0, 0
    for block in recording.decoded():
        peak = max(peak, loudest(block))
        if peak > MAX_PEAK:
            raise DataError(str(path), f"has samples far beyond full scale near {num_samples / sample_rate:.1f} s")
        clipping.see(block)
        meter.push(block)
        slow = resampler.resample_chunk(np.ascontiguousarray(block.mean(axis=0)))
        ear.hear(slow)
        if pitches is not None:
            pitches.hear(slow)
        num_samples += block.shape[1]
    slow = resampler.resample_chunk(np.zeros(0, dtype=np.float32), last=True)
    ear.hear(slow)
    if pitches is not None:
        pitches.hear(slow)
    ear.finish()
    loudness_lufs = meter.lufs()
    sound = SoundFacts(
        duration_s=num_samples / sample_rate,
        sounding_s=ear.sounding_s,
        sample_rate=sample_rate,
        num_channels=num_channels,
        peak_dbfs=max(decibels(peak), SILENCE_DB),
        loudness_lufs=None if math.isinf(loudness_lufs) else loudness_lufs,
        clipped_runs=clipping.runs,
        faults=tuple(found.text for found in recording.diagnostics),
    )
    return HeardFile(ear.complete(sound), ear.onset(), pitches.finish() if pitches is not None else None)

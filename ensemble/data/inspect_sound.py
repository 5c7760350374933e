"""One sound file, read once as a stream: is it whole, how loud, how silent, does it clip, when do its notes begin.

A second of sound costs a few hundred numbers to remember, so hours fit. Damage is an error that says where it lies.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr

from ensemble.audio.files import LOSSLESS
from ensemble.audio.riff import read_promise
from ensemble.data.inspect_facts import SoundFacts
from ensemble.data.inspect_pitch import ANALYSIS_RATE_HZ, Ear
from ensemble.errors import DataError
from ensemble.mix.loudness import LoudnessMeter
from ensemble.mix.true_peak import decibels
from ensemble.types.music import SILENCE_DB, FloatArray

BLOCK_SAMPLES = 65_536
FULL_SCALE = 0.999
CLIPPED_SAMPLES = 4
"""So many equal samples in a row at full scale are clipping; three are what rounding makes of the top of a low sine."""
LOWEST_RATE_HZ, HIGHEST_RATE_HZ, MAX_CHANNELS = 4000, 400_000, 64
MAX_PEAK = 2.0**32
"""Float files may hold any number; beyond this it is damage."""


class Clipping:
    """Counts runs of equal samples at full scale, in any channel, across the joins of the pieces."""

    def __init__(self, num_channels: int) -> None:
        self._before = np.zeros((num_channels, CLIPPED_SAMPLES), dtype=np.float32)
        self.runs = 0

    def see(self, block: FloatArray) -> None:
        """The next piece.  [channels, samples]"""
        whole = np.concatenate([self._before, block], axis=1)
        is_flat = (np.abs(whole[:, 1:]) >= FULL_SCALE) & (whole[:, 1:] == whole[:, :-1])
        # A run of n equal samples is n - 1 flat steps: it counts where it has just become long enough.
        steps = np.lib.stride_tricks.sliding_window_view(is_flat, CLIPPED_SAMPLES, axis=1)
        self.runs += int((steps[..., 1:].all(axis=2) & ~steps[..., 0]).sum())
        self._before = whole[:, -CLIPPED_SAMPLES:]


def hear_file(path: Path, *, max_pitch_s: float | None) -> tuple[SoundFacts, FloatArray]:
    """Measure a stem or a mix.

    Args:
        path: the sound file.
        max_pitch_s: hear pitch, tuning and polyphony in so many sounding seconds, spread; None in all, 0 in none.

    Returns:
        The facts, and the onset strength at 100 Hz (`Ear.onset`).  [frames]

    Raises:
        DataError: it is empty, cannot be decoded, is cut short, or has samples that are no sound.
    """
    try:
        with path.open("rb") as stream:
            promise = read_promise(stream, os.fstat(stream.fileno()).st_size)
            if promise.missing_bytes:
                raise DataError(str(path), f"is cut short, {promise.missing_bytes} bytes of sound are missing")
            if promise.unsized_at is not None:
                raise DataError(str(path), "declares no length, as streaming tools leave it")
            os.lseek(stream.fileno(), 0, os.SEEK_SET)
            with soundfile.SoundFile(stream.fileno(), closefd=False) as file:
                return _hear(file, path, max_pitch_s)
    except OSError as error:
        raise DataError(str(path), f"cannot be read ({error.strerror})") from error
    except soundfile.LibsndfileError as error:
        is_empty = path.stat().st_size == 0
        raise DataError(str(path), "is empty" if is_empty else "cannot be decoded") from error


def _hear(file: soundfile.SoundFile, path: Path, max_pitch_s: float | None) -> tuple[SoundFacts, FloatArray]:
    sample_rate, num_channels = int(file.samplerate), int(file.channels)
    if not (LOWEST_RATE_HZ <= sample_rate <= HIGHEST_RATE_HZ and num_channels <= MAX_CHANNELS):
        raise DataError(str(path), f"declares {num_channels} channels at {sample_rate} Hz, which is no recording")
    meter, clipping = LoudnessMeter(sample_rate), Clipping(num_channels)
    ear = Ear(max_pitch_s, expected_s=file.frames / sample_rate)
    resampler = soxr.ResampleStream(sample_rate, ANALYSIS_RATE_HZ, 1, dtype="float32", quality="HQ")
    peak, num_samples = 0.0, 0
    for block in _blocks(file, path):
        peak = max(peak, float(np.abs(block).max(initial=0.0)))
        clipping.see(block)
        meter.push(block)
        ear.hear(resampler.resample_chunk(np.ascontiguousarray(block.mean(axis=0))))
        num_samples += block.shape[1]
    if num_samples == 0:
        raise DataError(str(path), "holds no sound")
    ear.hear(resampler.resample_chunk(np.zeros(0, dtype=np.float32), last=True))
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
    )
    return ear.complete(sound), ear.onset()


def _blocks(file: soundfile.SoundFile, path: Path) -> Iterator[FloatArray]:
    """The sound in order, checked.  [channels, samples]"""
    read = 0
    while read < file.frames:
        at_s = read / file.samplerate
        try:
            block = file.read(BLOCK_SAMPLES, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise DataError(str(path), f"is damaged, decoding stops near {at_s:.1f} s") from error
        if not len(block):
            if file.format not in LOSSLESS:  # these only estimate their length
                return
            raise DataError(str(path), f"is cut short, it ends at {at_s:.1f} of {file.frames / file.samplerate:.1f} s")
        if not np.isfinite(block).all():
            first = int(np.argmax(~np.isfinite(block).all(axis=1)))
            raise DataError(str(path), f"has samples that are not numbers near {at_s + first / file.samplerate:.2f} s")
        if np.abs(block).max() > MAX_PEAK:
            raise DataError(str(path), f"has samples far beyond full scale near {at_s:.1f} s")
        read += len(block)
        yield block.T

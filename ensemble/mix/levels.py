"""Levels of a written file, read as a stream: peaks, loudness, clipping, and the joins between its blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from ensemble.audio.clicks import click_ratio
from ensemble.errors import AudioError
from ensemble.manifest import StemFacts
from ensemble.mix.loudness import LoudnessMeter
from ensemble.mix.true_peak import HALF_TAPS, TruePeak, decibels
from ensemble.types.music import SILENCE_DB

CHUNK_SAMPLES = 65_536
FULL_SCALE = 1.0 - 2.0**-23
"""The largest sample that 24 bits can hold."""


def stem_facts(path: Path, join_samples: Sequence[int] | range = ()) -> StemFacts:
    """Measure one stem or mix.

    Args:
        path: a sound file.
        join_samples: the first sample after every join of two blocks; none for a file that was written whole.

    Returns:
        Peak (dBFS) and true peak (dBTP), both `SILENCE_DB` for silence; integrated loudness (LUFS, ITU-R BS.1770-4),
        None when nothing passes the gate; the number of samples at full scale; the worst join.

    Raises:
        AudioError: the file cannot be read.
    """
    try:
        with soundfile.SoundFile(path) as file:
            meter = LoudnessMeter(file.samplerate)
            true_peak = TruePeak(file.channels)
            peak, highest, num_clipped = 0.0, 0.0, 0
            for piece in file.blocks(CHUNK_SAMPLES, dtype="float64", always_2d=True):
                chunk = np.ascontiguousarray(piece.T)
                magnitude = np.abs(chunk)
                peak = max(peak, float(magnitude.max(initial=0.0)))
                num_clipped += int((magnitude >= FULL_SCALE).sum())
                highest = max(highest, float(true_peak.push(chunk).max(initial=0.0)))
                meter.hear(chunk)
            tail = true_peak.push(np.zeros((file.channels, 2 * HALF_TAPS)))
            highest = max(highest, float(tail.max(initial=0.0)))
            worst_join = click_ratio(file, join_samples)
    except (OSError, soundfile.LibsndfileError) as error:
        raise AudioError(str(path), "cannot be read", "render again") from error
    loudness_lufs = meter.lufs()
    return StemFacts(
        peak_dbfs=_shown(decibels(peak)),
        true_peak_dbtp=_shown(decibels(highest)),
        loudness_lufs=None if math.isinf(loudness_lufs) else round(loudness_lufs, 3),
        click_ratio=None if worst_join is None else round(worst_join, 4),
        clipped_samples=num_clipped,
    )


def _shown(level_db: float) -> float:
    """A level as a manifest holds it: finite, in thousandths of a decibel."""
    return round(max(level_db, SILENCE_DB), 3)

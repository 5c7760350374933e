"""Compares two sound files by the hash of their samples, or by their largest difference."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from ensemble.audio.disk import sound_file

_AT_ONCE = 1 << 18


def samples_sha256(path: Path) -> str:
    """sha256 of a file's decoded samples, as 32-bit integers."""
    whole = hashlib.sha256()
    with sound_file(path) as sound:
        for samples in sound.blocks(blocksize=_AT_ONCE, dtype="int32", always_2d=True):
            whole.update(samples.tobytes())
    return whole.hexdigest()


def difference_db(one: Path, other: Path) -> float:
    """The largest difference of two files' samples, in dB relative to full scale; 0 dB if their lengths differ."""
    with sound_file(one) as first, sound_file(other) as second:
        if first.frames != second.frames:
            return 0.0
        worst = 0.0
        for here, there in zip(first.blocks(_AT_ONCE), second.blocks(_AT_ONCE), strict=True):
            worst = max(worst, float(np.abs(here - there).max(initial=0.0)))
    return 20.0 * float(np.log10(max(worst, 1e-12)))

"""How much faster a candidate has to be played to keep the tempo it takes over."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
STEADY = 0.01
"""A step in tempo of a hundredth is not heard: nothing is stretched for it."""


def needed_ratios(context_bpm: float, candidate_bpm: Array) -> Array:
    """Tempo of the context over the candidate's, or half or twice that where nearer to it; 1 without a beat."""
    known = (candidate_bpm > 0) & (context_bpm > 0)
    octaves = np.log2(np.where(known, context_bpm, 1.0) / np.where(known, candidate_bpm, 1.0))
    return np.where(known, 2 ** (octaves - np.rint(octaves)), 1.0)


def played_ratios(needed: Array, max_stretch: float) -> Array:
    """What is done about it: nothing where it would not be heard, or where it cannot be bent that far."""
    away = np.abs(needed - 1)
    return np.where((away > STEADY) & (away <= max_stretch), needed, 1.0)

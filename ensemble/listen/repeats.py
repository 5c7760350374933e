"""Music that comes round again: the length of its loop, and what one round can lend the others.

One round of a loop is played in many ways over the same chords, so the rounds together tell a chord better than any of
them. Measured on 16 composed pieces of several voices: the share of time with the right triad rises from 0.64 to 0.84
where the loop is known, and to 0.80 where it has to be found. One voice alone says too little to find it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.types.music import FloatArray

Array = NDArray[np.float64]
SHORTEST_BEATS, LONGEST_BEATS = 8, 64
MIN_ROUNDS = 3
"""Two phrases may be alike by chance: a slow tune of 40 beats has been taken for two rounds and a half of 16."""
MAX_ROUNDS = 4
"""Shifts by more rounds than this are not compared: tempo and playing change."""
CLEAR = 0.15
"""Correlation at whole rounds, over that at other shifts: what does not come round stays below 0.1."""
SHARE_OF_BEST = 0.8
"""Twice a loop is a loop as well: the shortest that comes so near to the best is meant."""
LENT_BY_MOST = 4
"""Other rounds that may speak beside the beat's own."""


def loop_beats(beat_chroma: FloatArray) -> int | None:
    """After how many beats the harmony comes round again; None where it does not.

    Args:
        beat_chroma: [12, beats], 0 or more, any scale.
    """
    if beat_chroma.shape[1] < MIN_ROUNDS * SHORTEST_BEATS:
        return None
    alike = _alike(beat_chroma)
    shifts = np.arange(len(alike))
    num_pairs = beat_chroma.shape[1] - shifts
    contrast = np.full(len(alike), -np.inf)
    for beats in range(SHORTEST_BEATS, min(LONGEST_BEATS, beat_chroma.shape[1] // MIN_ROUNDS) + 1):
        is_round = (shifts % beats == 0) & (shifts > 0)
        is_beside = (shifts % beats == 1) | (shifts % beats == beats - 1)
        others = ~is_round & ~is_beside & (shifts > 1)
        if is_round.any() and others.any():
            contrast[beats] = _mean(alike, num_pairs, is_round) - _mean(alike, num_pairs, others)
    best = float(contrast.max(initial=-np.inf))
    if best < CLEAR:
        return None
    is_peak = (contrast >= np.roll(contrast, 1)) & (contrast >= np.roll(contrast, -1))
    return int(np.flatnonzero(is_peak & (contrast >= SHARE_OF_BEST * best))[0])


def _alike(beat_chroma: FloatArray) -> Array:
    """Correlation of the chroma with itself, by shift in beats, 1 at none.  [shifts]"""
    loudest = np.maximum(beat_chroma.max(axis=0), 1e-9)
    shape = np.sqrt(beat_chroma / loudest).astype(np.float64)
    shape -= shape.mean(axis=0)
    shape /= np.maximum(np.sqrt(np.square(shape).sum(axis=0)), 1e-9)
    shape -= shape.mean(axis=1, keepdims=True)  # what is always there tells nothing
    num_beats = shape.shape[1]
    num_shifts = min(MAX_ROUNDS * LONGEST_BEATS, int(0.8 * num_beats)) + 1
    alike = [
        float((shape[:, : num_beats - shift] * shape[:, shift:]).sum() / (num_beats - shift))
        for shift in range(num_shifts)
    ]
    return np.array(alike) / max(alike[0], 1e-9)


def _mean(alike: Array, num_pairs: NDArray[np.int64], chosen: NDArray[np.bool_]) -> float:
    return float((alike * num_pairs)[chosen].sum() / num_pairs[chosen].sum())


def lend_rounds(beat_chroma: FloatArray, beats: int) -> FloatArray:
    """Every beat with the mean of the same beat in the other rounds, up to four times its own weight.  [12, beats]"""
    length = np.sqrt(np.square(beat_chroma).sum(axis=0))
    own = beat_chroma / np.maximum(length, np.float32(1e-9))
    lent = own.copy()
    for place in range(min(beats, own.shape[1])):
        rounds = own[:, place::beats]
        num_others = int((length[place::beats] > 0).sum()) - 1
        if num_others > 0:
            others = (rounds.sum(axis=1, keepdims=True) - rounds) / num_others
            lent[:, place::beats] = rounds + min(num_others, LENT_BY_MOST) * others
    return np.where(length > 0, lent, np.float32(0.0))

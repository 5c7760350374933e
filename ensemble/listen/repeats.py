"""Music that repeats: how long its loop is, and the evidence of all its rounds together.

The rounds of a loop are played differently over the same chords, so that together they show a chord better than each
alone. Measured on 16 composed pieces of several voices: the share of time with the right triad rises from 0.64 to 0.84
where the loop is known, and to 0.80 where it has to be found. A single voice shows too little of the harmony for that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.types.music import FloatArray

Array = NDArray[np.float64]
SHORTEST_BEATS, LONGEST_BEATS = 8, 64
MIN_ROUNDS = 3
"""Two phrases may be similar by chance: a slow tune of 40 beats has been taken for two rounds and a half of 16."""
MAX_ROUNDS = 4
"""Shifts by more rounds are not compared, because tempo and playing change."""
MIN_CONTRAST = 0.15
"""Correlation at whole rounds less that at other shifts; below 0.1 in music that does not repeat."""
SHARE_OF_BEST = 0.8
"""Twice a loop is a loop as well: the shortest is taken that comes so near to the best."""
MAX_POOLED = 4
"""Other rounds weigh at most so much more than the beat itself."""


def loop_beats(beat_chroma: FloatArray) -> int | None:
    """After how many beats the harmony repeats, in the whole recording; None where it does not.

    Args:
        beat_chroma: [12, beats], 0 or more, any scale.
    """
    if beat_chroma.shape[1] < MIN_ROUNDS * SHORTEST_BEATS:
        return None
    similarity = _self_similarity(beat_chroma)
    shifts = np.arange(len(similarity))
    num_pairs = beat_chroma.shape[1] - shifts
    contrast = np.full(len(similarity), -np.inf)
    for beats in range(SHORTEST_BEATS, min(LONGEST_BEATS, beat_chroma.shape[1] // MIN_ROUNDS) + 1):
        is_round = (shifts % beats == 0) & (shifts > 0)
        is_beside = (shifts % beats == 1) | (shifts % beats == beats - 1)
        others = ~is_round & ~is_beside & (shifts > 1)
        if is_round.any() and others.any():
            contrast[beats] = _mean(similarity, num_pairs, is_round) - _mean(similarity, num_pairs, others)
    best = float(contrast.max(initial=-np.inf))
    if best < MIN_CONTRAST:
        return None
    is_peak = (contrast >= np.roll(contrast, 1)) & (contrast >= np.roll(contrast, -1))
    return int(np.flatnonzero(is_peak & (contrast >= SHARE_OF_BEST * best))[0])


def _self_similarity(beat_chroma: FloatArray) -> Array:
    """Correlation of the chroma with itself, by shift in beats, 1 at none.  [shifts]"""
    loudest = np.maximum(beat_chroma.max(axis=0), 1e-9)
    shape = np.sqrt(beat_chroma / loudest).astype(np.float64)
    shape -= shape.mean(axis=0)
    shape /= np.maximum(np.sqrt(np.square(shape).sum(axis=0)), 1e-9)
    shape -= shape.mean(axis=1, keepdims=True)  # what always sounds tells nothing
    num_beats = shape.shape[1]
    num_shifts = min(MAX_ROUNDS * LONGEST_BEATS, int(0.8 * num_beats)) + 1
    similarity = [
        float((shape[:, : num_beats - shift] * shape[:, shift:]).sum() / (num_beats - shift))
        for shift in range(num_shifts)
    ]
    return np.array(similarity) / max(similarity[0], 1e-9)


def _mean(similarity: Array, num_pairs: NDArray[np.int64], chosen: NDArray[np.bool_]) -> float:
    return float((similarity * num_pairs)[chosen].sum() / num_pairs[chosen].sum())


def pool_rounds(beat_chroma: FloatArray, beats: int) -> FloatArray:
    """Each beat plus the mean of the same beat in the other rounds, weighted by their number.  [12, beats]"""
    length = np.sqrt(np.square(beat_chroma).sum(axis=0))
    own = beat_chroma / np.maximum(length, np.float32(1e-9))
    pooled = own.copy()
    for place in range(min(beats, own.shape[1])):
        rounds = own[:, place::beats]
        num_others = int((length[place::beats] > 0).sum()) - 1
        if num_others > 0:
            others = (rounds.sum(axis=1, keepdims=True) - rounds) / num_others
            pooled[:, place::beats] = rounds + min(num_others, MAX_POOLED) * others
    return np.where(length > 0, pooled, np.float32(0.0))

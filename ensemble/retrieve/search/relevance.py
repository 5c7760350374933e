"""Relevance: how alike the sound before the join and the sound before each candidate are, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from ensemble.retrieve.search.feature_layout import LOOK_BACKS_S, LOWEST_DB
from ensemble.retrieve.search.outline import RATE_HZ, SpectralOutline, transposed
from ensemble.types.arrays import FloatArray

PAST_FRAMES = round(LOOK_BACKS_S[-1] * RATE_HZ)
HALF_LIFE_S = 4.0
"""Sound this much further back counts half."""
BLUR_FRAMES = 5
"""0.2 s: two takes of one piece agree in time no better than that."""
LOUDNESS_DB = 4.0
TIMBRE_DB = 4.0
FALLING_SHARE = 0.2
"""The level of struck strings falls in 0.67 to 0.84 of their frames, of what is bowed or blown in 0.4 to 0.5."""
ONSET_RATIO = 2.0
"""The spread of a guitar's onset strength over its mean is 0.7 to 1.9, that of a violin or cello 0.3."""
_FALL_DB = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The eight seconds before some moments, latest frame first, at the speed at which they would be played."""

    chroma: FloatArray
    """Each frame without its mean.  [moments, 12, frames]"""
    level_db: FloatArray
    """[moments, frames]"""
    onset: FloatArray
    """[moments, frames]"""
    cepstra: FloatArray
    """Mean over the sounding frames.  [moments, 12]"""
    falling: FloatArray
    """Share of the sounding frames that are softer than the one before.  [moments]"""
    spikiness: FloatArray
    """Deviation of onset strength over its mean.  [moments]"""
    is_there: FloatArray
    """1 where the recording has begun, else 0.  [moments, frames]"""


def past(outline: SpectralOutline, at_s: NDArray[np.float64], ratio: NDArray[np.float64]) -> Past:
    """The past of some moments of one recording, each played `ratio` times as fast.  [moments]"""
    frame = np.floor(at_s[:, None] * RATE_HZ - (np.arange(PAST_FRAMES) + 0.5) * ratio[:, None]).astype(np.int64)
    is_there = ((frame >= 0) & (frame < outline.num_frames)).astype(np.float32)
    frame = np.clip(frame, 0, outline.num_frames - 1)
    level_db = np.maximum(outline.level_db[frame], LOWEST_DB)
    sounding = is_there * (level_db > LOWEST_DB)
    count = np.maximum(sounding.sum(axis=1), 1)
    chroma = outline.chroma[:, frame].transpose(1, 0, 2) * is_there[:, None]
    onset = np.sqrt(np.maximum(outline.onset[frame], 0.0)) * is_there
    return Past(
        chroma=_blurred(chroma - chroma.mean(axis=1, keepdims=True)),
        level_db=_blurred(level_db),
        onset=_blurred(onset),
        cepstra=((outline.cepstra[:, frame] * sounding).sum(axis=2) / count).T.astype(np.float32),
        falling=_falling(level_db, sounding),
        spikiness=_spikiness(onset, is_there),
        is_there=is_there,
    )


def alike(tail: Past, candidates: Past, semitones: NDArray[np.int64]) -> dict[str, FloatArray]:
    """How alike the tail and each candidate's past are, 0..1 by aspect; what only one of them has counts as unlike.

    Args:
        tail: of one moment.
        candidates: their pasts.
        semitones: how much higher each is played.  [moments]

    Returns:
        harmony, loudness, rhythm, timbre and articulation (struck or held).  [moments]
    """
    weight = (0.5 ** (np.arange(PAST_FRAMES) / (HALF_LIFE_S * RATE_HZ))).astype(np.float32)
    both = tail.is_there * candidates.is_there * weight
    whole = np.maximum((tail.is_there * weight).sum(axis=1), 1e-9)
    share = np.sqrt(both.sum(axis=1) / whole)  # a short past proves less
    harmony = _cosine((tail.chroma, transposed(candidates.chroma, semitones, axis=1)), both[:, None], (1, 2))
    rhythm = _cosine((_centred(tail.onset, both), _centred(candidates.onset, both)), both, 1)
    apart_db = np.abs(_centred(tail.level_db, both) - _centred(candidates.level_db, both))
    loudness = np.exp(-(apart_db * both).sum(axis=1) / np.maximum(both.sum(axis=1), 1e-9) / LOUDNESS_DB)
    timbre = np.exp(-np.sqrt(np.square(tail.cepstra - candidates.cepstra).sum(axis=1) / 26) / TIMBRE_DB)
    spiky = np.abs(np.log(candidates.spikiness / tail.spikiness)) / np.log(ONSET_RATIO)
    articulation = np.exp(-(np.abs(candidates.falling - tail.falling) / FALLING_SHARE + spiky) / 2)
    found = {
        "harmony": harmony, "loudness": loudness, "rhythm": rhythm, "timbre": timbre, "articulation": articulation,
    }  # fmt: skip
    return {name: (share * np.clip(values, 0.0, 1.0)).astype(np.float32) for name, values in found.items()}


def _falling(level_db: FloatArray, sounding: FloatArray) -> FloatArray:
    """Share of the sounding frames, latest first, that are softer than the one before them.  [moments]"""
    both = sounding[:, 1:] * sounding[:, :-1]
    falls = (level_db[:, 1:] - level_db[:, :-1] > _FALL_DB) * both
    share: FloatArray = (falls.sum(axis=1) / np.maximum(both.sum(axis=1), 1)).astype(np.float32)
    return share


def _spikiness(onset: FloatArray, is_there: FloatArray) -> FloatArray:
    """Deviation of onset strength over its mean: high where notes are struck.  [moments]"""
    count = np.maximum(is_there.sum(axis=1), 1)
    mean = onset.sum(axis=1) / count
    deviation = np.sqrt(np.maximum(np.square(onset).sum(axis=1) / count - np.square(mean), 0.0))
    return np.asarray(np.maximum(deviation / np.maximum(mean, 1e-6), 0.1), dtype=np.float32)


def _blurred(frames: FloatArray) -> FloatArray:
    return np.asarray(uniform_filter1d(frames, BLUR_FRAMES, axis=-1, mode="nearest"))


def _centred(frames: FloatArray, weight: FloatArray) -> FloatArray:
    """Without the weighted mean over time.  [moments, frames]"""
    mean = (frames * weight).sum(axis=1, keepdims=True) / np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)
    return np.asarray(frames - mean)


def _cosine(pair: tuple[FloatArray, FloatArray], weight: FloatArray, axis: int | tuple[int, ...]) -> FloatArray:
    """Weighted cosine; 0 where a side is nothing."""
    one, other = pair
    across = (weight * one * other).sum(axis=axis)
    length = np.sqrt((weight * np.square(one)).sum(axis=axis) * (weight * np.square(other)).sum(axis=axis))
    cosine: FloatArray = across / np.where(length > 1e-6, length, np.inf)
    return cosine

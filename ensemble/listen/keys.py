"""Keys: the profile that fits what sounds, of the whole recording and of each stretch of it."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.viterbi import fixed_lag_viterbi
from ensemble.types.doubts import KeySection
from ensemble.types.harmony import Key, Mode
from ensemble.types.music import FloatArray

Array = NDArray[np.float64]
PROFILES: dict[Mode, tuple[float, ...]] = {
    "major": (5.0, 2.0, 3.5, 2.0, 4.5, 4.0, 2.0, 4.5, 2.0, 3.5, 1.5, 4.0),
    "minor": (5.0, 2.0, 3.5, 4.5, 2.0, 4.0, 2.0, 4.5, 3.5, 2.0, 1.5, 4.0),
}
"""How well each degree fits a key. Source: Temperley, What's Key for Key?, Music Perception 17, 1999."""
ENDING_WEIGHT = 0.08
"""Correlation that a tonic among the last notes is worth, because tunes end on it."""
LAST_BEATS = 4
LOOK_AHEAD_BEATS = 64
REACH_BEATS = 12
"""What sounds so many beats before and after a beat tells its key."""
CHANGE_COST = 6.0
"""Of a change of key, in beats on which the new one fits perfectly and the old one not at all."""
TEMPERATURE = 0.08
"""Of the doubt, in units of correlation: 118 composed recordings are said by 9 % too surely with it, four real ones by
9 % too modestly. Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017."""
KEYS = tuple(Key(tonic=tonic, mode=mode) for mode in PROFILES for tonic in range(12))


def find_key(chroma: FloatArray, last_notes: FloatArray) -> Key:
    """The key whose profile correlates best with how long each pitch class sounds in the whole recording.

    Args:
        chroma: duration (or energy) per pitch class over the whole recording.  [12]
        last_notes: the same of its last beats.  [12]
    """
    return KEYS[int(np.argmax(_fit(chroma, last_notes)))]


def find_keys(beat_chroma: FloatArray) -> tuple[Key, tuple[KeySection, ...]]:
    """The main key, which holds for most beats, and every stretch in one key: a change of key is dear.

    Args:
        beat_chroma: how long, or how loud, each pitch class sounds in each beat of the whole recording.  [12, beats]
    """
    last_notes = beat_chroma[:, -LAST_BEATS:].sum(axis=1)
    summed = np.concatenate([np.zeros((12, 1)), np.cumsum(beat_chroma, axis=1, dtype=np.float64)], axis=1)
    num_beats = beat_chroma.shape[1]
    beats = np.arange(num_beats)
    stop, start = np.minimum(beats + REACH_BEATS + 1, num_beats), np.maximum(beats - REACH_BEATS, 0)
    misfit = [1.0 - _fit(around) for around in (summed[:, stop] - summed[:, start]).T]
    change = CHANGE_COST * (1.0 - np.eye(len(KEYS)))
    path = fixed_lag_viterbi(misfit, lambda _: change, LOOK_AHEAD_BEATS)
    edges = [0, *(beat for beat in range(1, num_beats) if path[beat] != path[beat - 1]), num_beats]
    sections: list[KeySection] = []
    length: Counter[Key] = Counter()
    for begin, end in pairwise(edges):
        found = _section(begin, summed[:, end] - summed[:, begin], last_notes if end == num_beats else None)
        length[found.key] += end - begin
        if not sections or sections[-1].key != found.key:
            sections.append(found)
    return length.most_common(1)[0][0], tuple(sections)


def _section(start_beat: int, chroma: Array, last_notes: FloatArray | None) -> KeySection:
    fit = _fit(chroma, last_notes)
    share = np.exp((fit - fit.max()) / TEMPERATURE)
    best, other = np.argsort(-share, kind="stable")[:2].tolist()
    confidence = float(share[best] / share.sum())
    return KeySection(start_beat=start_beat, key=KEYS[best], confidence=confidence, other=KEYS[other])


def _fit(chroma: NDArray[np.floating], last_notes: FloatArray | None = None) -> Array:
    """Correlation with the profile of every key, and what a tonic among the last notes is worth.  [keys]"""
    sounding = chroma.astype(np.float64) - chroma.mean(dtype=np.float64)
    profiles = np.array([np.roll(PROFILES[key.mode], key.tonic) for key in KEYS])
    profiles -= profiles.mean(axis=1, keepdims=True)
    scale = np.sqrt(np.square(sounding).sum() * np.square(profiles).sum(axis=1))
    fit = (profiles @ sounding) / np.maximum(scale, 1e-12)
    if last_notes is not None:
        ending = last_notes / max(float(last_notes.max(initial=0.0)), 1e-9)
        fit += ENDING_WEIGHT * np.array([ending[key.tonic] for key in KEYS])
    return np.asarray(np.round(fit, 9))

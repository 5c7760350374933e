"""Chords: one per beat by Viterbi, from what sounds, what the chord network says and what is usual in the key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.viterbi import fixed_lag_viterbi, posteriors
from ensemble.listen.calibration import calibrated
from ensemble.types.doubts import ChordDoubt
from ensemble.types.harmony import NO_CHORD, Chord, Key, Mode, Quality
from ensemble.types.music import FloatArray

Array = NDArray[np.float64]
LOOK_AHEAD_BEATS = 8
TONE_WEIGHTS = (1.0, 0.85, 0.85, 0.6)
QUALITY_COST: dict[Quality, float] = {"maj": 0.0, "min": 0.0, "dim": 0.35, "7": 0.25, "maj7": 0.4, "min7": 0.35}
DEGREE_COST: dict[Mode, dict[tuple[int, str], float]] = {
    "major": {(0, "maj"): 0.0, (7, "maj"): 0.1, (5, "maj"): 0.1, (9, "min"): 0.2, (2, "min"): 0.25, (4, "min"): 0.45,
              (11, "dim"): 0.6},
    "minor": {(0, "min"): 0.0, (7, "maj"): 0.15, (5, "min"): 0.15, (8, "maj"): 0.2, (3, "maj"): 0.2, (10, "maj"): 0.25,
              (7, "min"): 0.35, (2, "dim"): 0.45, (11, "dim"): 0.6},
}  # fmt: skip
"""By semitones above the tonic and triad: how unusual a chord is in its key."""
FOREIGN_COST = 0.9
MISFIT_COST = 4.0
"""For a chord that shares no tone with what sounds."""
NOTHING_SOUNDS_COST = 0.25
NO_CHORD_COST = 1.6
"""For no chord although something sounds."""
NETWORK_WEIGHT = 0.5
"""Of the surprise, in nats, with which the chord network meets a chord."""
LEAST_PROBABILITY = 1e-3
"""The network is never surer than this."""
TEMPERATURE = 0.5
"""Of the doubts, in units of cost."""
TRIADS: tuple[str, ...] = ("maj", "min", "sus4", "sus2", "dim", "aug")
"""In the order of the network's rows."""
CHANGE_COST = {"downbeat": 0.45, "strong": 0.7, "weak": 1.15}
FIFTH_FALL_BONUS = 0.12

CHORDS = (*(Chord(root=root, quality=quality) for quality in QUALITY_COST for root in range(12)), NO_CHORD)


def _triad(chord: Chord) -> str:
    return {"7": "maj", "maj7": "maj", "min7": "min"}.get(chord.quality, chord.quality)


SAME_TRIAD = np.array(
    [[(one.root, _triad(one)) == (other.root, _triad(other)) for other in CHORDS] for one in CHORDS]
)  # fmt: skip
"""Whether two of them have root and triad in common.  [chords, chords]"""


class ChordPath(NamedTuple):
    """The chords of a recording, and how sure they are."""

    chords: tuple[Chord, ...]
    """One per beat."""
    doubts: tuple[ChordDoubt, ...]
    """One per beat."""


def find_chords(
    beat_chroma: FloatArray,
    keys: Sequence[Key],
    beats_per_bar: int = 1,
    first_downbeat: int = 0,
    said: FloatArray | None = None,
) -> ChordPath:
    """One chord per beat.

    A chord costs more the less it fits what sounds, the less usual it is in the key, and on a weak beat. Each is
    decided from the next `LOOK_AHEAD_BEATS` beats, so that a longer recording keeps the chords of a shorter one.

    Args:
        beat_chroma: [12, beats], any scale, 0 where nothing sounds.
        keys: the key on each beat.
        beats_per_bar: beats in a bar; with 1 every beat is as good as another for a change.
        first_downbeat: index of the first beat that opens a bar.
        said: what the chord network says of each beat, in the rows of `chord_probability`; zeros where it is not asked,
            None where it is asked nothing.  [100, beats]
    """
    costs = _costs(beat_chroma.astype(np.float64), keys)
    if said is not None:
        costs += _network_costs(said.astype(np.float64))
    changes = {strength: _change_costs(cost) for strength, cost in CHANGE_COST.items()}

    def transition(beat: int) -> Array:
        place = (beat - first_downbeat) % beats_per_bar
        if beats_per_bar == 1 or (beats_per_bar == 4 and place == 2):
            return changes["strong"]
        return changes["downbeat" if place == 0 else "weak"]

    chosen = fixed_lag_viterbi(list(costs), transition, LOOK_AHEAD_BEATS)
    shares = posteriors(costs, transition, TEMPERATURE)
    chords = tuple(CHORDS[choice] for choice in chosen)
    return ChordPath(chords, tuple(_doubt(choice, share) for choice, share in zip(chosen, shares, strict=True)))


def _doubt(chosen: int, share: Array) -> ChordDoubt:
    """What is doubted of one of `CHORDS`, by the probability of each."""
    is_same = SAME_TRIAD[chosen]
    other = CHORDS[int(np.argmax(np.where(is_same, -1.0, share)))]
    confidence = float(calibrated("chord", share[is_same].sum(keepdims=True))[0])
    return ChordDoubt(confidence=confidence, other=other)


def _network_costs(said: Array) -> Array:
    """What each chord costs because the network does not expect it, as far as it hears any.  [beats, chords]"""
    rows = [1 + 12 * TRIADS.index(_triad(chord)) + chord.root for chord in CHORDS[:-1]]
    surprise = -np.log(np.maximum(said[rows], LEAST_PROBABILITY)) * (1.0 - said[0])
    costs = NETWORK_WEIGHT * np.vstack([surprise, surprise.min(axis=0)])
    return np.where(said.any(axis=0), costs, 0.0).T


def _costs(beat_chroma: Array, keys: Sequence[Key]) -> Array:
    """Per beat, what each chord costs.  [beats, chords]"""
    templates = np.zeros((len(CHORDS), 12))
    for row, chord in enumerate(CHORDS[:-1]):
        for tone, weight in zip(chord.tones, TONE_WEIGHTS, strict=False):
            templates[row, tone] = weight
    distances = {key: [*(_distance(chord, key) for chord in CHORDS[:-1]), 0.0] for key in dict.fromkeys(keys)}
    distance = np.array([distances[key] for key in keys]).reshape(-1, len(CHORDS)).T
    templates /= np.maximum(np.sqrt(np.square(templates).sum(axis=1, keepdims=True)), 1e-9)
    length = np.sqrt(np.square(beat_chroma).sum(axis=0))
    fit = templates @ (beat_chroma / np.maximum(length, 1e-9))
    costs = np.where(length > 0, MISFIT_COST * (1 - fit), NOTHING_SOUNDS_COST) + 0.6 * distance
    costs[-1] = np.where(length > 0, NO_CHORD_COST + MISFIT_COST * 0.3, 0.0)
    return costs.T


def _distance(chord: Chord, key: Key) -> float:
    degree = (chord.root - key.tonic) % 12
    cost = DEGREE_COST[key.mode].get((degree, _triad(chord)), FOREIGN_COST) + QUALITY_COST[chord.quality]
    is_dominant_seventh = degree == 7 and chord.quality == "7"
    return cost - 0.15 if is_dominant_seventh else cost


def _change_costs(cost: float) -> Array:
    """What a change of chord costs; a falling fifth is the most natural step.  [chords, chords]"""
    change = np.full((len(CHORDS), len(CHORDS)), cost)
    for before, left in enumerate(CHORDS[:-1]):
        for after, right in enumerate(CHORDS[:-1]):
            if (left.root - right.root) % 12 == 7:
                change[before, after] -= FIFTH_FALL_BONUS
            elif left.root == right.root:
                change[before, after] *= 0.7
    np.fill_diagonal(change, 0.0)
    return change

"""Whether written notes fall into bars of three quarters, though their file says four or nothing: in long notes, in the
lowest voice, and in how what sounds changes. And whether bars of three are of two dotted quarters, as in 6/8.

Measured on 58 composed pieces of five to twelve voices: the advantage of three lies above 0.06 for all in 3/4 and below
-0.10 for all in 4/4. Of their leading voices alone, 4/4 reaches 0.08.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ensemble.scores.midi_reader import MidiScore
from ensemble.scores.midi_voices import MidiVoice

Array = NDArray[np.float64]
CLEAR_ADVANTAGE = 0.2
MAX_QUARTERS = 60_000
"""What lasts longer is no piece of half an hour at any tempo."""
MIN_QUARTERS = 36
"""In fewer, chance alone makes threes."""
LONGEST_LAG = 23
NEAR_QUARTERS = 0.13
"""A note belongs to the quarter that it begins so near to."""
LONGEST_QUARTERS = 3.0
"""Longer notes weigh no more."""
DOTTED, SURELY_DOTTED = {0, 3}, {0, 2, 3, 5}
"""The eighths of a bar in 6/8: its halves, and each of them long and short."""
MIN_DOTTED, DOTTED_ADVANTAGE = 8, 4
"""So many bars of voices begin so and not with their last third; so many times as many as begin the opposite."""
TURN_QUARTERS = 2
"""So many quarters before a quarter are compared with as many from it on."""


def bars_of_three(voices: Sequence[MidiVoice], score: MidiScore) -> int | None:
    """The quarter at which the first bar of three begins, 0 to 2; None where the notes are not clearly in three."""
    last = max(note.stop for one in voices for note in one.notes) / score.ticks_per_quarter
    if not MIN_QUARTERS <= last + 1 <= MAX_QUARTERS:
        return None
    weight = _weight(voices, score)
    if _advantage(weight) < CLEAR_ADVANTAGE:
        return None
    return int(np.argmax([weight[phase::3].mean() for phase in range(3)]))


def are_two_dotted(voices: Sequence[MidiVoice], score: MidiScore, first: float, *, are_signed: bool) -> bool:
    """Whether bars of three quarters are of two dotted ones, as in 6/8: whether their halves, not their thirds, begin.

    Args:
        voices: all that sound.
        score: what they are of.
        first: the quarter at which a bar begins.
        are_signed: whether the file says 3/4, which no program writes unasked and syncopation does not contradict.
    """
    halves = SURELY_DOTTED if are_signed else DOTTED
    for_six = for_three = num_bars = 0
    for voice in voices:
        eighths = 2 * (np.array([note.start for note in voice.notes]) / score.ticks_per_quarter - first)
        place = np.rint(eighths)
        place = place[np.abs(eighths - place) < 2 * NEAR_QUARTERS].astype(np.int64)
        begun = {bar: set[int]() for bar in (place // 6).tolist()}
        for bar, within in zip((place // 6).tolist(), (place % 6).tolist(), strict=True):
            begun[bar].add(within)
        moving = [within for within in begun.values() if len(within) > 1]
        num_bars += len(moving)
        for_six += sum(halves <= within and 4 not in within for within in moving)
        for_three += sum(4 in within and 3 not in within for within in moving)
    return for_six >= max(MIN_DOTTED, num_bars / 2, DOTTED_ADVANTAGE * for_three)


def _weight(voices: Sequence[MidiVoice], score: MidiScore) -> Array:
    """How much speaks for a bar line at each quarter.  [quarters]"""
    lowest = min(range(len(voices)), key=lambda index: float(voices[index].pitches().mean()))
    voice = np.repeat(np.arange(len(voices)), [len(one.notes) for one in voices])
    edges = np.array([(note.start, note.stop) for one in voices for note in one.notes], np.float64)
    start, stop = edges.T / score.ticks_per_quarter
    force = np.minimum(stop - start, LONGEST_QUARTERS) * np.array([n.velocity for one in voices for n in one.notes])
    num_quarters = int(stop.max()) + 1
    quarter = np.rint(start).astype(np.int64)
    is_near = (np.abs(start - quarter) < NEAR_QUARTERS) & (quarter < num_quarters)
    long, low = np.zeros(num_quarters), np.zeros(num_quarters)
    np.add.at(long, quarter[is_near], force[is_near])
    is_low = is_near & (voice == lowest)
    np.maximum.at(low, quarter[is_low], force[is_low])
    pitch_class = np.concatenate([one.pitches() for one in voices]) % 12
    place = np.arange(num_quarters + 1)
    sounded = np.stack([
        _begun(start[pitch_class == one], place) - _begun(stop[pitch_class == one], place) for one in range(12)
    ])  # fmt: skip
    return _standard(np.sqrt(long)) + _standard(np.sqrt(low)) + _standard(_turns(sounded))


def _begun(times: Array, place: NDArray[np.int64]) -> Array:
    """For how long, added up, each place lies after the times before it.  [places]"""
    ordered = np.sort(times)
    count = np.searchsorted(ordered, place)
    return np.asarray(count * place - np.concatenate([[0.0], np.cumsum(ordered)])[count])


def _turns(sounded: Array) -> Array:
    """How unlike what sounds before a quarter is to what sounds from it on, 0..1.  [quarters]

    Args:
        sounded: for how long each pitch class has sounded at each quarter.  [12, quarters + 1]
    """
    last = sounded.shape[1] - 1
    at = np.arange(1, last)
    before = sounded[:, at] - sounded[:, np.maximum(at - TURN_QUARTERS, 0)]
    after = sounded[:, np.minimum(at + TURN_QUARTERS, last)] - sounded[:, at]
    length = np.sqrt(np.square(before).sum(axis=0) * np.square(after).sum(axis=0))
    alike = (before * after).sum(axis=0) / np.maximum(length, 1e-9)
    return np.concatenate([[0.0], np.where(length > 0, 1.0 - alike, 0.0)])


def _advantage(weight: Array) -> float:
    """Autocorrelation at multiples of three, less that at multiples of four; of twelve at neither."""
    even = _standard(weight)
    size = len(even)
    lags = np.arange(1, min(LONGEST_LAG + 1, size))
    recurrence = np.array([(even[: size - lag] * even[lag:]).sum() / max(size - lag, size / 3) for lag in lags])
    is_three, is_four = (lags % 3 == 0) & (lags % 4 != 0), (lags % 4 == 0) & (lags % 3 != 0)
    return float(recurrence[is_three].mean() - recurrence[is_four].mean())


def _standard(values: Array) -> Array:
    return np.asarray((values - values.mean()) / max(float(values.std()), 1e-6))

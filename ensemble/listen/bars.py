"""Where bars begin and how many beats they have: a hidden Markov model over the beats.

Its states are places in a bar, of three and of four beats (two and three where beats have three parts). What speaks for
a beat to open a bar is weighed as measured on 365 folk songs (as scores) and 266 recordings made of such songs and of
strummed chords: the right one of seven possible bar lines is found for 84 %, and of what is said with 80 % about 88 %
are right. The network hears real recordings of several voices far better than made ones; its weight is set by hand.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ensemble.listen.beat_evidence import BeatEvidence
from ensemble.types.music import FloatArray, Frames, Heard

Array = NDArray[np.float64]
FEWEST_BEATS = 2
MIN_BEATS_FOR_THREE = 15
LONGEST_LAG = 23
SLIP = 1e-3
"""How probable it is that a beat is not the next one of its bar: a beat was left out, or one too many was heard."""
LONG, LONGER = 1.75, 2.75
"""In beats."""
LONG_SPREAD = 2.5
ONE_VOICE = {"turn": 0.38, "accent": 0.36, "onset": 0.52, "long": 0.27, "longer": 1.86, "network": 0.12}
SEVERAL_VOICES = {"change": 0.88, "turn": 0.97, "accent": 0.5, "network": 0.3}
MIDDLE_OF_FOUR = {"onset": 0.67, "density": -0.35}
"""Weights of what speaks for a downbeat, and of what speaks for the third beat of four with one voice."""
TRIPLE_WEIGHT, RHYTHM_WEIGHT, HARMONY_WEIGHT = 2.38, 3.63, 1.94
"""For three, of how much more recurs after threes than after fours: accents and chords, the rhythm, the tones."""
END_WEIGHT = 0.57
"""For the beat on which the last note begins and closes the music."""
PICK_UP = {2: (2.07, 0.54), 3: (1.3, 0.7, -0.7), 4: (2.07, 0.54, -1.73, -1.61)}
"""For so many beats before the first downbeat, by metre; folk songs in three begin with one as often as with none, what
is recorded less often."""
MIN_DEVIATION = 0.05
"""A standard deviation below this over all beats, as a share of the largest, is no difference between them."""


class Bars(NamedTuple):
    """Bar lines."""

    beats_per_bar: int
    """The metre."""
    first_downbeat: int
    """Index of the beat that opens bar 1."""
    beat_division: Literal[2, 3] = 2
    """How many parts a beat has."""
    bar_confidence: FloatArray = np.zeros(0, np.float32)
    """As in `Heard`.  [bars]"""
    second_bars: tuple[int, int] | None = None
    """As in `Heard`."""

    @classmethod
    def of(cls, heard: Heard) -> Self:
        """As they were heard."""
        return cls(*(getattr(heard, name) for name in cls._fields))


def find_bars(
    evidence: BeatEvidence,
    frames: Frames,
    beats_s: Array,
    beats_per_bar: int | None = None,
    beat_confidence: FloatArray | None = None,
) -> Bars:
    """Find metre and bar lines.

    Args:
        evidence: of every beat.
        frames: what is heard; bar 1 is the first that begins while the leader plays.
        beats_s: rising.  [beats]
        beats_per_bar: the metre, where it is known.
        beat_confidence: how sure the beats are, where they are in doubt.  [beats]
    """
    # Whole recording: evidence is relative to its strongest, and every bar has a say in the metre and the downbeat.
    division: Literal[2, 3] = 3 if evidence.is_compound else 2
    if evidence.num_beats < FEWEST_BEATS:
        return Bars(beats_per_bar or 4, 0, division)
    metres = [2 if evidence.is_compound else 4] + [3] * (evidence.num_beats >= MIN_BEATS_FOR_THREE)
    heard = [_Metre.heard(evidence, metre) for metre in ([beats_per_bar] if beats_per_bar else metres)]
    evident = np.array([one.evidence for one in heard])
    of_metre = np.exp(evident - np.logaddexp.reduce(evident))
    choices = [
        (float(share * one.is_downbeat[phase :: one.beats_per_bar].mean()), row, phase)
        for row, (share, one) in enumerate(zip(of_metre, heard, strict=True))
        for phase in range(min(one.beats_per_bar, evidence.num_beats))
    ]
    (_, row, phase), *others = sorted(choices, key=lambda choice: -choice[0])
    metre = heard[row].beats_per_bar
    first = first_bar(frames, beats_s, metre, phase)
    second = None
    if others:
        _, other, other_phase = others[0]
        second = (heard[other].beats_per_bar, first_bar(frames, beats_s, heard[other].beats_per_bar, other_phase))
    sure = of_metre[row] * heard[row].is_downbeat  # if there is a beat at all
    if beat_confidence is not None and beat_confidence.size:
        sure = sure * beat_confidence
    return Bars(metre, first, division, sure[first::metre].astype(np.float32), second)


def first_bar(frames: Frames, beats_s: Array, beats_per_bar: int, phase: int) -> int:
    """The beat that opens bar 1: the first downbeat from where the leader begins on; what it plays before is a pick-up.

    Args:
        frames: what is heard.
        beats_s: rising, from the recording's start.  [beats]
        beats_per_bar: beats in a bar.
        phase: index of any downbeat.
    """
    phase %= beats_per_bar
    entry = next((beat for beat, beat_s in enumerate(beats_s.tolist()) if frames.sounds_at(beat_s)), 0)
    first = entry + (phase - entry) % beats_per_bar
    return first if first < len(beats_s) else phase


class _Metre(NamedTuple):
    """The beats as heard in one metre."""

    beats_per_bar: int
    evidence: float
    """Logarithm of how well the metre explains them."""
    is_downbeat: Array
    """How probably each beat opens a bar, given the metre.  [beats]"""

    @staticmethod
    def heard(evidence: BeatEvidence, beats_per_bar: int) -> _Metre:
        """Forwards and backwards through the beats."""
        num_beats = evidence.num_beats
        # Beats of one recording are alike, so that a hundred bars are not a hundred times as sure as one.
        share = np.sqrt(beats_per_bar / num_beats)
        speaks = np.zeros((num_beats, beats_per_bar))
        speaks[:, 0] = share * _for_downbeat(evidence)
        if beats_per_bar == 4 and evidence.is_one_voice:
            speaks[:, 2] = share * _weighed(evidence, MIDDLE_OF_FOUR)
        if evidence.end is not None:
            speaks[evidence.end, 0] += END_WEIGHT
        step = np.full((beats_per_bar, beats_per_bar), SLIP / beats_per_bar)
        step[np.arange(beats_per_bar), (np.arange(beats_per_bar) + 1) % beats_per_bar] += 1.0 - SLIP
        likely = np.exp(speaks)
        forward, backward = np.empty_like(likely), np.ones_like(likely)
        here, total = np.exp(_opening(evidence.entry, beats_per_bar)), 0.0
        for beat in range(num_beats):
            here = (here if beat == 0 else here @ step) * likely[beat]
            total += float(np.log(here.sum()))
            forward[beat] = here = here / here.sum()
        for beat in range(num_beats - 1, 0, -1):
            back = step @ (likely[beat] * backward[beat])
            backward[beat - 1] = back / back.sum()
        both = forward * backward
        if beats_per_bar == 3:
            total += _triple_advantage(evidence)
        return _Metre(beats_per_bar, total, both[:, 0] / both.sum(axis=1))


def _opening(entry: int, beats_per_bar: int) -> Array:
    """Logarithm of how usual each place in the bar is for the first beat, given on which beat the leader begins."""
    usual = PICK_UP.get(beats_per_bar, (*PICK_UP[4][:2], *[PICK_UP[4][2]] * (beats_per_bar - 2)))
    return np.array([usual[(-place - entry) % beats_per_bar] for place in range(beats_per_bar)])


def _for_downbeat(evidence: BeatEvidence) -> Array:
    return _weighed(evidence, ONE_VOICE if evidence.is_one_voice else SEVERAL_VOICES)


def _weighed(evidence: BeatEvidence, weights: dict[str, float]) -> Array:
    """The sum of what is named, each above its mean, in standard deviations; the network in its own units."""
    summed = np.zeros(evidence.num_beats)
    for name, weight in weights.items():
        if name == "network":
            summed += weight * (evidence.network - evidence.network.mean())
        elif name in ("long", "longer"):
            is_long = (evidence.length >= (LONG if name == "long" else LONGER)).astype(np.float64)
            summed += weight * LONG_SPREAD * (is_long - is_long.mean())
        else:
            summed += weight * _standard(getattr(evidence, name))
    return summed


def _triple_advantage(evidence: BeatEvidence) -> float:
    """How much more recurs after threes than after fours, weighed."""
    turned = _standard(evidence.turn) + 0.7 * _standard(evidence.change) + 0.3 * _standard(evidence.accent)
    length = np.sqrt(np.square(evidence.chroma).sum(axis=0))
    tones = (evidence.chroma / np.maximum(length, 1e-9)).T.astype(np.float64)
    every = tuple(range(1, LONGEST_LAG + 1))
    threes, fours = (tuple(lag for lag in every if lag % one == 0 and lag % other) for one, other in ((3, 4), (4, 3)))
    triple = _recurrence(turned[:, None], threes) - _recurrence(turned[:, None], fours)
    rhythm, harmony = (
        _recurrence(values, (3, 6, 9)) - _recurrence(values, (4, 8, 16)) for values in (evidence.rhythm, tones)
    )
    return TRIPLE_WEIGHT * triple + RHYTHM_WEIGHT * rhythm + HARMONY_WEIGHT * harmony


def _recurrence(values: Array, lags: tuple[int, ...]) -> float:
    """Mean autocorrelation at these lags, 1 at none.  [beats, dimensions]"""
    centred = values - values.mean(axis=0)
    num_beats, power = len(centred), float(np.square(centred).sum()) / len(centred)
    if power <= 0:
        return 0.0
    # Long lags have few products: never divided by less than a third of the beats.
    found = [
        float((centred[:-lag] * centred[lag:]).sum()) / max(num_beats - lag, num_beats / 3) if lag < num_beats else 0.0
        for lag in lags
    ]
    return float(np.mean(found)) / power


def _standard(values: Array) -> Array:
    smallest = max(MIN_DEVIATION * float(np.abs(values).max()), 1e-6)
    return np.asarray((values - values.mean()) / max(float(values.std()), smallest))

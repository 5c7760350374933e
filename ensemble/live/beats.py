"""Where the beat is now: a forward filter over tempo and place in the beat, from what has been heard so far.

Source: Krebs, Boeck and Widmer, An Efficient State-Space Model for Joint Tempo and Meter Tracking, ISMIR 2015.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.listen.beats import PossiblePulse
from ensemble.types.music import FloatArray

Array = NDArray[np.float64]
SLOWEST_BPM, FASTEST_BPM = 55.0, 215.0
TEMPO_CHANGE = 100.0
"""How dear it is to change the interval between two beats, by the share that it changes."""
JUMP = 5e-3
"""How probable it is, at a beat, that the tempo jumps to any other."""
BEAT_SHARE = 16
"""A beat is heard within the first so manyth part of the interval."""
PULSE_WEIGHT, ONSET_WEIGHT = 0.75, 0.25
"""Of what the network says, and of our own onset strength."""
LEAST, MOST = 0.02, 0.98
EVIDENCE = 0.4
"""What is heard counts as its power with this exponent: neighbouring frames say the same again."""
TEMPO_LOG, PHASE = 0.04, 0.08
"""Standard deviations of a tempo, as a logarithm, and of a place in the beat, around those of the last seconds."""
UNLIKELY = -2.5
"""What speaks against any other beat, as a logarithm, each time that the last seconds are asked."""
SAID_TEMPO_LOG, SAID_PHASE, OCTAVE_LOG = 0.04, 0.06, 0.35
"""Standard deviations of a tempo and of a beat that the player says; how far the tempo may go from there."""
KNOWN_TEMPO_LOG = 0.12
"""A tempo that is given may be off by so much, as a logarithm."""
_ONSET_PEAK_S = 4.0
"""How long a strong onset keeps others small."""


class BeatNow(NamedTuple):
    """What the filter says of the last frame that it heard."""

    frame: int
    """That frame."""
    phase: float
    """How much of the beat has passed, 0..1."""
    period_frames: float
    """Frames in a beat."""
    sureness: float
    """How much the states agree on the phase, 0..1."""


class BeatFilter:
    """Follows the beat, frame by frame.

    Args:
        tempo_bpm: where it is known beforehand.
    """

    def __init__(self, tempo_bpm: float | None = None) -> None:
        slowest, fastest = round(60 * FRAME_RATE_HZ / SLOWEST_BPM), round(60 * FRAME_RATE_HZ / FASTEST_BPM)
        self._intervals = np.arange(fastest, slowest + 1)
        if tempo_bpm is not None:
            given = 60 * FRAME_RATE_HZ / tempo_bpm
            near = np.abs(np.log(np.arange(10, 400) / given)) < KNOWN_TEMPO_LOG
            self._intervals = np.arange(10, 400)[near]
        places = np.arange(self._intervals[-1])
        inside = places < self._intervals[:, None]
        ratio = self._intervals[None, :] / self._intervals[:, None]
        change = np.exp(-TEMPO_CHANGE * np.abs(ratio - 1))
        self._change = change / change.sum(axis=1, keepdims=True) + JUMP / len(self._intervals)
        self._is_beat = inside & (places < np.maximum(self._intervals[:, None] / BEAT_SHARE, 1.0))
        self._inside = inside
        self._share = inside / inside.sum()  # [intervals, places]
        self._turn = np.exp(2j * np.pi * (places + 0.5) / self._intervals[:, None]) * inside
        self._allowed = np.ones(len(self._intervals))
        self._places = places
        self._rows = np.arange(len(self._intervals))
        self._peak = 0.0
        self._frame = -1

    def hear(self, pulse: FloatArray, onset: FloatArray) -> None:
        """Go on by some frames.

        Args:
            pulse: how probable a beat of either kind is.  [frames]
            onset: onset strength.  [frames]
        """
        for said, rise in zip(pulse.tolist(), onset.tolist(), strict=True):
            self._peak = max(self._peak * (1 - 1 / (_ONSET_PEAK_S * FRAME_RATE_HZ)), rise, 0.1)
            self._step(PULSE_WEIGHT * said + ONSET_WEIGHT * rise / self._peak)

    def weigh(self, pulses: Sequence[PossiblePulse], first_frame: int) -> None:
        """Take in which beats the last seconds may have: a filter alone is easily content with the off-beat.

        Args:
            pulses: from `possible_pulses`.
            first_frame: where those seconds begin.
        """
        speaks = np.full(self._share.shape, UNLIKELY)
        for period_frames, beat_frame, log_odds in pulses:
            tempo = np.log(self._intervals / period_frames) / TEMPO_LOG
            place = self._turns_from(first_frame + beat_frame, period_frames) / PHASE
            np.maximum(speaks, log_odds - (np.square(tempo)[:, None] + np.square(place)) / 2, out=speaks)
        self._share *= np.exp(speaks)
        self._share /= self._share.sum()

    def say(self, frame: int, period_frames: float) -> None:
        """The player says where a beat is and how long; a tempo that cannot be followed changes nothing.

        Args:
            frame: of the beat; it may lie ahead of what was heard.
            period_frames: from one beat to the next.
        """
        if not self._intervals[0] <= period_frames <= self._intervals[-1]:
            return
        away = np.log(self._intervals / period_frames)
        self._allowed = np.where(np.abs(away) < OCTAVE_LOG, 1.0, 0.0)
        tempo = self._allowed * np.exp(-np.square(away / SAID_TEMPO_LOG) / 2)
        place = self._turns_from(frame, period_frames) / SAID_PHASE
        share = tempo[:, None] * np.exp(-np.square(place) / 2) * self._inside
        self._share = share / share.sum()

    def _turns_from(self, beat_frame: float, period_frames: float) -> Array:
        """How far every place in the beat lies from where a beat at some frame puts this one, -0.5..0.5."""
        phase = (self._frame - beat_frame) / period_frames + 0.5 / BEAT_SHARE
        turns: Array = (self._places / self._intervals[:, None] - phase + 0.5) % 1.0 - 0.5
        return turns

    def _step(self, activation: float) -> None:
        ends = self._share[self._rows, self._intervals - 1]
        after = np.zeros_like(self._share)
        after[:, 1:] = self._share[:, :-1] * self._inside[:, 1:]
        after[:, 0] = (ends @ self._change) * self._allowed
        likely = min(max(activation, LEAST), MOST)
        after *= np.where(self._is_beat, likely**EVIDENCE, ((1 - likely) / (BEAT_SHARE - 1)) ** EVIDENCE)
        self._share = after / after.sum()
        self._frame += 1

    def now(self) -> BeatNow:
        """What is most probable now."""
        best = int(np.argmax(self._share.sum(axis=1)))
        near = slice(max(best - 2, 0), best + 3)
        weight = self._share[near].sum(axis=1)
        period = float(weight @ self._intervals[near] / weight.sum())
        turn = complex((self._share[near] * self._turn[near]).sum() / weight.sum())
        everywhere = complex((self._share * self._turn).sum())
        phase = float(np.angle(turn)) / (2 * np.pi) - 0.5 / BEAT_SHARE
        return BeatNow(self._frame, phase % 1.0, period, abs(everywhere))

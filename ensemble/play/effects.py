"""What a part's sound goes through after its synthesis: an amplifier, a tilt of its spectrum, a compressor.

All of them work sample by sample, in calls of one hop, and keep what they need of the past in arrays of the player's
state; so their bytes do not depend on the blocks, and a render goes on, is sent away and is played again as without.

Sources: Zölzer (ed.), DAFX, 2nd ed. 2011, chapters 2 (filters) and 4.3 (valves); Giannoulis, Massberg and Reiss,
Digital dynamic range compressor design, JAES 2012 (the compressor); Bristow-Johnson, Audio EQ cookbook (biquads).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import hop_samples
from ensemble.config import FollowerSettings
from ensemble.play.effect_kernels import HISTORY, compressed, driven, filtered
from ensemble.play.percussion import bounded
from ensemble.play.quantum import Player
from ensemble.settings.effects import AmplifierSettings, CompressorSettings
from ensemble.types.music import AudioClip, Cue, FloatArray, PlayerState, Stem

Array = NDArray[np.float64]
TILT_HZ = 800.0
"""Where a tilt changes nothing."""
REFERENCE_LEVEL = 0.05
"""Amplitude that leaves the valve as it came in: what a part usually plays at."""
_GRAIN = 2.0**-28
"""What memories are whole multiples of between hops, in full scales or dB: much finer than 24 bits, yet so coarse that
after a change two memories soon become equal to the byte, and that they fall silent."""


class Effect(Protocol):
    """A change of sound whose memory is one array."""

    def silence(self) -> Array:
        """The memory before the first sample."""

    def sound(self, samples: FloatArray, memory: Array) -> FloatArray:
        """The next samples, changed; `memory` goes along in place.  [hop] -> [hop]"""


Section = tuple[float, float, float, float, float, float]


def _sections(*sections: Section) -> Array:
    """Coefficients b0, b1, b2, a0, a1, a2 of each filter, as `filtered` takes them.  [sections, 5]"""
    rows = np.array(sections)
    return np.ascontiguousarray(rows[:, (0, 1, 2, 4, 5)] / rows[:, 3:4])


def _turn(hertz: float, quality: float, sample_rate: int) -> tuple[float, float]:
    """Cosine of a frequency's angle, and the width there."""
    angle = 2 * math.pi * hertz / sample_rate
    return math.cos(angle), math.sin(angle) / (2 * quality)


def _high_pass(hertz: float, quality: float, sample_rate: int) -> Section:
    cosine, width = _turn(hertz, quality, sample_rate)
    return (1 + cosine) / 2, -(1 + cosine), (1 + cosine) / 2, 1 + width, -2 * cosine, 1 - width


def _low_pass(hertz: float, quality: float, sample_rate: int) -> Section:
    cosine, width = _turn(hertz, quality, sample_rate)
    return (1 - cosine) / 2, 1 - cosine, (1 - cosine) / 2, 1 + width, -2 * cosine, 1 - width


def _peak(hertz: float, quality: float, gain_db: float, sample_rate: int) -> Section:
    cosine, width = _turn(hertz, quality, sample_rate)
    up = 10 ** (gain_db / 40)
    return 1 + width * up, -2 * cosine, 1 - width * up, 1 + width / up, -2 * cosine, 1 - width / up


class Tilt:
    """Makes a sound brighter or darker: a first-order shelf, lows one way and highs the other.

    Args:
        tilt_db: gain far above `TILT_HZ`, and the loss far below.
        sample_rate: in Hz.
    """

    def __init__(self, tilt_db: float, sample_rate: int) -> None:
        gain, turn = 10 ** (tilt_db / 20), math.tan(math.pi * TILT_HZ / sample_rate)
        self._sections = _sections((gain + turn, turn - gain, 0.0, 1 + gain * turn, gain * turn - 1, 0.0))

    def silence(self) -> Array:
        """See `Effect.silence`."""
        return np.zeros(2 * len(self._sections))

    def sound(self, samples: FloatArray, memory: Array) -> FloatArray:
        """See `Effect.sound`."""
        return np.asarray(filtered(samples.astype(np.float64), self._sections, memory), np.float32)


class Compressor:
    """Feed-forward, on the logarithm of the level, with a soft knee and a smoothed, branching detector."""

    def __init__(self, settings: CompressorSettings, sample_rate: int) -> None:
        self._settings = settings
        self._attack, self._release = (
            math.exp(-1000.0 / (time_ms * sample_rate)) for time_ms in (settings.attack_ms, settings.release_ms)
        )

    def silence(self) -> Array:
        """See `Effect.silence`."""
        return np.zeros(1)

    def sound(self, samples: FloatArray, memory: Array) -> FloatArray:
        """See `Effect.sound`."""
        of = self._settings
        return compressed(
            samples, memory, of.threshold_db, of.ratio, of.knee_db, self._attack, self._release, of.makeup_db
        )


class Amplifier:
    """A valve, four times oversampled, between two sets of filters: what goes in, and a loudspeaker in its box.

    It is 15 samples late.
    """

    def __init__(self, settings: AmplifierSettings, sample_rate: int) -> None:
        self._bias, self._drive = settings.bias, 10 ** (settings.drive_db / 20)
        highest, lowest = (math.tanh(self._bias + way * self._drive * REFERENCE_LEVEL) for way in (1, -1))
        self._gain = 2 * REFERENCE_LEVEL / (highest - lowest)
        self._before = _sections(_high_pass(90.0, 0.7, sample_rate))
        self._after = _sections(
            _high_pass(75.0, 0.9, sample_rate), _peak(110.0, 1.0, 3.0, sample_rate),
            _peak(2500.0, 1.2, settings.presence_db, sample_rate), _low_pass(4800.0, 0.541, sample_rate),
            _low_pass(4800.0, 1.307, sample_rate),
        )  # fmt: skip

    def silence(self) -> Array:
        """See `Effect.silence`."""
        return np.zeros(2 * (len(self._before) + len(self._after)) + HISTORY)

    def sound(self, samples: FloatArray, memory: Array) -> FloatArray:
        """See `Effect.sound`."""
        first, last = 2 * len(self._before), len(memory) - 2 * len(self._after)
        before, history, after = memory[:first], memory[first:last], memory[last:]
        flow = filtered(samples.astype(np.float64), self._before, before)
        flow = driven(flow, history, self._drive, self._bias, self._gain)
        return np.asarray(filtered(flow, self._after, after), np.float32)


class EffectsPlayer:
    """A player whose sound goes through effects.

    Args:
        player: who plays.
        effects: in their order.
        sample_rate: in Hz.
    """

    def __init__(self, player: Player, effects: Sequence[Effect], sample_rate: int) -> None:
        self._player, self._effects, self._hop = player, effects, hop_samples(sample_rate)

    def start(self) -> PlayerState:
        """The state before frame 0."""
        return self._player.start()

    def play(self, cue: Cue, state: PlayerState) -> tuple[Stem, PlayerState]:
        """See `Player.play`."""
        own = dict(state.memory)
        memories = [own.pop(_key(number), effect.silence()).copy() for number, effect in enumerate(self._effects)]
        stem, after = self._player.play(cue, replace(state, memory=own))
        samples = stem.clip.samples[0].copy()
        for start in range(0, len(samples), self._hop):
            for effect, memory in zip(self._effects, memories, strict=True):
                piece = slice(start, start + self._hop)
                samples[piece] = effect.sound(samples[piece], memory)
                memory[:] = np.trunc(memory / _GRAIN) * _GRAIN
        kept = {} if cue.is_last else {_key(number): memory for number, memory in enumerate(memories)}
        clip = AudioClip(samples=bounded(samples)[None], sample_rate=stem.clip.sample_rate)
        return replace(stem, clip=clip), replace(after, memory=after.memory | kept)


def _key(number: int) -> str:
    return f"behind the player: effect {number}"


def effects_of(follower: FollowerSettings, sample_rate: int) -> list[Effect]:
    """The effects that a follower asks for, in their order: none for most."""
    effects: list[Effect] = []
    if follower.amplifier is not None:
        effects.append(Amplifier(follower.amplifier, sample_rate))
    if follower.tilt_db:
        effects.append(Tilt(follower.tilt_db, sample_rate))
    if follower.compressor is not None:
        effects.append(Compressor(follower.compressor, sample_rate))
    return effects

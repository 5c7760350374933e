"""The drum player: adds the sound of every stroke at its exact sample, at the level of the dynamics."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ensemble.clock import FRAME_RATE_HZ
from ensemble.play.noise import noise_key
from ensemble.play.quantum import Memory, QuantumPlayer
from ensemble.play.strokes import NUM_VARIANTS, VELOCITY_STEPS
from ensemble.types.music import SILENCE_DB, Cue, DrumClass, FloatArray, Hit

FULL_LEVEL_DB = -20.0
"""Loudness at which the kit plays at its full level, and above which it gets no louder: the A-weighted loudness of a
hard backbeat at that level."""
VELOCITY_POWER = 1.2
"""A stroke's level is its velocity to this power."""
LAYER_STEPS = 2
"""Velocity steps from one layer of a drum to the next; what lies between is mixed of both."""
HARDNESS_STRAYS = 0.4
"""By how many steps at most a stroke strays to either side: equal strokes are as hard, but not as bright."""
CHOKE_S = 0.005
"""Time in which a closed hat silences an open one."""
KNEE = 0.8
"""Samples above this are compressed, so that the sum of many strokes stays below full scale."""
_NOT_CHOKED = np.iinfo(np.int64).max


class DrumKit(Protocol):
    """A drum kit: a function that returns the sound of one stroke."""

    def __call__(self, drum: DrumClass, velocity_step: int, variant: int, sample_rate: int, /) -> FloatArray:
        """Make the sound of a stroke.

        Args:
            drum: the drum or cymbal that is struck.
            velocity_step: how hard, 1..`VELOCITY_STEPS`: changes the timbre; most of the level is left to the player.
            variant: which of `NUM_VARIANTS` slightly different strokes, 0 or more.
            sample_rate: in Hz.

        Returns:
            samples [samples], read-only; they begin with the attack and have faded at the end.
        """


@dataclass(frozen=True, slots=True)
class _Ringing:
    """A stroke that still sounds."""

    hit: Hit
    start_sample: int
    """First sample of the stroke."""
    gain: float
    """Factor of its samples."""
    choked_at: int
    """The sample from which a closed hat silences it; `_NOT_CHOKED` for none."""


class PercussionPlayer(QuantumPlayer):
    """Plays the strokes of a drum part; its state holds the strokes that still sound, with their gains."""

    def __init__(self, stroke: DrumKit, sample_rate: int, seed: int, part: str) -> None:
        super().__init__(sample_rate)
        self._stroke = stroke
        self._key = noise_key(seed, part)

    def _quantum(
        self, cue: Cue, memory: Memory, ringing: tuple[Hit, ...]
    ) -> tuple[FloatArray, Memory, tuple[Hit, ...]]:
        struck = self._choked(self._remembered(memory, ringing) + self._struck(cue))
        first = cue.start_frame * self.hop
        samples = np.zeros((cue.num_frames - 1) * self.hop, np.float32)
        still = [sound for sound in struck if self._add(samples, sound, first) > first + len(samples)]
        after: Memory = {
            "ringing_gain": np.array([sound.gain for sound in still], np.float32),
            "ringing_choked_at": np.array([sound.choked_at for sound in still], np.int64),
        }
        return bounded(samples), after, tuple(sound.hit for sound in still)

    def _remembered(self, memory: Memory, ringing: tuple[Hit, ...]) -> list[_Ringing]:
        return [
            _Ringing(hit, self._sample(hit), float(memory["ringing_gain"][i]), int(memory["ringing_choked_at"][i]))
            for i, hit in enumerate(ringing)
        ]

    def _struck(self, cue: Cue) -> list[_Ringing]:
        """The strokes that begin in the quantum, each at the level of its frame's dynamics."""
        struck = []
        for hit in sorted(cue.hits, key=lambda hit: (hit.time_s, hit.index)):
            loudness_db = float(cue.loudness_db[int(hit.time_s * FRAME_RATE_HZ) - cue.start_frame])
            if loudness_db <= SILENCE_DB or hit.velocity <= 0.0:
                continue
            level = min(10.0 ** ((loudness_db - FULL_LEVEL_DB) / 20.0), 1.0)
            gain = float(np.float32(level * min(hit.velocity, 1.0) ** VELOCITY_POWER))
            struck.append(_Ringing(hit, self._sample(hit), gain, _NOT_CHOKED))
        return struck

    def _choked(self, struck: list[_Ringing]) -> list[_Ringing]:
        """Let every open hat end where the next closed one begins."""
        closed = [sound.start_sample for sound in struck if sound.hit.drum == "closed_hat"]
        return [
            replace(sound, choked_at=min([sound.choked_at, *(at for at in closed if at > sound.start_sample)]))
            if sound.hit.drum == "open_hat"
            else sound
            for sound in struck
        ]

    def _add(self, samples: FloatArray, sound: _Ringing, first_sample: int) -> int:
        """Add the part of a stroke that falls into the quantum.

        Returns:
            The sample of the performance at which the stroke ends.
        """
        soft, hard, hardness = self._layers(sound.hit)
        choke_samples = round(CHOKE_S * self.sample_rate)
        end = min(sound.start_sample + len(soft), sound.choked_at + choke_samples)
        begin_in, end_in = max(sound.start_sample, first_sample), min(end, first_sample + len(samples))
        if begin_in < end_in:
            inside = slice(begin_in - sound.start_sample, end_in - sound.start_sample)
            piece = (soft[inside] + hardness * (hard[inside] - soft[inside])) * np.float32(sound.gain)
            if end_in > sound.choked_at:
                left = (sound.choked_at + choke_samples - np.arange(begin_in, end_in)) / choke_samples
                piece *= np.clip(left, 0.0, 1.0).astype(np.float32)
            samples[begin_in - first_sample : end_in - first_sample] += piece
        return end

    def _layers(self, hit: Hit) -> tuple[FloatArray, FloatArray, np.float32]:
        """A softer and a harder stroke, and how far the one that is asked for lies between: never twice the same."""
        drawn = np.random.Philox(key=self._key, counter=hit.index).random_raw(2)
        variant, stray = int(drawn[0]) % NUM_VARIANTS, float(drawn[1]) / 2**63 - 1
        asked = min(max(hit.velocity * VELOCITY_STEPS, LAYER_STEPS), VELOCITY_STEPS) + HARDNESS_STRAYS * stray
        steps = VELOCITY_STEPS - abs(VELOCITY_STEPS - LAYER_STEPS - abs(asked - LAYER_STEPS))  # turned back at the ends
        layer = min(int(steps / LAYER_STEPS), VELOCITY_STEPS // LAYER_STEPS - 1) * LAYER_STEPS
        soft, hard = (self._stroke(hit.drum, step, variant, self.sample_rate) for step in (layer, layer + LAYER_STEPS))
        return soft, hard, np.float32((steps - layer) / LAYER_STEPS)

    def _sample(self, hit: Hit) -> int:
        return round(hit.time_s * self.sample_rate)


def bounded(samples: FloatArray) -> FloatArray:
    """Leave samples below `KNEE` as they are, and compress the others to below full scale.  [samples]"""
    level = np.abs(samples)
    over = np.maximum(level - KNEE, 0.0)
    room = 1.0 - KNEE
    bent = np.minimum(level, KNEE) + over * room / (over + room)
    return np.copysign(bent, samples).astype(np.float32)

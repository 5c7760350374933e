"""The player of a pitched part: computes the controls of every voice, and sounds them together as one mono stem."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ensemble.play.controls import ControlModel, Controls, headroom
from ensemble.play.inharmonicity import Inharmonicity
from ensemble.play.noise import filtered_noise, noise_key
from ensemble.play.oscillator import harmonic_bank, nyquist_taper
from ensemble.play.quantum import Memory, QuantumPlayer
from ensemble.play.sizes import NUM_BANDS, NUM_HARMONICS
from ensemble.types.music import SILENCE_DB, Cue, FloatArray, Hit


class Synthesizer(Protocol):
    """Turns controls into samples, on a CPU or a GPU."""

    def harmonics(
        self,
        f0_start_hz: FloatArray,
        f0_stop_hz: FloatArray,
        amplitudes: FloatArray,
        phase_cycles: NDArray[np.float64],
        sample_rate: int,
        inharmonicity: Inharmonicity | None,
    ) -> tuple[FloatArray, NDArray[np.float64]]:
        """See `oscillator.harmonic_bank`."""

    def noise(self, magnitudes: FloatArray, key: NDArray[np.uint64], start_sample: int, sample_rate: int) -> FloatArray:
        """See `noise.filtered_noise`."""


class KernelSynthesizer:
    """The synthesizer of compiled CPU kernels."""

    harmonics = staticmethod(harmonic_bank)
    noise = staticmethod(filtered_noise)


class PitchedPlayer(QuantumPlayer):
    """Plays one pitched part.

    A voice's loudness is the cue's dynamics plus its own level, less the level that the number of voices adds. In rests
    a voice is silent, while its oscillator and its network run on at the last pitch.
    """

    def __init__(self, voice: ControlModel, synthesizer: Synthesizer, sample_rate: int, seed: int, part: str) -> None:
        super().__init__(sample_rate)
        self._voice = voice
        self._synthesizer = synthesizer
        self._noise_key = noise_key(seed, part)

    def _quantum(
        self, cue: Cue, memory: Memory, ringing: tuple[Hit, ...]
    ) -> tuple[FloatArray, Memory, tuple[Hit, ...]]:
        loudness_db = voice_loudness_db(cue)
        before = memory or self._first_memory(cue)
        pitch_hz = _held_pitch(self._fundamental_hz(cue), before["pitch_hz"])
        controls, hidden = self._voice.controls(pitch_hz[:, 1:], loudness_db[:, 1:], before["hidden"])
        amplitudes, noise = self._part_controls(controls)
        amplitudes = np.concatenate([before["amplitudes"][:, None], amplitudes], axis=1)
        noise = np.concatenate([before["noise"][None], noise])

        sounding = loudness_db > SILENCE_DB
        start_hz = np.where(sounding[:, :-1], pitch_hz[:, :-1], pitch_hz[:, 1:])  # a note begins at its own pitch
        samples, phase_cycles = self._synthesizer.harmonics(
            start_hz, pitch_hz[:, 1:], amplitudes, before["phase_cycles"], self.sample_rate, self._voice.inharmonicity
        )
        samples += self._synthesizer.noise(noise, self._noise_key, cue.start_frame * self.hop, self.sample_rate)
        after = {
            "hidden": hidden,
            "pitch_hz": pitch_hz[:, -1].copy(),
            "phase_cycles": phase_cycles,
            "amplitudes": amplitudes[:, -1].copy(),
            "noise": noise[-1].copy(),
        }
        return samples, after, ringing

    def _fundamental_hz(self, cue: Cue) -> FloatArray:
        """Of every voice.  [voices, frames]"""
        return cue.f0_hz * np.float32(self._voice.fundamental)

    def _first_memory(self, cue: Cue) -> Memory:
        """The memory of silence; the phase is such that frame 0, one hop later, begins a period."""
        num_voices, inharmonicity = len(cue.f0_hz), self._voice.inharmonicity
        first_hz = np.maximum(self._fundamental_hz(cue)[:, 0].astype(np.float64), 0.0)
        if inharmonicity is not None:
            first_hz = inharmonicity.partial_hz(first_hz, NUM_HARMONICS)
        return {
            "hidden": np.stack([self._voice.hidden()] * num_voices),
            "pitch_hz": np.zeros(num_voices, np.float32),
            "phase_cycles": -(first_hz * self.hop / self.sample_rate) % 1.0,
            "amplitudes": np.zeros((num_voices, NUM_HARMONICS), np.float32),
            "noise": np.zeros(NUM_BANDS, np.float32),
        }

    def _part_controls(self, voices: Controls) -> tuple[FloatArray, FloatArray]:
        """The tapered harmonics of all voices and the sum of their noises, kept below full scale.

        Returns:
            amplitudes [voices, frames, num_harmonics]; magnitudes of the noise [frames, bands], whose powers add up.
        """
        noise = np.sqrt(np.square(voices.noise).sum(axis=0))
        gain = headroom(voices.amplitude, noise)
        harmonics = voices.harmonics * nyquist_taper(
            voices.f0_hz, NUM_HARMONICS, self.sample_rate, self._voice.inharmonicity
        )
        return (voices.amplitude * gain)[..., None] * harmonics, noise * gain[:, None]


def voice_loudness_db(cue: Cue) -> FloatArray:
    """The loudness of every voice; `SILENCE_DB` in rests.  [voices, frames]"""
    loudness_db = cue.loudness_db + cue.level_db - np.float32(10.0 * np.log10(len(cue.f0_hz)))
    rests = (cue.f0_hz <= 0) | (cue.level_db <= SILENCE_DB) | (cue.loudness_db <= SILENCE_DB)
    return np.where(rests, np.float32(SILENCE_DB), np.maximum(loudness_db, np.float32(SILENCE_DB)))


def _held_pitch(f0_hz: FloatArray, last_hz: FloatArray) -> FloatArray:
    """The pitch of every voice, with the last one held in rests.

    Args:
        f0_hz: 0 in rests.  [voices, frames]
        last_hz: pitch before the first frame.  [voices]
    """
    known = np.concatenate([last_hz[:, None], np.maximum(f0_hz, np.float32(0.0))], axis=1)
    newest = np.maximum.accumulate(np.where(known > 0, np.arange(known.shape[1]), 0), axis=1)
    return np.take_along_axis(known, newest, axis=1)[:, 1:]

"""Where a network hears beats and downbeats.

It was made for sound at 22.05 kHz and sees 64 ms, 50 times a second, in 24 bands an octave. At 16 kHz windows of 64 ms
have nearly the same bins; what lies above 8 kHz is guessed from what lies just below.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from ensemble.audio.spectra import power_spectra
from ensemble.clock import FRAME_RATE_HZ
from ensemble.listen.networks import network
from ensemble.types.music import FloatArray

STEP_FRAMES = 2
WINDOW_SAMPLES, ITS_WINDOW_SAMPLES = 1024, 1411
ITS_BINS, ITS_BIN_HZ = 705, 22050 / 1410
LOWEST_HZ, HIGHEST_HZ, BANDS_PER_OCTAVE = 30.0, 17_000.0, 24
UNHEARD_SHARE, NUM_BELOW = 0.6, 6
"""A band above 8 kHz has this share of the mean of so many below. Of shares 0 to 1 it gives the answers most like those
at 22.05 kHz, on 20 recordings (correlation 0.95; 0.90 without)."""
MEMORY_SHAPE = (4, 1, 150)


def hear_pulse(samples: FloatArray, sample_rate: int, num_frames: int) -> FloatArray:
    """How probable a beat within a bar is in each frame, and a beat that opens one, 0..1.  [2, frames]

    Args:
        samples: mono, at 16 kHz.  [samples]
        sample_rate: in Hz.
        num_frames: at 100 Hz.

    Raises:
        ListenerError: the network cannot be used.

    Source: Heydari, Cwitkowitz and Duan, BeatNet, ISMIR 2021.
    """
    heard = np.empty((-(-num_frames // STEP_FRAMES), 2), np.float32)
    state = SILENT
    hop = STEP_FRAMES * sample_rate // FRAME_RATE_HZ
    for at, power in power_spectra(samples, len(heard), hop, WINDOW_SAMPLES):
        heard[at], state = hear_spectra(power, state)
    return np.ascontiguousarray(np.repeat(heard.T, STEP_FRAMES, axis=1)[:, :num_frames])


class PulseState(NamedTuple):
    """What is carried from some spectra to the next."""

    memory: FloatArray
    """The network's."""
    before: FloatArray | None
    """The bands of the last spectrum; None before the first.  [1, bands]"""


SILENT = PulseState(np.zeros(MEMORY_SHAPE, np.float32), None)
"""Nothing heard yet."""


def hear_spectra(power: FloatArray, state: PulseState) -> tuple[FloatArray, PulseState]:
    """Go on listening.

    Args:
        power: spectra of windows of `WINDOW_SAMPLES`, `STEP_FRAMES` apart.  [steps, bins]
        state: after the spectra before.

    Returns:
        The probabilities of `hear_pulse`, [steps, 2], and the state.
    """
    window = np.hanning(WINDOW_SAMPLES + 1)[:-1]
    full_scale = np.sqrt(WINDOW_SAMPLES * np.square(window).sum() / 2) * ITS_WINDOW_SAMPLES / WINDOW_SAMPLES
    level = np.log10(1 + _whole(np.sqrt(power) * np.float32(full_scale) @ _bands()))
    earlier = np.concatenate([level[:1] if state.before is None else state.before, level[:-1]])
    spectrum = np.concatenate([level, np.maximum(level - earlier, 0)], axis=1)
    probability, memory = network("beats").run(spectrum, state.memory)
    return probability[:, :2], PulseState(memory, level[-1:])


def _whole(amplitude: FloatArray) -> FloatArray:
    """The bands with those that reach above 8 kHz guessed.  [steps, bands]"""
    heard = int(np.flatnonzero(_bands()[-3:].any(axis=0))[0])
    amplitude[:, heard:] = UNHEARD_SHARE * amplitude[:, heard - NUM_BELOW : heard].mean(axis=1, keepdims=True)
    return amplitude


@cache
def _bands() -> FloatArray:
    """Overlapping triangles between neighbouring semitone quarters, each of weight 1.  [bins, bands]"""
    first, last = (BANDS_PER_OCTAVE * np.log2(hz / 440) for hz in (LOWEST_HZ, HIGHEST_HZ))
    centres_hz = 440 * 2 ** (np.arange(np.ceil(first), np.floor(last) + 1) / BANDS_PER_OCTAVE)
    corners = np.unique(np.clip(np.rint(centres_hz / ITS_BIN_HZ), 1, ITS_BINS - 1))
    start, centre, stop = corners[:-2], corners[1:-1], corners[2:]
    bins = np.arange(ITS_BINS)[:, None]
    triangles = np.maximum(np.minimum((bins - start) / (centre - start), (stop - bins) / (stop - centre)), 0.0)
    bands: FloatArray = (triangles / triangles.sum(axis=0)).astype(np.float32)
    return bands[: WINDOW_SAMPLES // 2 + 1]

"""The sound of strokes on the built-in kit: made at 48 kHz, and resampled to the rate that is played."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.later import irfft, rfft, rfftfreq
from ensemble.play.kit import BRUSHED_KIT, KIT, Drum, NoiseBand
from ensemble.play.noise import noise_key, white_noise
from ensemble.types.music import DrumClass, FloatArray

MADE_AT_HZ = 48_000
NUM_VARIANTS = 4
VELOCITY_STEPS = 8
CLICK_S = 0.002
FADE_S = 0.02
_KEPT_STROKES = 128

Array = NDArray[np.float64]


@lru_cache(maxsize=_KEPT_STROKES)
def stroke(drum: DrumClass, velocity_step: int, variant: int, sample_rate: int) -> FloatArray:
    """Make the sound of a stroke with sticks; see `percussion.DrumKit`.

    A harder stroke is brighter: high bands and the click grow faster than low bands, and the pitch starts higher.
    """
    return _played(KIT[drum], drum, velocity_step, variant, sample_rate)


@lru_cache(maxsize=_KEPT_STROKES)
def brushed_stroke(drum: DrumClass, velocity_step: int, variant: int, sample_rate: int) -> FloatArray:
    """Make the sound of a stroke with brushes; see `percussion.DrumKit`."""
    return _played(BRUSHED_KIT[drum], drum, velocity_step, variant, sample_rate)


def _played(spec: Drum, drum: DrumClass, velocity_step: int, variant: int, sample_rate: int) -> FloatArray:
    made = _made(spec, drum, velocity_step / VELOCITY_STEPS, variant) * (spec.peak / _full_peak(spec, drum))
    played = band_limited(made, sample_rate).astype(np.float32)
    played.flags.writeable = False
    return played


@lru_cache(maxsize=2 * len(KIT))
def _full_peak(spec: Drum, drum: DrumClass) -> float:
    return max(float(np.abs(_made(spec, drum, 1.0, variant)).max()) for variant in range(NUM_VARIANTS))


def _made(spec: Drum, drum: DrumClass, velocity: float, variant: int) -> Array:
    """The sound of a stroke at 48 kHz, not yet scaled.  [samples]"""
    key = noise_key(variant, drum)
    num_samples = round(spec.duration_s * MADE_AT_HZ)
    time_s = np.arange(num_samples) / MADE_AT_HZ
    jitter = np.random.Generator(np.random.Philox(key=key)).uniform(-1.0, 1.0, 2 + len(spec.bands))

    sound = _modes(spec, time_s, velocity, pitch=1.0 + 0.006 * jitter[0], length=1.0 + 0.05 * jitter[1])
    white = white_noise(key, 0, num_samples).astype(np.float64)
    since_s = time_s - np.array(spec.bursts_s)[np.searchsorted(spec.bursts_s, time_s, side="right") - 1]
    for band, shift in zip(spec.bands, jitter[2:], strict=True):
        sound += _band(band, white, since_s, velocity) * 10.0 ** (0.7 * shift / 20.0)
    sound += spec.click * velocity * white[::-1] * np.exp(-time_s * (5.0 / CLICK_S))

    attack = np.clip(time_s / spec.attack_s, 0.0, 1.0)
    release = np.clip((spec.duration_s - time_s) / FADE_S, 0.0, 1.0)
    smooth: Array = sound * np.sin(0.5 * math.pi * attack) ** 2 * release
    return smooth


def _modes(spec: Drum, time_s: Array, velocity: float, pitch: float, length: float) -> Array:
    """The drum's decaying sines, whose pitch falls at first.  [samples]"""
    above = spec.sweep * (0.4 + 0.6 * velocity) * spec.sweep_s * (1.0 - np.exp(-time_s / spec.sweep_s))
    sound = np.zeros_like(time_s)
    for mode in spec.modes:
        cycles = mode.f0_hz * pitch * (time_s + above)
        level = mode.level * _brightness(mode.f0_hz, velocity)
        sound += level * np.exp(-time_s / (mode.decay_s * length)) * np.sin(2.0 * math.pi * cycles)
    return sound


def _band(band: NoiseBand, white: Array, time_s: Array, velocity: float) -> Array:
    """The noise of one band with its two decays.  [samples]"""
    hz = rfftfreq(len(white), 1.0 / MADE_AT_HZ)
    edge_hz = 0.15 * band.low_hz
    inside = np.minimum(hz - band.low_hz, band.high_hz - hz) / edge_hz + 0.5
    noise = irfft(rfft(white) * np.clip(inside, 0.0, 1.0), len(white))
    noise *= 1.0 / np.sqrt(np.mean(np.square(noise)))
    decay = (1.0 - band.slow_level) * np.exp(-time_s / band.fast_s) + band.slow_level * np.exp(-time_s / band.slow_s)
    shaped: Array = band.level * _brightness(math.sqrt(band.low_hz * band.high_hz), velocity) * noise * decay
    return shaped


def _brightness(frequency_hz: float, velocity: float) -> float:
    """Factor of a frequency's level in a softer stroke: near 1 for the lowest, less and less above 200 Hz."""
    octaves = math.log2(1.0 + frequency_hz / 200.0)
    return float(velocity ** (0.12 * octaves))


def band_limited(samples: Array, sample_rate: int) -> Array:
    """Resample from 48 kHz to a lower rate, without delay; frequencies above the new Nyquist are removed.

    Args:
        samples: at 48 kHz; silent at the end.  [samples]
        sample_rate: in Hz.

    Returns:
        [samples * sample_rate / 48000].
    """
    if sample_rate == MADE_AT_HZ:
        return samples
    unit = MADE_AT_HZ // math.gcd(MADE_AT_HZ, sample_rate)
    padding = -(-MADE_AT_HZ // 100 // unit) * unit  # ringing before the first sample wraps around to the end
    num_units = -(-len(samples) // unit) + padding // unit
    spectrum = rfft(samples, num_units * unit)
    num_played = num_units * unit * sample_rate // MADE_AT_HZ
    height = np.arange(num_played // 2 + 1) / num_played  # 0.5 is Nyquist
    taper = np.clip((0.5 - height) / 0.05, 0.0, 1.0)
    played: Array = irfft(spectrum[: len(height)] * taper, num_played) * (num_played / (num_units * unit))
    return played[: len(samples) * sample_rate // MADE_AT_HZ]

"""A kit that was fitted to recorded strokes: modes, noise in bands, and the first milliseconds, between two layers.

A stroke is  modes + fade * transient + (1 - fade) * noise,  made at 48 kHz. Between its layers levels and times move
along with their logarithms, phases along the shorter arc. Noise is white noise in bands a few ERB wide, each under a
level given at knots whose distance grows with time.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.later import irfft, next_fast_len, rfft, rfftfreq
from ensemble.play.kit import TOMS
from ensemble.play.kit_file import NUM_KNOTS, NUM_NOISE_BANDS, TRANSIENT_SAMPLES, KitWeights, tensors_of
from ensemble.play.kit_kernels import add_enveloped, add_modes
from ensemble.play.noise import WHITE_POWER, noise_key, white_noise
from ensemble.play.strokes import MADE_AT_HZ, VELOCITY_STEPS, band_limited
from ensemble.play.strokes import stroke as formula_stroke
from ensemble.types.music import DrumClass, FloatArray

ATTACK_S = 0.0004
FADE_S = 0.04
FIRST_KNOT_S = 0.002
LOWEST_HZ, HIGHEST_HZ = 40.0, 22_000.0
TILT_FROM_HZ = 200.0
_KEPT_STROKES = 128
_BANDS_AT_ONCE = 8
_PITCH_JITTER, _DECAY_JITTER, _LEVEL_JITTER_DB = 0.003, 0.04, 0.8
_JITTER_OCTAVES = 8
"""Where the hand strikes changes the level of every mode; neighbours change alike, for together they are one sound."""

Array = NDArray[np.float64]


class FittedKit:
    """Strokes of a fitted kit; each is made once and kept."""

    def __init__(self, weights: KitWeights) -> None:
        toms = {name: FittedDrum("tom", weights, pitch, length) for name, (pitch, length) in TOMS.items()}
        own = {drum: FittedDrum(drum, weights) for drum in weights.card.drums}
        self._drums: dict[DrumClass, FittedDrum] = toms | own
        self.stroke = lru_cache(maxsize=_KEPT_STROKES)(self._stroke)

    def _stroke(self, drum: DrumClass, velocity_step: int, variant: int, sample_rate: int) -> FloatArray:
        """See `percussion.DrumKit`; toms without a fit are another in other sizes, other drums the built-in kit's."""
        if drum not in self._drums:
            return formula_stroke(drum, velocity_step, variant, sample_rate)
        made = self._drums[drum].made(velocity_step / VELOCITY_STEPS, variant)
        played = band_limited(made, sample_rate).astype(np.float32)
        fall = round(FADE_S * sample_rate)
        played[-fall:] *= np.cos(0.5 * math.pi * np.arange(1, fall + 1) / fall).astype(np.float32) ** 2
        played.flags.writeable = False
        return played


class FittedDrum:
    """One drum of a kit.

    Args:
        drum: the one that was fitted.
        weights: of the kit.
        pitch: of its modes against the fitted ones: another size of the drum.
        length: of its decay against the fitted one.
    """

    def __init__(self, drum: DrumClass, weights: KitWeights, pitch: float = 1.0, length: float = 1.0) -> None:
        self._name = drum
        self.num_samples = round(weights.card.drums[drum].duration_s * length * MADE_AT_HZ)
        self._of = {name: tensor.astype(np.float64) for name, tensor in tensors_of(weights, drum).items()}
        self._of["mode_hz"] *= pitch
        self._of["mode_decay_s"] *= length

    def made(self, velocity: float, variant: int) -> Array:
        """A stroke at 48 kHz.

        Args:
            velocity: 0..1.
            variant: which hand; 0 plays the fitted values, others vary them a little; each has noise of its own.

        Returns:
            [samples]; begins at 0.
        """
        share = self._share_of_hard(velocity)
        key = noise_key(variant, f"kit/{self._name}")
        spread = 1.0 if variant else 0.0
        draw = np.random.Generator(np.random.Philox(key=key))
        pitch, decay, first = spread * draw.uniform(-1.0, 1.0, 3)
        modes, bands = (spread * draw.uniform(-1.0, 1.0, count) for count in (_JITTER_OCTAVES, NUM_NOISE_BANDS))
        sound = self._modes(velocity, share, 1.0 + _PITCH_JITTER * pitch, 1.0 + _DECAY_JITTER * decay, modes)
        noise = self._noise(velocity, share, bands, key)
        fade = np.zeros(self.num_samples)
        fade[:TRANSIENT_SAMPLES] = transient_fade()
        noise *= 1.0 - fade
        sound += noise
        sound[:TRANSIENT_SAMPLES] += self._transient(velocity, share, first)
        rise = round(ATTACK_S * MADE_AT_HZ)
        sound[:rise] *= np.sin(0.5 * math.pi * np.arange(rise) / rise) ** 2
        sound *= self._of["gain"][0] * velocity ** self._of["contrast"][0]
        return sound

    def _share_of_hard(self, velocity: float) -> float:
        """Where between its layers a stroke lies: 0 the softer, 1 the harder."""
        layers = self._of["velocity"]
        if len(layers) == 1:
            return 0.0
        return float(np.clip((velocity - layers[0]) / (layers[1] - layers[0]), 0.0, 1.0))

    def _between(self, name: str, share: float) -> Array:
        layers = self._of[name]
        between: Array = layers[0] + share * (layers[-1] - layers[0])
        return between

    def _tilt(self, frequency_hz: Array, velocity: float) -> Array:
        """What a soft stroke keeps of a frequency; at the pivot, everything."""
        octaves = octaves_up(frequency_hz) - octaves_up(self._of["pivot_hz"])
        kept: Array = 10.0 ** (self._of["tilt_db"][0] * octaves * math.log2(max(velocity, 0.05)) / 20.0)
        return kept

    def _modes(self, velocity: float, share: float, pitch: float, length: float, jitter: Array) -> Array:
        of, sound = self._of, np.zeros(self.num_samples)
        levels = of["mode_cosine"] - 1j * of["mode_sine"]
        loud = np.log(np.abs(levels) + 1e-9)
        turn = np.angle(levels[-1] * np.conj(levels[0])) * share + np.angle(levels[0])
        level = np.exp(loud[0] + share * (loud[-1] - loud[0])) * self._tilt(of["mode_hz"], velocity)
        around_db = _LEVEL_JITTER_DB * np.interp(octaves_up(of["mode_hz"]), np.arange(len(jitter)), jitter)
        level *= 10.0 ** (around_db / 20.0)
        decay_s = np.exp(np.log(of["mode_decay_s"][0]) * (1.0 - share) + np.log(of["mode_decay_s"][-1]) * share)
        add_modes(
            sound,
            of["mode_hz"] * pitch / MADE_AT_HZ,
            level * np.cos(turn),
            -level * np.sin(turn),
            decay_s * length * MADE_AT_HZ,
            float(self._between("glide", share)),
            float(self._between("glide_s", share)) * MADE_AT_HZ,
        )
        return sound

    def _noise(self, velocity: float, share: float, jitter: Array, key: NDArray[np.uint64]) -> Array:
        sound = np.zeros(self.num_samples)
        size = next_fast_len(self.num_samples, real=True)
        white = rfft(white_noise(key, 0, size) / np.float32(math.sqrt(WHITE_POWER)))
        levels_db = self._between("noise_db", share) + _LEVEL_JITTER_DB * jitter[:, None]
        levels_db += 20.0 * np.log10(self._tilt(band_centres_hz(), velocity))[:, None]
        levels, knots, masks = 10.0 ** (levels_db / 20.0), knot_samples(self.num_samples), band_masks(size)
        for group in range(0, NUM_NOISE_BANDS, _BANDS_AT_ONCE):
            inside = np.zeros((_BANDS_AT_ONCE, len(white)), np.complex64)
            for row, (first, mask) in zip(inside, masks[group : group + _BANDS_AT_ONCE], strict=True):
                row[first : first + len(mask)] = white[first : first + len(mask)] * mask
            for noise, level in zip(irfft(inside, size, axis=1), levels[group:], strict=False):
                add_enveloped(sound, noise, knots, level)
        return sound

    def _transient(self, velocity: float, share: float, jitter: float) -> Array:
        """The first milliseconds, faded out.  [TRANSIENT_SAMPLES]"""
        spectrum = rfft(np.pad(self._between("transient", share), (0, TRANSIENT_SAMPLES)))
        spectrum *= self._tilt(rfftfreq(2 * TRANSIENT_SAMPLES, 1.0 / MADE_AT_HZ), velocity)
        sound = irfft(spectrum, 2 * TRANSIENT_SAMPLES)[:TRANSIENT_SAMPLES]
        faded: Array = sound * transient_fade() * 10.0 ** (_LEVEL_JITTER_DB * jitter / 20.0)
        return faded


def octaves_up(frequency_hz: Array) -> Array:
    """How far above 200 Hz, bending to 0 below; the scale on which soft strokes grow darker."""
    octaves: Array = np.log2(1.0 + frequency_hz / TILT_FROM_HZ)
    return octaves


@cache
def transient_fade() -> Array:
    """How the first milliseconds give way to modes and noise: 1 for the first half, then down to 0."""
    time = np.arange(TRANSIENT_SAMPLES) / TRANSIENT_SAMPLES
    fade: Array = np.cos(0.5 * math.pi * np.clip(2.0 * time - 1.0, 0.0, 1.0)) ** 2
    return fade


@cache
def knot_samples(num_samples: int) -> NDArray[np.int64]:
    """Where the noise's level is given: 0, 2 ms, and on by equal ratios to the end.  [NUM_KNOTS]"""
    later = np.geomspace(FIRST_KNOT_S * MADE_AT_HZ, num_samples, NUM_KNOTS - 1)
    return np.concatenate([[0], np.round(later)]).astype(np.int64)


@cache
def band_centres_hz() -> Array:
    """Where the noise's bands are highest, equally far apart on the ERB scale.  [NUM_NOISE_BANDS]

    Source: Glasberg and Moore, Hearing Research 47 (1990), ERB-rate 21.4 log10(1 + 0.00437 f).
    """
    low, high = (21.4 * math.log10(1.0 + 0.00437 * hz) for hz in (LOWEST_HZ, HIGHEST_HZ))
    rate = np.linspace(low, high, NUM_NOISE_BANDS)
    centres: Array = (10.0 ** (rate / 21.4) - 1.0) / 0.00437
    return centres


@lru_cache(maxsize=16)
def band_masks(size: int) -> tuple[tuple[int, Array], ...]:
    """Filters whose powers add up to 1, as first bin and gains there; white noise of power 1 passes with power 1.

    Args:
        size: of the Fourier transform, at 48 kHz.
    """
    centres = band_centres_hz()
    hz = np.arange(size // 2 + 1) * (MADE_AT_HZ / size)
    position = np.interp(hz, centres, np.arange(NUM_NOISE_BANDS), left=-1.0, right=float(NUM_NOISE_BANDS))
    masks = []
    for band in range(NUM_NOISE_BANDS):
        power = np.clip(1.0 - np.abs(position - band), 0.0, 1.0)
        inside = np.flatnonzero(power)
        first, last = (int(inside[0]), int(inside[-1]) + 1) if len(inside) else (0, 1)
        total = 2.0 * power.sum() / size
        masks.append((first, np.sqrt(power[first:last] / max(total, 1e-9))))
    return tuple(masks)

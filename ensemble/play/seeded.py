"""An untrained voice: random weights, with biases that give an instrument's plain sound; training starts from it."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from ensemble.play.controls import LOUDNESS_GAIN
from ensemble.play.naive import power_spectrum, unit_amplitude, unit_noise
from ensemble.play.noise import noise_key
from ensemble.play.voice_file import HIDDEN, LAYERS, VOICE, Size, VoiceCard, VoiceWeights
from ensemble.types.instruments import InstrumentSpec, instrument
from ensemble.types.music import FloatArray

HEAD_SCALE = 0.3
"""Scale of the heads' random weights: they change harmonics by about 4 dB, so every seed has its own timbre."""


def seeded_voice(seed: int, instrument_name: str, size: Size = "starter") -> VoiceWeights:
    """Draw random weights of a voice; equal arguments give equal weights.

    Matrices are uniform within 1/sqrt(inputs), as in PyTorch; the biases of the heads are set to the naive voice's
    spectrum, level and noise at the middle of the instrument's range.

    Raises:
        ConfigError: the instrument is not in the catalogue.
    """
    spec = instrument(instrument_name)
    low, high = spec.range_midi
    card = VoiceCard(
        instrument=spec.name,
        size=size,
        hidden=HIDDEN[size],
        layers=LAYERS,
        f0_centre_midi=(low + high) / 2,
        training_data="none: random weights",
        licence="Apache-2.0",
    )
    draw = np.random.Generator(np.random.Philox(key=noise_key(seed, f"{spec.name}/{size}")))
    tensors: dict[str, FloatArray] = {}
    for name, shape in VOICE.shapes(card).items():
        if ".1." in name or ".4." in name or name.startswith("norm"):
            tensors[name] = np.full(shape, 1.0 if name.endswith("weight") else 0.0, np.float32)
            continue
        fan_in = shape[-1] if len(shape) > 1 and not name.startswith("gru") else card.hidden
        tensors[name] = (draw.uniform(-1.0, 1.0, shape) / np.sqrt(fan_in)).astype(np.float32)
    for head, bias in _head_biases(spec, card.f0_centre_midi).items():
        tensors[f"{head}.weight"] *= np.float32(HEAD_SCALE)
        tensors[f"{head}.bias"] = bias.astype(np.float32)
    digest = hashlib.sha256(b"".join(tensors[name].tobytes() for name in sorted(tensors))).hexdigest()
    return VoiceWeights(card=card.model_copy(update={"weights_sha256": digest}), tensors=tensors)


def _head_biases(spec: InstrumentSpec, centre_midi: float) -> dict[str, NDArray[np.float64]]:
    harmonics = power_spectrum(spec.brightness)
    centre_hz = np.array([440.0 * 2.0 ** ((centre_midi - 69.0) / 12.0)], np.float32)
    return {
        "amplitude_head": _logit(unit_amplitude(centre_hz, harmonics) / LOUDNESS_GAIN),
        "harmonic_head": _logit(harmonics / harmonics.max()),
        "noise_head": _logit(unit_noise(spec.noise_db) / LOUDNESS_GAIN) + 4.0,
    }


def _logit(level: FloatArray) -> NDArray[np.float64]:
    """Inverse of `exp_sigmoid`: the output of a head that gives `level`, 0..2."""
    share = np.power(np.clip(level.astype(np.float64), 1e-6, 1.9) / 2.0, 1.0 / np.log(10.0))
    return np.asarray(np.log(share / (1.0 - share)))

"""The trained voice on a CPU: `NeuralSynthesizer` (network.py) as compiled kernels over the checkpoint's own arrays.

Sums run in one fixed order and vectors lie along the outputs, so the same machine gives the same bytes however a
performance is cut into blocks.
"""

from __future__ import annotations

import math

import numpy as np

from ensemble.play.controls import LOUDNESS_GAIN, Controls, loudness_gain
from ensemble.play.kernels import kernel
from ensemble.play.voice_file import VoiceWeights
from ensemble.types.music import FloatArray

_NORM_EPSILON = 1e-5
_TINY = 1e-20
"""Memory below this is set to zero: numbers near the smallest float are slow, and inaudible."""


@kernel
def tanh32(x: np.float32) -> np.float32:
    """Hyperbolic tangent in float32, to 2e-7, without a table or a branch: Lambert's fraction of x/4, doubled twice."""
    quarter = np.float32(0.25) * np.float32(min(max(x, np.float32(-9.2)), np.float32(9.2)))
    square = quarter * quarter
    above = np.float32(10395.0) + square * (np.float32(1260.0) + square * np.float32(21.0))
    below = np.float32(10395.0) + square * (np.float32(4725.0) + square * (np.float32(210.0) + square))
    t = quarter * above / below
    t = (t + t) / (np.float32(1.0) + t * t)
    return np.float32((t + t) / (np.float32(1.0) + t * t))


@kernel
def accumulate(sums: FloatArray, values: FloatArray, weight: FloatArray) -> None:
    """sums[f] += values[f] @ weight, four inputs at a time.  [frames, out], [frames, in], [in, out]"""
    num_frames, num_in = values.shape
    whole = num_in - num_in % 4
    for i in range(0, whole, 4):
        w0, w1, w2, w3 = weight[i], weight[i + 1], weight[i + 2], weight[i + 3]
        for frame in range(num_frames):
            row = sums[frame]
            v0, v1, v2, v3 = values[frame, i], values[frame, i + 1], values[frame, i + 2], values[frame, i + 3]
            for j in range(len(row)):
                row[j] += v0 * w0[j] + v1 * w1[j] + v2 * w2[j] + v3 * w3[j]
    for i in range(whole, num_in):
        w0 = weight[i]
        for frame in range(num_frames):
            row, v0 = sums[frame], values[frame, i]
            for j in range(len(row)):
                row[j] += v0 * w0[j]


@kernel
def dense(inputs: FloatArray, weight: FloatArray, bias: FloatArray) -> FloatArray:
    """A linear layer.  inputs [frames, in], weight [in, out], bias [out] -> [frames, out]"""
    outputs = np.empty((len(inputs), len(bias)), np.float32)
    for frame in range(len(inputs)):
        outputs[frame] = bias
    accumulate(outputs, inputs, weight)
    return outputs


@kernel
def normalise(rows: FloatArray, gain: FloatArray, bias: FloatArray, bend: bool) -> None:
    """Layer normalisation in place, then GELU (its tanh form) where `bend`.  [frames, hidden]"""
    num_frames, width = rows.shape
    for frame in range(num_frames):
        row = rows[frame]
        mean = 0.0
        for j in range(width):
            mean += row[j]
        mean /= width
        variance = 0.0
        for j in range(width):
            variance += (row[j] - mean) ** 2
        scale = np.float32(1.0 / math.sqrt(variance / width + _NORM_EPSILON))
        centre = np.float32(mean)
        for j in range(width):
            row[j] = (row[j] - centre) * scale * gain[j] + bias[j]
        if bend:
            for j in range(width):
                x = row[j]
                inner = np.float32(0.7978845608) * (x + np.float32(0.044715) * x * x * x)
                row[j] = np.float32(0.5) * x * (np.float32(1.0) + tanh32(inner))


@kernel
def gru_layer(gates: FloatArray, weight: FloatArray, bias: FloatArray, hidden: FloatArray) -> FloatArray:
    """One recurrent layer of all voices; `hidden` is carried forward in place.

    Args:
        gates: what the inputs say to the reset, update and new gates.  [voices, frames, 3 * hidden]
        weight: from the memory to the gates.  [hidden, 3 * hidden]
        bias: of the same.  [3 * hidden]
        hidden: the memories.  [voices, hidden]

    Returns:
        [voices, frames, hidden].

    Source: Cho et al., 2014 (arXiv:1406.1078), in the form of torch.nn.GRU.
    """
    num_voices, width = hidden.shape
    num_frames = gates.shape[1]
    outputs = np.empty((num_voices, num_frames, width), np.float32)
    recurrent = np.empty((num_voices, 3 * width), np.float32)
    half = np.float32(0.5)
    for frame in range(num_frames):
        for voice in range(num_voices):
            recurrent[voice] = bias
        accumulate(recurrent, hidden, weight)
        for voice in range(num_voices):
            said, kept, memory = gates[voice, frame], recurrent[voice], hidden[voice]
            row = outputs[voice, frame]
            for j in range(width):
                reset = half + half * tanh32(half * (said[j] + kept[j]))
                update = half + half * tanh32(half * (said[width + j] + kept[width + j]))
                new = tanh32(said[2 * width + j] + reset * kept[2 * width + j])
                row[j] = new + update * (memory[j] - new)
            for j in range(width):
                memory[j] = row[j]
    for voice in range(num_voices):
        memory = hidden[voice]
        for j in range(width):
            if abs(memory[j]) < _TINY:
                memory[j] = np.float32(0.0)
    return outputs


def exp_sigmoid(x: FloatArray) -> FloatArray:
    """Positive levels from the heads: 2 * sigmoid(x)^ln 10 + 1e-7.

    Source: Engel et al., DDSP, ICLR 2020 (arXiv:2001.04643), equation 5.
    """
    softplus = np.log1p(np.exp(-np.clip(x, np.float32(-40.0), np.float32(40.0))))
    levels: FloatArray = np.float32(2.0) * np.exp(np.float32(-math.log(10.0)) * softplus) + np.float32(1e-7)
    return levels


class NeuralVoice:
    """A checkpoint that plays."""

    def __init__(self, voice: VoiceWeights) -> None:
        self._card = voice.card
        self.inharmonicity, self.fundamental = voice.card.inharmonicity, voice.card.fundamental
        tensors = voice.tensors

        def linear(name: str) -> tuple[FloatArray, FloatArray]:
            return np.ascontiguousarray(tensors[f"{name}.weight"].T), tensors[f"{name}.bias"]

        def norm(name: str) -> tuple[FloatArray, FloatArray]:
            return tensors[f"{name}.weight"], tensors[f"{name}.bias"]

        def gru(side: str, layer: int) -> tuple[FloatArray, FloatArray]:
            weight, bias = tensors[f"gru.weight_{side}_l{layer}"], tensors[f"gru.bias_{side}_l{layer}"]
            return np.ascontiguousarray(weight.T), bias

        self._mlps = {
            feature: [(linear(f"{feature}.{step}"), norm(f"{feature}.{step + 1}")) for step in (0, 3)]
            for feature in ("f0_mlp", "loudness_mlp")
        }
        self._layers = [(gru("ih", layer), gru("hh", layer)) for layer in range(voice.card.layers)]
        self._norm = norm("norm")
        heads = [linear(name) for name in ("amplitude_head", "harmonic_head", "noise_head")]
        self._heads = tuple(np.ascontiguousarray(np.concatenate(each, axis=-1)) for each in zip(*heads, strict=True))

    def hidden(self) -> FloatArray:
        """The memory of one voice before its first frame.  [layers, hidden]"""
        return np.zeros((self._card.layers, self._card.hidden), np.float32)

    def controls(self, f0_hz: FloatArray, loudness_db: FloatArray, hidden: FloatArray) -> tuple[Controls, FloatArray]:
        """See `Voice.controls`."""
        card, after = self._card, np.empty_like(hidden)
        pitch_midi = 69.0 + 12.0 * np.log2(np.maximum(f0_hz, 1.0) / 440.0)
        pitch = np.where(f0_hz > 0, (pitch_midi - card.f0_centre_midi) / card.f0_scale_midi, 0.0)
        loudness = (loudness_db - card.loudness_centre_db) / card.loudness_scale_db
        features = np.stack([pitch, loudness], axis=-1).astype(np.float32).reshape(-1, 2)

        flow = np.concatenate(
            [self._mlp("f0_mlp", features[:, :1]), self._mlp("loudness_mlp", features[:, 1:])], axis=1
        )
        for layer, (from_below, from_memory) in enumerate(self._layers):
            memory = hidden[:, layer].copy()
            gates = dense(flow, *from_below).reshape(*f0_hz.shape, -1)
            flow = gru_layer(gates, *from_memory, memory).reshape(len(features), -1)
            after[:, layer] = memory
        normalise(flow, *self._norm, False)
        heads = dense(np.concatenate([flow, features], axis=1), *self._heads)
        heads[:, 1 + card.num_harmonics :] -= np.float32(4.0)
        levels = exp_sigmoid(heads).reshape(*f0_hz.shape, -1)

        gain = np.float32(LOUDNESS_GAIN) * loudness_gain(loudness_db)
        harmonics = levels[..., 1 : 1 + card.num_harmonics]
        shaped = Controls(
            f0_hz=f0_hz,
            amplitude=levels[..., 0] * gain,
            harmonics=harmonics / harmonics.sum(axis=-1, keepdims=True),
            noise=levels[..., 1 + card.num_harmonics :] * gain[..., None],
        )
        return shaped, after

    def _mlp(self, feature: str, values: FloatArray) -> FloatArray:
        for (weight, bias), (gain, shift) in self._mlps[feature]:
            values = dense(np.ascontiguousarray(values), weight, bias)
            normalise(values, gain, shift, True)
        return values

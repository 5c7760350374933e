"""Voices and synthesizer on torch, for a GPU; they compute the same as the CPU kernels."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from ensemble.clock import hop_samples
from ensemble.errors import ConfigError
from ensemble.play import torch_synth
from ensemble.play.controls import Controls
from ensemble.play.inharmonicity import Inharmonicity
from ensemble.play.noise import reach_samples, white_noise
from ensemble.play.voice_file import VoiceWeights
from ensemble.play.voice_network import NeuralSynthesizer
from ensemble.types.music import FloatArray


@cache
def cuda_device() -> torch.device:
    """The GPU, with arithmetic set to full float32 precision.

    Raises:
        ConfigError: torch finds no GPU.
    """
    if not torch.cuda.is_available():
        raise ConfigError("device", "is cuda, but torch sees no GPU", "set the follower's device to auto or cpu")
    torch.backends.cuda.matmul.allow_tf32 = False  # its 10-bit mantissas would audibly change the voice
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    return torch.device("cuda")


class TorchVoice:
    """A trained voice on a torch device; see `controls.ControlModel`."""

    def __init__(self, voice: VoiceWeights, device: torch.device) -> None:
        self._network = NeuralSynthesizer.from_weights(voice).to(device).eval()
        self._device = device
        self.inharmonicity, self.fundamental = voice.card.inharmonicity, voice.card.fundamental

    def hidden(self) -> FloatArray:
        """The hidden state before the first frame.  [layers, hidden]"""
        return np.zeros((self._network.card.layers, self._network.card.hidden), np.float32)

    @torch.inference_mode()
    def controls(self, f0_hz: FloatArray, loudness_db: FloatArray, hidden: FloatArray) -> tuple[Controls, FloatArray]:
        """See `ControlModel.controls`."""
        inputs = (torch.tensor(f0_hz), torch.tensor(loudness_db), torch.tensor(hidden).transpose(0, 1).contiguous())
        outputs = self._network(*(tensor.to(self._device) for tensor in inputs))
        amplitude, harmonics, noise, after = (tensor.cpu().numpy() for tensor in outputs)
        shaped = Controls(f0_hz=f0_hz, amplitude=amplitude, harmonics=harmonics, noise=noise)
        return shaped, np.ascontiguousarray(after.swapaxes(0, 1))


class TorchSynthesizer:
    """The synthesizer on a torch device; see `pitched.Synthesizer`."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    @torch.inference_mode()
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
        arrays = (f0_start_hz, f0_stop_hz, amplitudes, phase_cycles)
        start, stop, levels, phase = (torch.tensor(array).to(self._device) for array in arrays)
        voices, after = torch_synth.harmonic_bank(start, stop, levels, phase, sample_rate, inharmonicity)
        return voices.sum(dim=0).cpu().numpy(), after.cpu().numpy()

    @torch.inference_mode()
    def noise(self, magnitudes: FloatArray, key: NDArray[np.uint64], start_sample: int, sample_rate: int) -> FloatArray:
        """See `noise.filtered_noise`; the white noise is the same."""
        reach = reach_samples(sample_rate)
        num_samples = (len(magnitudes) - 1) * hop_samples(sample_rate) + 2 * reach
        white = white_noise(key, start_sample - reach, num_samples)
        levels, source = (torch.tensor(array[None]).to(self._device) for array in (magnitudes, white))
        samples: FloatArray = torch_synth.filtered_noise(levels, source, sample_rate)[0].cpu().numpy()
        return samples

"""The instrument's network: pitch and loudness in, amplitude, harmonics and noise out. Trains; plays on a GPU."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

from ensemble.play.controls import LOUDNESS_GAIN
from ensemble.play.voice_file import VoiceCard, VoiceWeights
from ensemble.types.music import SILENCE_DB


def exp_sigmoid(x: Tensor) -> Tensor:
    """Positive levels: 2 * sigmoid(x)^ln 10 + 1e-7. Source: Engel et al., DDSP (arXiv:2001.04643), equation 5."""
    return 2.0 * torch.exp(math.log(10.0) * nn.functional.logsigmoid(x)) + 1e-7


def _mlp(hidden: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(1, hidden), nn.LayerNorm(hidden), nn.GELU(approximate="tanh"),
        nn.Linear(hidden, hidden), nn.LayerNorm(hidden), nn.GELU(approximate="tanh"),
    )  # fmt: skip


class NeuralSynthesizer(nn.Module):
    """Two MLPs, a stacked GRU, and heads that see the inputs once more.

    The network decides a gain on top of the loudness asked for, at most `2 * LOUDNESS_GAIN`: silence in is silence
    out, and dynamics it was never trained on still come out as dynamics.
    """

    def __init__(self, card: VoiceCard) -> None:
        super().__init__()
        self.card = card
        self.f0_mlp = _mlp(card.hidden)
        self.loudness_mlp = _mlp(card.hidden)
        self.gru = nn.GRU(2 * card.hidden, card.hidden, card.layers, batch_first=True)
        self.norm = nn.LayerNorm(card.hidden)
        self.amplitude_head = nn.Linear(card.hidden + 2, 1)
        self.harmonic_head = nn.Linear(card.hidden + 2, card.num_harmonics)
        self.noise_head = nn.Linear(card.hidden + 2, card.num_bands)

    @classmethod
    def from_weights(cls, voice: VoiceWeights) -> NeuralSynthesizer:
        """The network of a checkpoint."""
        network = cls(voice.card)
        network.load_state_dict({name: torch.from_numpy(tensor.copy()) for name, tensor in voice.tensors.items()})
        return network

    def forward(
        self, f0_hz: Tensor, loudness_db: Tensor, hidden: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Shape some frames.

        Args:
            f0_hz: 0 only while nothing has sounded yet.  [batch, frames]
            loudness_db: A-weighted; silent at `SILENCE_DB`.  [batch, frames]
            hidden: the memory before them, zeros when absent.  [layers, batch, hidden]

        Returns:
            amplitude [batch, frames]; harmonics [batch, frames, num_harmonics], rows sum to 1;
            noise [batch, frames, num_bands]; the memory after.
        """
        card = self.card
        pitch_midi = 69.0 + 12.0 * torch.log2(f0_hz.clamp(min=1.0) / 440.0)
        pitch = torch.where(f0_hz > 0, (pitch_midi - card.f0_centre_midi) / card.f0_scale_midi, 0.0)
        loudness = (loudness_db - card.loudness_centre_db) / card.loudness_scale_db
        features = torch.stack([pitch, loudness], dim=-1)
        flow = torch.cat([self.f0_mlp(features[..., :1]), self.loudness_mlp(features[..., 1:])], dim=-1)
        flow, after = self.gru(flow, hidden)
        flow = torch.cat([self.norm(flow), features], dim=-1)

        gain = torch.where(loudness_db > SILENCE_DB, LOUDNESS_GAIN * 10.0 ** (loudness_db / 20.0), 0.0)
        levels = exp_sigmoid(self.harmonic_head(flow))
        harmonics = levels / levels.sum(dim=-1, keepdim=True)
        amplitude = exp_sigmoid(self.amplitude_head(flow)).squeeze(-1) * gain
        noise = exp_sigmoid(self.noise_head(flow) - 4.0) * gain.unsqueeze(-1)
        return amplitude, harmonics, noise, cast("Tensor", after)

"""The causal listener in torch, for training: the same tensors, by the same names, as `listen.causal_network`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ensemble.listen.causal_features import NUM_RISES, NUM_STEPS, ROW_STEPS, STEPS_PER_SEMITONE


class ListenerNet(nn.Module):
    """Reads what lies above each of twelve roots by one network, so that a chord is as well known in every key.

    Args:
        hidden: width.
        num_qualities: of the chords that are told apart.
        dropout: share of what is read that is left out in training.
    """

    def __init__(self, hidden: int, num_qualities: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.read = nn.Linear(ROW_STEPS, hidden)
        self.harmony = nn.GRU(hidden, hidden, batch_first=True)
        self.quality = nn.Linear(hidden, num_qualities)
        self.no_chord = nn.Linear(hidden + 1, 1)
        self.read_rhythm = nn.Linear(hidden + 1 + NUM_RISES, hidden)
        self.rhythm = nn.GRU(hidden, hidden, batch_first=True)
        self.beat = nn.Linear(hidden, 2)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the chords, by root and quality and of none; and of a beat and a downbeat.

        Args:
            features: [batch, frames, NUM_FEATURES]

        Returns:
            [batch, frames, 12 * num_qualities + 1], [batch, frames, 2]
        """
        batch, frames, _ = features.shape
        rows = features[..., :NUM_STEPS].unfold(-1, ROW_STEPS, STEPS_PER_SEMITONE)  # from LOWEST_MIDI up
        read = self.dropout(torch.tanh(self.read(rows))).transpose(1, 2).reshape(12 * batch, frames, -1)
        heard = self.harmony(read)[0].reshape(batch, 12, frames, -1).transpose(1, 2)
        level_and_rises = features[..., NUM_STEPS:]
        together = heard.mean(dim=2)
        none = self.no_chord(torch.cat([together, level_and_rises[..., :1]], dim=-1))
        chords = torch.cat([self.quality(self.dropout(heard)).flatten(2), none], dim=-1)
        struck = torch.tanh(self.read_rhythm(torch.cat([together, level_and_rises], dim=-1)))
        return chords, self.beat(self.rhythm(struck)[0])

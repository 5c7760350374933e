"""An arranger in torch, for training: the same tensors, by the same names, as `conduct.arranger_network`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ensemble.conduct.arranger_features import NUM_ACTIONS, NUM_INPUTS


class ArrangerNet(nn.Module):
    """Reads half beats, remembers, and says what comes: an action, and a tone if it is a stroke.

    Args:
        hidden: width.
        dropout: share of what is read that is left out in training.
    """

    def __init__(self, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.read = nn.Linear(NUM_INPUTS, hidden)
        self.memory = nn.GRU(hidden, hidden, batch_first=True)
        self.action = nn.Linear(hidden, NUM_ACTIONS)
        self.tone = nn.Linear(hidden, 12)
        self.dropout = nn.Dropout(dropout)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the actions and of the tones.  [batch, steps, NUM_INPUTS] -> [.., 3], [.., 12]"""
        remembered, _ = self.memory(self.dropout(torch.tanh(self.read(inputs))))
        remembered = self.dropout(remembered)
        return self.action(remembered), self.tone(remembered)

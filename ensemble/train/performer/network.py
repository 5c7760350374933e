"""A performer in torch, for training: the same tensors, by the same names, as `conduct.performer_network`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ensemble.conduct.performer_file import GRID, NUM_CURVES, NUM_MANNER, NUM_READ
from ensemble.conduct.performer_inputs import NUM_CONTEXT, NUM_PROGRESS
from ensemble.conduct.performer_network import LEAST_LOG, MOST_LOG, WIDEST


class PerformerNet(nn.Module):
    """Foretells how a note is played, and its curves.

    Args:
        hidden: width.
        quantiles: of the figures of the notes that are learned from.  [NUM_MANNER, len(GRID)]
    """

    quantiles: Tensor

    def __init__(self, hidden: int, quantiles: Tensor) -> None:
        super().__init__()
        self.read = nn.Linear(NUM_CONTEXT, NUM_READ)
        self.mean, self.spread = nn.Linear(NUM_READ, NUM_MANNER), nn.Linear(NUM_READ, NUM_MANNER)
        self.after = nn.Parameter(torch.zeros(NUM_MANNER, NUM_MANNER))
        self.keep = nn.Parameter(torch.full((2,), 2.0))
        self.memory = nn.GRU(NUM_CONTEXT + NUM_MANNER + NUM_PROGRESS, hidden, batch_first=True)
        self.curves = nn.Linear(hidden, NUM_CURVES)
        self.register_buffer("quantiles", quantiles.reshape(NUM_MANNER, len(GRID)))

    def manner(self, context: Tensor, manner: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the deviation of every figure, given those before it.

        Args:
            context: [notes, NUM_CONTEXT]
            manner: in standard deviations, 0 where a note has none.  [notes, NUM_MANNER]
        """
        read = torch.tanh(self.read(context))
        mean = self.mean(read) + manner @ torch.tril(self.after, -1).T
        return mean, self.spread(read).clamp(LEAST_LOG, MOST_LOG)

    @torch.no_grad()
    def foretold(self, context: Tensor) -> Tensor:
        """The mean of every figure, each given the means of those before it, in standard deviations.

        Args:
            context: [notes, NUM_CONTEXT]
        """
        figures = torch.zeros(len(context), NUM_MANNER)
        for at in range(NUM_MANNER):
            figures[:, at] = self.manner(context, figures)[0][:, at]
        return figures.clamp(-WIDEST, WIDEST)

    def forward(self, context: Tensor, manner: Tensor, progress: Tensor) -> Tensor:
        """Level, bend, depth of the vibrato, and how far level and bend stray, as the network counts them.

        Args:
            context: [notes, NUM_CONTEXT]
            manner: [notes, NUM_MANNER]
            progress: [notes, frames, NUM_PROGRESS]

        Returns:
            [notes, frames, NUM_CURVES]
        """
        of_note = torch.cat([context, manner], dim=1)[:, None].expand(-1, progress.shape[1], -1)
        remembered, _ = self.memory(torch.cat([of_note, progress], dim=2))
        answer: Tensor = self.curves(remembered)
        return answer

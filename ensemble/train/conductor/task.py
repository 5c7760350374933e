"""A conductor's training as a Lightning module: one step, and a try on what is held out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ensemble.conduct.conductor_file import MEDIAN, QUANTILES
from ensemble.conduct.conductor_network import UNIT_DB
from ensemble.train.conductor.crops import ConductorCrop
from ensemble.train.conductor.network import ConductorNet
from ensemble.train.conductor.settings import TrainConductorSettings
from ensemble.train.pace import annealing
from ensemble.train.trainer import FitTask
from ensemble.types.music import DRUM_CLASSES


def pinball_loss(levels: Tensor, target: Tensor, is_playing: Tensor) -> Tensor:
    """Mean over what is played of the quantiles' loss: a quantile q pays q above itself and 1 - q below.

    Args:
        levels: [..., frames, quantiles].
        target: [..., frames].
        is_playing: 1 where the target counts.  [..., frames]

    Source: Koenker and Bassett, Regression Quantiles, Econometrica 46 (1978), equation 2.
    """
    shares = torch.tensor(QUANTILES, device=levels.device)
    above = target[..., None] - levels
    cost = torch.maximum(shares * above, (shares - 1) * above).sum(dim=-1)
    return (cost * is_playing).sum() / is_playing.sum().clamp(min=1.0)


def stroke_loss(answer: Tensor, batch: ConductorCrop) -> Tensor:
    """Cross entropy of the strokes on drummers' sixteenths, and squared error of the velocity of those struck."""
    logits, velocity = answer[..., : len(DRUM_CLASSES)], answer[..., len(DRUM_CLASSES) :].sigmoid()
    on_grid, struck = batch["is_grid"][..., None], batch["strokes"]
    surprise = nn.functional.binary_cross_entropy_with_logits(logits, struck, reduction="none")
    missed = torch.square(velocity - batch["velocity"]) * struck
    return ((surprise + missed) * on_grid).sum() / (on_grid.sum() * len(DRUM_CLASSES)).clamp(min=1.0)


class ConductorTask(FitTask[TrainConductorSettings, ConductorNet]):
    """Teaches one conductor."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam with decoupled decay; its rate is set before every step."""
        settings = self.settings
        return torch.optim.AdamW(
            self.network.parameters(), settings.learning_rate, betas=(0.9, 0.98), weight_decay=settings.weight_decay
        )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the card: a run that goes on does not need the conductor it began with."""
        checkpoint["card"] = self.network.card.model_dump(mode="json")

    def rate(self) -> float:
        """Rises over some steps, then falls along a cosine to 0."""
        return self.settings.learning_rate * annealing(self.state, self.settings.rise_steps)

    def training_step(self, batch: ConductorCrop, batch_idx: int) -> Tensor:
        """The loss of one batch."""
        del batch_idx
        levels, strokes = self.network(batch["rows"], batch["summed_up"], batch["ids"])
        loudness = pinball_loss(levels, batch["target"], batch["is_playing"])
        return loudness + stroke_loss(strokes, batch)

    @torch.no_grad()
    def audit(self, batch: ConductorCrop) -> dict[str, float]:
        """Try it on held-out crops.

        Returns:
            held_out: the quantiles' loss and the strokes'; error_db: of the median, mean over what is played;
            coverage: of the 80 % interval, before it is calibrated; strokes: their loss.
        """
        levels, strokes = self.network(batch["rows"], batch["summed_up"], batch["ids"])
        target, playing = batch["target"], batch["is_playing"]
        inside = (target >= levels[..., 0]) & (target <= levels[..., -1])
        count = playing.sum().clamp(min=1.0)
        missed = float(stroke_loss(strokes, batch))
        return {
            "held_out": float(pinball_loss(levels, target, playing)) + missed,
            "error_db": float(((levels[..., MEDIAN] - target).abs() * playing).sum() / count) * UNIT_DB,
            "coverage": float((inside * playing).sum() / count),
            "strokes": missed,
        }

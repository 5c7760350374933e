"""A conductor's training as a Lightning module: one step, and a try on what is held out."""

from __future__ import annotations

import math

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from ensemble.conduct.conductor_file import MEDIAN, QUANTILES
from ensemble.conduct.conductor_network import UNIT_DB
from ensemble.train.conductor.crops import ConductorCrop
from ensemble.train.conductor.network import ConductorNet
from ensemble.train.conductor.settings import TrainConductorSettings
from ensemble.train.pace import RunState
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


class ConductorTask(pl.LightningModule):
    """Teaches one network.

    Args:
        settings: of the run.
        network: to start from.
        state: how far the run has come; is kept up to date.
    """

    def __init__(self, settings: TrainConductorSettings, network: ConductorNet, state: RunState) -> None:
        super().__init__()
        self.settings = settings
        self.state = state
        self.network = network

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam with decoupled decay; its rate is set before every step."""
        settings = self.settings
        return torch.optim.AdamW(
            self.network.parameters(), settings.learning_rate, betas=(0.9, 0.98), weight_decay=settings.weight_decay
        )

    def on_train_batch_start(self, batch: ConductorCrop, batch_idx: int) -> None:
        """Set the learning rate: it rises over some steps, then falls along a cosine to 0."""
        del batch, batch_idx
        optimizer = self.optimizers()
        assert isinstance(optimizer, torch.optim.Optimizer)  # noqa: S101  one optimiser: narrows the type
        rise = min(1.0, (self.state.step + 1) / max(self.settings.rise_steps, 1))
        fall = 0.5 * (1.0 + math.cos(math.pi * min(done_share(self.state, self.settings), 1.0)))
        for group in optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * rise * fall

    def training_step(self, batch: ConductorCrop, batch_idx: int) -> Tensor:
        """The loss of one batch."""
        del batch_idx
        levels, strokes = self.network(batch["rows"], batch["summed_up"], batch["seats"])
        loudness = pinball_loss(levels, batch["target"], batch["is_playing"])
        return loudness + stroke_loss(strokes, batch)

    @torch.no_grad()
    def audit(self, batch: ConductorCrop) -> dict[str, float]:
        """Try it on held-out crops.

        Returns:
            held_out: the quantiles' loss and the strokes'; error_db: of the median, mean over what is played;
            coverage: of the 80 % interval, before it is calibrated; strokes: their loss.
        """
        moved = {name: tensor.to(self.device) for name, tensor in batch.items()}  # type: ignore[attr-defined]
        levels, strokes = self.network(moved["rows"], moved["summed_up"], moved["seats"])
        target, playing = moved["target"], moved["is_playing"]
        inside = (target >= levels[..., 0]) & (target <= levels[..., -1])
        count = playing.sum().clamp(min=1.0)
        missed = float(stroke_loss(strokes, moved))  # type: ignore[arg-type]
        return {
            "held_out": float(pinball_loss(levels, target, playing)) + missed,
            "error_db": float(((levels[..., MEDIAN] - target).abs() * playing).sum() / count) * UNIT_DB,
            "coverage": float((inside * playing).sum() / count),
            "strokes": missed,
        }


def done_share(state: RunState, settings: TrainConductorSettings) -> float:
    """0 at the start, 1 where steps or minutes are used up."""
    return max(state.step / settings.max_steps, state.seconds / 60.0 / settings.max_minutes)

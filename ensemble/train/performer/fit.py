"""Train a performer on the takes of one instrument."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate

from ensemble.conduct.performer_file import PERFORMER, PerformerCard
from ensemble.conduct.performer_network import BEND_CENTS, DEPTH_CENTS, LEAST_LOG, LEVEL_DB, MOST_LOG
from ensemble.errors import DataError
from ensemble.events import unheard
from ensemble.train.pace import OnStep, Row, annealing
from ensemble.train.performer.crops import NoteCrop, NoteDataset, crop_of, notes_of, quantiles_of
from ensemble.train.performer.material import PlayedTake, licence_of
from ensemble.train.performer.network import PerformerNet
from ensemble.train.performer.settings import TrainPerformerSettings
from ensemble.train.trainer import FitResult, FitTask, check_folder, fit
from ensemble.types.instruments import instrument

_RISE_STEPS = 30
_MOST_HELD_OUT = 240
_LEVEL_UNIT_DB, _BEND_UNIT_CENTS = 3.0, 5.0
"""Errors that count alike."""
_STRAYS_MOST = 6.0
_USUAL_FRAMES = 50
_STRAY_SHARE, _MANNER_SHARE = 0.05, 0.2


class PerformerTask(FitTask[TrainPerformerSettings, PerformerNet]):
    """Teaches one network how notes are played, and the curves of notes that are played so."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam with decoupled decay."""
        rate, decay = self.settings.learning_rate, self.settings.weight_decay
        return torch.optim.AdamW(self.network.parameters(), rate, weight_decay=decay)

    def rate(self) -> float:
        """Rises, then falls along a cosine."""
        return self.settings.learning_rate * annealing(self.state, _RISE_STEPS)

    def training_step(self, batch: NoteCrop, batch_idx: int) -> Tensor:
        """The loss of one batch."""
        del batch_idx
        return sum(losses(self.network, batch).values(), torch.zeros(()))

    @torch.no_grad()
    def audit(self, batch: NoteCrop) -> dict[str, float]:
        """The loss of held-out notes, and the mean error of their level and bend when their manner is known."""
        parts = {name: float(value) for name, value in losses(self.network, batch).items()}
        return {
            "held_out": sum(parts.values()), "level_db": parts["level"] * _LEVEL_UNIT_DB,
            "bend_cents": parts["bend"] * _BEND_UNIT_CENTS,
        }  # fmt: skip


def losses(network: PerformerNet, crop: NoteCrop) -> dict[str, Tensor]:
    """What is wrong with level, bend and vibrato, how surprising what strays is, and how surprising the manner."""
    longest = int(crop["curves"][..., -1].sum(dim=1).max())
    foretold = crop["is_foretold"][:, None]
    shown = torch.where(foretold > 0, network.foretold(crop["context"]), crop["manner"])
    answer = network(crop["context"], shown, crop["progress"][:, :longest])
    level, bend, depth, has_pitch, is_inside = crop["curves"][:, :longest].unbind(dim=2)
    off_db, off_cents = level - LEVEL_DB * answer[..., 0], bend - BEND_CENTS * answer[..., 1]
    off_depth = depth - DEPTH_CENTS * answer[..., 2].clamp(min=0.0) + torch.relu(-answer[..., 2])
    strays = [
        _surprise(off.detach(), answer[..., 3 + at], network.keep[at], inside * (1.0 - foretold))
        for at, (off, inside) in enumerate(((off_db, is_inside), (off_cents, has_pitch)))
    ]
    known = crop["is_known"]
    mean, spread = network.manner(crop["context"], crop["manner"] * known)
    manner = 0.5 * ((crop["manner"] - mean) / spread.exp()) ** 2 + spread
    return {
        "level": _mean(off_db.abs(), is_inside) / _LEVEL_UNIT_DB,
        "bend": _mean(off_cents.abs(), has_pitch) / _BEND_UNIT_CENTS,
        "depth": _mean(off_depth.abs(), has_pitch) / _BEND_UNIT_CENTS,
        "stray": _STRAY_SHARE * (strays[0] + strays[1]),
        "manner": _MANNER_SHARE * _mean(manner, known),
    }


def _surprise(off: Tensor, log_deviation: Tensor, keep: Tensor, inside: Tensor) -> Tensor:
    """How surprising deviations are that move on smoothly, in nats a note of usual length; every frame counts alike, in
    long notes as in short ones. See `PerformerNetwork.fresh`.
    """
    kept = torch.sigmoid(keep)
    log_deviation = log_deviation.clamp(LEAST_LOG, MOST_LOG)
    size = off.clamp(-_STRAYS_MOST, _STRAYS_MOST) / log_deviation.exp()
    fresh = (1.0 - kept**2) ** 3 / (1.0 + kept**2)
    new = size[:, 2:] - 2.0 * kept * size[:, 1:-1] + kept**2 * size[:, :-2]
    nats = 0.5 * new**2 / fresh + 0.5 * fresh.log() + log_deviation[:, 2:]
    return (nats * inside[:, 2:] * inside[:, :-2]).sum() / (len(off) * _USUAL_FRAMES)


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum() / weight.sum().clamp(min=1.0)


def fit_performer(
    settings: TrainPerformerSettings,
    name: str,
    takes: Sequence[PlayedTake],
    held_out: Sequence[PlayedTake],
    out: Path,
    *,
    origin: str,
    command: str = "",
    resume: bool = False,
    on_step: OnStep = unheard,
) -> FitResult:
    """Train, and keep the best performer in `out` as `performer.safetensors` with its card.

    Args:
        settings: of the run.
        name: of the instrument.
        takes: to learn from.
        held_out: of other pieces, to stop by.
        out: the run's folder; made if absent. See `fit` for what else lies there.
        origin: where the takes come from, for the card.
        command: for the card.
        resume: go on from the checkpoint that is there; without one, begin.
        on_step: called after every step and every audit.

    Raises:
        DataError: nothing to learn from, or nothing held out; or what is learned is no number.
        ConfigError, OutputError, VoiceError: see `check_folder` and `fit`.
        PerformerError: the weights cannot be written.
    """
    if not takes or not held_out:
        raise DataError("the training and validation splits", f"must both hold {name} playing lines", "add pieces")
    notes, tried = (notes_of(some, instrument(name)) for some in (takes, held_out))
    tried = tried[:_MOST_HELD_OUT]
    minutes = sum(take.num_frames for take in takes) / 6000.0
    identity = f"{origin}: {len(notes)} notes of {name} in {len(takes)} takes, {minutes:.1f} min"
    check_folder(out, settings, identity, resume=resume)
    quantiles = quantiles_of(notes)
    card = PerformerCard(
        instrument=name, hidden=settings.hidden, training_data=identity, licence=licence_of(takes), command=command,
        recipe=f"curves given a note's figures, and the figures given the note's context; seed {settings.seed}",
    )  # fmt: skip
    torch.manual_seed(settings.seed)
    network = PerformerNet(settings.hidden, torch.from_numpy(quantiles.astype(np.float32)))
    chance = np.random.default_rng(0)
    audited: NoteCrop = default_collate([crop_of(note, quantiles, settings.crop_frames, chance) for note in tried])
    return fit(
        PerformerTask(settings, network), NoteDataset(notes, quantiles, settings), audited, out, data=identity,
        model=PERFORMER, card=card, metrics=_metrics, on_step=on_step,
    )  # fmt: skip


def _metrics(row: Row) -> dict[str, float]:
    return {name: round(row[name], 4) for name in ("held_out", "level_db", "bend_cents")} | {"step": int(row["step"])}

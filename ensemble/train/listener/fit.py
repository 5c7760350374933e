"""Train a causal listener on composed pieces."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import default_collate

from ensemble.events import unheard
from ensemble.listen.causal_file import LISTENER, ListenerCard
from ensemble.train.listener.crops import NOT_ASKED, ListenerCrop, ListenerDataset
from ensemble.train.listener.material import ListenerMaterial
from ensemble.train.listener.network import ListenerNet
from ensemble.train.listener.settings import TrainListenerSettings
from ensemble.train.pace import OnStep, Row, annealing
from ensemble.train.trainer import FitResult, FitTask, Team, check_folder, fit

_METRICS = ("chord_nats", "beat_nats", "chords_right", "roots_right")


class ListenerTask(FitTask[TrainListenerSettings, ListenerNet]):
    """Teaches one network which chord sounds, and where beats and bars begin."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam with decoupled decay."""
        rate, decay = self.settings.learning_rate, self.settings.weight_decay
        return torch.optim.AdamW(self.network.parameters(), rate, weight_decay=decay)

    def rate(self) -> float:
        """Rises, then falls along a cosine."""
        return self.settings.learning_rate * annealing(self.state, self.settings.rise_steps)

    def training_step(self, batch: ListenerCrop, batch_idx: int) -> Tensor:
        """The surprise of one batch."""
        del batch_idx
        chords, beats = self.network(batch["features"])
        chord_nats, beat_nats = surprise(chords, beats, batch)
        return chord_nats + self.settings.beat_weight * beat_nats

    @torch.no_grad()
    def audit(self, batch: ListenerCrop) -> dict[str, float]:
        """The surprise of held-out crops, and how many of their frames are told right."""
        chords, beats = self.network(batch["features"])
        chord_nats, beat_nats = (float(one) for one in surprise(chords, beats, batch))
        asked = batch["chords"] != NOT_ASKED
        told, true, num_qualities = chords.argmax(dim=-1)[asked], batch["chords"][asked], len(self.settings.qualities)
        return {
            "held_out": chord_nats + self.settings.beat_weight * beat_nats, "chord_nats": chord_nats,
            "beat_nats": beat_nats, "chords_right": float((told == true).float().mean()),
            "roots_right": float((told // num_qualities == true // num_qualities).float().mean()),
        }  # fmt: skip


def surprise(chords: Tensor, beats: Tensor, crop: ListenerCrop) -> tuple[Tensor, Tensor]:
    """Mean cross entropy, in nats, of the chords and of beats and downbeats together."""
    num_asked = (crop["chords"] != NOT_ASKED).sum().clamp(min=1)
    chord = nn.functional.cross_entropy(
        chords.flatten(0, 1), crop["chords"].flatten(), ignore_index=NOT_ASKED, reduction="sum"
    )
    return chord / num_asked, 2.0 * nn.functional.binary_cross_entropy_with_logits(beats, crop["beats"])


def fit_listener(
    settings: TrainListenerSettings,
    material: ListenerMaterial,
    out: Path,
    *,
    resume: bool = False,
    on_step: OnStep = unheard,
    team: Team | None = None,
) -> FitResult:
    """Train, and keep the best listener in `out` as `listener.safetensors` with its card.

    Args:
        settings: of the run.
        material: see `gather`.
        out: the run's folder; made if absent. See `fit` for what else lies there.
        resume: go on from the checkpoint that is there; without one, begin.
        on_step: called after every step and every audit.
        team: other workers.

    Raises:
        ConfigError, DataError, OutputError, VoiceError: see `check_folder` and `fit`.
        ListenerError: the weights cannot be written.
    """
    identity = material.identity
    check_folder(out, settings, identity, resume=resume)
    card = ListenerCard(
        hidden=settings.hidden, qualities=settings.qualities, training_data=identity, storage="float16",
        licence="; ".join(sorted({piece.licence for piece in material.train})), command=material.command,
        recipe=f"cross entropy of chords, beats and downbeats, seed {settings.seed}",
    )  # fmt: skip
    torch.manual_seed(settings.seed)
    network = ListenerNet(settings.hidden, len(settings.qualities), settings.dropout)
    held_out = ListenerDataset(material.held_out, settings, 2**32 + settings.seed)
    tried: ListenerCrop = default_collate([held_out[item] for item in range(settings.audit_crops)])
    return fit(
        ListenerTask(settings, network), ListenerDataset(material.train, settings, settings.seed), tried, out,
        data=identity, model=LISTENER, card=card, on_step=on_step, team=team,
        metrics=lambda row: {name: round(row[name], 4) for name in _METRICS} | {"step": int(row["step"])},
    )  # fmt: skip


def audit_line(row: Row) -> str:
    """An audit in one line, for people."""
    return f"held out {row['held_out']:.3f}  chords right {row['chords_right']:.2f}, roots {row['roots_right']:.2f}"

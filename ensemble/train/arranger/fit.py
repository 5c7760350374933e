"""Train an arranger on multitrack MIDI."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import default_collate

from ensemble.conduct.arranger_features import KINDS
from ensemble.conduct.arranger_file import ARRANGER, ArrangerCard
from ensemble.errors import DataError
from ensemble.events import unheard
from ensemble.train.arranger.crops import NOT_ASKED, ArrangerCrop, ArrangerDataset, crop_of
from ensemble.train.arranger.material import Lesson
from ensemble.train.arranger.network import ArrangerNet
from ensemble.train.arranger.settings import TrainArrangerSettings
from ensemble.train.pace import OnStep, Row
from ensemble.train.trainer import FitResult, FitTask, check_folder, fit


class ArrangerTask(FitTask[TrainArrangerSettings, ArrangerNet]):
    """Teaches one network to foretell what the part does next."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam with decoupled decay."""
        rate, decay = self.settings.learning_rate, self.settings.weight_decay
        return torch.optim.AdamW(self.network.parameters(), rate, weight_decay=decay)

    def training_step(self, batch: ArrangerCrop, batch_idx: int) -> Tensor:
        """The surprise of one batch."""
        del batch_idx
        action, tone = surprise(self.network, batch)
        return action + tone

    @torch.no_grad()
    def audit(self, batch: ArrangerCrop) -> dict[str, float]:
        """The surprise of held-out lessons: of both together, and of either."""
        action, tone = (float(one) for one in surprise(self.network, batch))
        return {"held_out": action + tone, "action_nats": action, "tone_nats": tone}


def surprise(network: ArrangerNet, crop: ArrangerCrop) -> tuple[Tensor, Tensor]:
    """Mean cross entropy, in nats, of the actions and of the tones of strokes."""
    actions, tones = network(crop["inputs"])
    ask = nn.functional.cross_entropy
    action = ask(actions.flatten(0, 1), crop["actions"].flatten(), ignore_index=NOT_ASKED)
    if not (crop["tones"] != NOT_ASKED).any():
        return action, action.new_zeros(())
    return action, ask(tones.flatten(0, 1), crop["tones"].flatten(), ignore_index=NOT_ASKED)


def fit_arranger(
    settings: TrainArrangerSettings,
    lessons: Sequence[Lesson],
    held_out: Sequence[Lesson],
    out: Path,
    *,
    origin: str,
    licence: str,
    command: str = "",
    resume: bool = False,
    on_step: OnStep = unheard,
) -> FitResult:
    """Train, and keep the best arranger in `out` as `arranger.safetensors` with its card.

    Args:
        settings: of the run.
        lessons: to learn from.
        held_out: of other pieces, to stop by.
        out: the run's folder; made if absent. See `fit` for what else lies there.
        origin: where the lessons come from, for the card.
        licence: of what is learned from them, for the card.
        command: for the card.
        resume: go on from the checkpoint that is there; without one, begin.
        on_step: called after every step and every audit.

    Raises:
        DataError: nothing to learn from, or nothing held out; or what is learned is no number.
        ConfigError, OutputError, VoiceError: see `check_folder` and `fit`.
        ArrangerError: the weights cannot be written.
    """
    if not lessons or not held_out:
        raise DataError("the training and validation splits", "must both hold pieces of several parts", "add pieces")
    amount = f"{len({lesson.piece for lesson in lessons})} pieces, {len(lessons)} pairs of a leader and a part"
    identity = f"{origin}: {amount}"
    check_folder(out, settings, identity, resume=resume)
    kinds = Counter(lesson.kind for lesson in lessons)
    card = ArrangerCard(
        hidden=settings.hidden, kinds=tuple(kind for kind in KINDS if kinds[kind]), training_data=identity,
        licence=licence, recipe=f"cross entropy of actions and tones, seed {settings.seed}", command=command,
    )  # fmt: skip
    torch.manual_seed(settings.seed)
    network = ArrangerNet(settings.hidden, settings.dropout)
    longest = max(len(lesson.roots) for lesson in held_out)
    tried: ArrangerCrop = default_collate([crop_of(lesson, 0, longest) for lesson in held_out])
    return fit(
        ArrangerTask(settings, network), ArrangerDataset(lessons, settings), tried, out, data=identity, model=ARRANGER,
        card=card, metrics=_metrics, on_step=on_step,
    )  # fmt: skip


def _metrics(row: Row) -> dict[str, float]:
    return {name: round(row[name], 4) for name in ("action_nats", "tone_nats")} | {"step": int(row["step"])}

"""Train an arranger on multitrack MIDI: minutes on one core, so a run is begun anew and not resumed."""

from __future__ import annotations

import logging
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ensemble.conduct.arranger_features import KINDS, STRIKE
from ensemble.conduct.arranger_file import ArrangerCard, save_arranger
from ensemble.errors import DataError, OutputError
from ensemble.files.replace import write_output
from ensemble.train.arranger.material import Lesson
from ensemble.train.arranger.network import ArrangerNet
from ensemble.train.arranger.settings import TrainArrangerSettings

ARRANGER = "arranger.safetensors"
NOT_ASKED = -100
"""The tone of what is no stroke, or is a chord: torch leaves it out."""
_FROM_THE_START = 0.15
"""Share of the crops that are a piece's beginning: there it must know what to do with nothing to go on from."""
OnProgress = Callable[[float, str], None]
"""Told the share of the run that is done, and how it stands."""


class ArrangerCrop(NamedTuple):
    """A stretch of a lesson.  inputs [steps, NUM_INPUTS]; actions, tones [steps]: tones counted from the root"""

    inputs: Tensor
    actions: Tensor
    tones: Tensor


def crop_of(lesson: Lesson, start: int, num_steps: int) -> ArrangerCrop:
    """A stretch of a lesson, filled up with what counts for nothing where the lesson ends."""
    inside = slice(start, start + num_steps)
    actions = lesson.line.actions[inside]
    tones = (lesson.line.pitches[inside] - lesson.roots[inside]) % 12
    tones = np.where((actions == STRIKE) & (lesson.kind != "chords"), tones, NOT_ASKED)
    missing = num_steps - len(actions)
    return ArrangerCrop(
        torch.from_numpy(np.pad(lesson.inputs[inside], ((0, missing), (0, 0)))),
        torch.from_numpy(np.pad(actions, (0, missing), constant_values=NOT_ASKED)),
        torch.from_numpy(np.pad(tones, (0, missing), constant_values=NOT_ASKED)),
    )


class ArrangerDataset(Dataset[ArrangerCrop]):
    """Random stretches of random lessons; item i is the same in every process.

    Args:
        lessons: to draw from, each as often as it is long.
        settings: of the run.
    """

    def __init__(self, lessons: Sequence[Lesson], settings: TrainArrangerSettings) -> None:
        self._lessons, self._settings = lessons, settings
        lengths = np.array([len(lesson.roots) for lesson in lessons], np.float64)
        self._share = np.cumsum(lengths / lengths.sum())

    def __len__(self) -> int:
        return self._settings.max_steps * self._settings.batch_size

    def __getitem__(self, item: int) -> ArrangerCrop:
        draw = np.random.Generator(np.random.Philox(key=[self._settings.seed, item])).random(2)
        lesson = self._lessons[min(int(np.searchsorted(self._share, draw[0])), len(self._lessons) - 1)]
        latest = max(len(lesson.roots) - self._settings.crop_steps, 0)
        start = round(max(draw[1] - _FROM_THE_START, 0.0) / (1.0 - _FROM_THE_START) * latest)
        return crop_of(lesson, start, self._settings.crop_steps)


class ArrangerTask(pl.LightningModule):
    """Teaches one network to foretell what the part does next."""

    def __init__(self, settings: TrainArrangerSettings) -> None:
        super().__init__()
        self.settings = settings
        self.network = ArrangerNet(settings.hidden, settings.dropout)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam with decoupled decay."""
        rate, decay = self.settings.learning_rate, self.settings.weight_decay
        return torch.optim.AdamW(self.network.parameters(), rate, weight_decay=decay)

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        """The surprise of one batch."""
        del batch_idx
        action, tone = surprise(self.network, ArrangerCrop(*batch))
        return action + tone


def surprise(network: ArrangerNet, crop: ArrangerCrop) -> tuple[Tensor, Tensor]:
    """Mean cross entropy, in nats, of the actions and of the tones of strokes."""
    actions, tones = network(crop.inputs)
    ask = nn.functional.cross_entropy
    action = ask(actions.flatten(0, 1), crop.actions.flatten(), ignore_index=NOT_ASKED)
    if not (crop.tones != NOT_ASKED).any():
        return action, action.new_zeros(())
    return action, ask(tones.flatten(0, 1), crop.tones.flatten(), ignore_index=NOT_ASKED)


class _Keeper(pl.Callback):
    """Tries the network on held-out lessons, keeps the best, and stops when nothing improves or time is up."""

    def __init__(
        self, card: ArrangerCard, out: Path, held_out: Sequence[Lesson], on_progress: OnProgress | None
    ) -> None:
        self.card, self.out, self.on_progress = card, out, on_progress
        longest = max(len(lesson.roots) for lesson in held_out)
        crops = [crop_of(lesson, 0, longest) for lesson in held_out]
        self._held_out = ArrangerCrop(*(torch.stack(list(column)) for column in zip(*crops, strict=True)))
        self._began_s = time.process_time()
        self._best, self._stale = np.inf, 0
        self._rows: list[str] = ["step,minutes,action_nats,tone_nats"]

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Try, keep and stop where it is time."""
        del outputs, batch
        assert isinstance(pl_module, ArrangerTask)  # noqa: S101  narrows the type for mypy
        settings, step = pl_module.settings, batch_idx + 1
        minutes = (time.process_time() - self._began_s) / 60.0
        share = max(step / settings.max_steps, minutes / settings.max_minutes)
        if step % settings.audit_steps == 0 or share >= 1.0:
            said = self._audit(pl_module.network, step, minutes)
            if self.on_progress is not None:
                self.on_progress(min(share, 1.0), said)
        trainer.should_stop = share >= 1.0 or self._stale >= settings.patience

    @torch.no_grad()
    def _audit(self, network: ArrangerNet, step: int, minutes: float) -> str:
        network.eval()
        action, tone = (float(one) for one in surprise(network, self._held_out))
        network.train()
        self._stale += 1
        if action + tone < self._best:
            self._best, self._stale = action + tone, 0
            metrics = {"action_nats": round(action, 4), "tone_nats": round(tone, 4), "step": step}
            card = self.card.model_copy(update={"metrics": metrics, "training_minutes": round(minutes, 2)})
            save_arranger(self.out / ARRANGER, network.weights(card))
        self._rows.append(f"{step},{minutes:.3f},{action:.5f},{tone:.5f}")
        write_output(self.out / "curve.csv", ("\n".join(self._rows) + "\n").encode(), "make room, then train again")
        return f"step {step}  held out: actions {action:.3f} nats, tones {tone:.3f} nats"


def check_empty(out: Path) -> None:
    """Refuse a folder in which an arranger lies.

    Raises:
        OutputError: one does.
    """
    if (out / ARRANGER).exists():
        raise OutputError(str(out), "holds an arranger already", "name another folder")


def fit_arranger(
    settings: TrainArrangerSettings,
    lessons: Sequence[Lesson],
    held_out: Sequence[Lesson],
    out: Path,
    *,
    origin: str,
    licence: str,
    command: str = "",
    on_progress: OnProgress | None = None,
) -> Path:
    """Train, and keep the best arranger in `out` as `arranger.safetensors` with its card; beside it `curve.csv`.

    Args:
        settings: of the run.
        lessons: to learn from.
        held_out: of other pieces, to stop by.
        out: the run's folder; made if absent.
        origin: where the lessons come from, for the card.
        licence: of what is learned from them, for the card.
        command: for the card.
        on_progress: told how far it is.

    Raises:
        DataError: nothing to learn from, or nothing held out; or what is learned is no number.
        OutputError: the folder holds a run already, or a file cannot be written.
        ArrangerError: the weights cannot be written.
    """
    if not lessons or not held_out:
        raise DataError("the training and validation splits", "must both hold pieces of several parts", "add pieces")
    check_empty(out)
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(settings.seed)
    kinds = Counter(lesson.kind for lesson in lessons)
    amount = f"{len({lesson.piece for lesson in lessons})} pieces, {len(lessons)} pairs of a leader and a part"
    card = ArrangerCard(
        hidden=settings.hidden, kinds=tuple(kind for kind in KINDS if kinds[kind]),
        training_data=f"{origin}: {amount}", licence=licence,
        recipe=f"cross entropy of actions and tones, seed {settings.seed}", command=command,
    )  # fmt: skip
    keeper = _Keeper(card, out, held_out, on_progress)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's advice on loaders, loggers and GPUs
        logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
        trainer = pl.Trainer(
            accelerator="cpu", devices=1, max_epochs=1, gradient_clip_val=settings.clip_norm, callbacks=[keeper],
            logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        trainer.fit(ArrangerTask(settings), DataLoader(ArrangerDataset(lessons, settings), settings.batch_size))
    if not (out / ARRANGER).exists():
        raise DataError("the training", "never came to an answer that is a number", "lower learning_rate")
    return out / ARRANGER

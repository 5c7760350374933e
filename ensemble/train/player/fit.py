"""Train a voice: the same function in one process, and in each worker of a cluster."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch.utils.data import DataLoader, default_collate

from ensemble.errors import ConfigError, DataError, OutputError
from ensemble.play.seeded import seeded_voice
from ensemble.play.voice_file import VoiceWeights
from ensemble.train.checkpoints import CHECKPOINT, check_run, read_state
from ensemble.train.pace import RunState
from ensemble.train.player.analysis import analyse, cached_analysis
from ensemble.train.player.callback import OnProgress, PlayerFitCallback, Team
from ensemble.train.player.crops import PlayerCrop, SynthDataset
from ensemble.train.player.material import PlayerMaterial
from ensemble.train.player.settings import TrainPlayerSettings
from ensemble.train.player.task import PlayerTask
from ensemble.types.instruments import instrument

_MAY_CHANGE = {"device", "max_steps", "max_minutes", "audit_steps", "patience", "checkpoint_minutes"}
"""Where a run computes and how long it may: all other settings are shared by a run and its continuation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitResult:
    """How a run ended."""

    steps: int
    minutes: float
    best_loss: float | None
    best_step: int
    reason: str

    @staticmethod
    def of(state: RunState) -> FitResult:
        """The end of a run, as its last checkpoint tells it."""
        return FitResult(
            steps=state.step,
            minutes=state.seconds / 60.0,
            best_loss=state.best_loss if state.rows else None,
            best_step=state.best_step,
            reason=state.reason,
        )


def fit(
    settings: TrainPlayerSettings,
    material: PlayerMaterial,
    out: Path,
    *,
    resume: bool = False,
    on_progress: OnProgress | None = None,
    team: Team | None = None,
) -> FitResult:
    """Train, and keep the best voice in `out` as `voice.safetensors` with its card.

    Beside it: `checkpoint.safetensors` to go on from, `curve.csv` and `curve.png`, and the analyses.

    Args:
        settings: of the run.
        material: recordings, already split by piece.
        out: the run's folder; made if absent.
        resume: go on from the checkpoint that is there; without one, begin.
        on_progress: called after every step.
        team: other workers.

    Raises:
        ConfigError: there is no such device, or the folder holds a run and `resume` was not said.
        DataError: nothing to learn from, or nothing held out.
        OutputError: a file cannot be written at the start; later ones are tried again at the next interval.
        VoiceError: the checkpoint cannot be gone on from: it is damaged, or the data or the settings were others.
    """
    team = team or Team()
    torch.set_num_threads(1)
    check_folder(out, resume=resume)
    _check(material)
    fingerprint = fingerprint_of(settings) | {"data": material.identity}
    resume_from = out / CHECKPOINT if resume and (out / CHECKPOINT).exists() else None
    if resume_from is not None:
        check_run(resume_from, fingerprint)
    state = RunState(stage="regression" if settings.loss == "multi_scale" else "spectral")
    task = PlayerTask(settings, _starting_voice(settings, material), state)
    keeper = PlayerFitCallback(
        settings, out, _held_out_batch(settings, material), fingerprint, on_progress, team, resume_from
    )
    begun = state if resume_from is None else read_state(resume_from)
    crops = SynthDataset(
        material.train,
        [material.analyses.get(one.name) or cached_analysis(one, out / "analysis") for one in material.train],
        crop_frames=settings.crop_frames,
        warmup_frames=settings.warmup_frames,
        num_items=max(settings.max_steps - begun.step, 0) * settings.batch_size * team.size,
        first_item=begun.step * settings.batch_size * team.size,
        seed=settings.seed,
        changes=settings.augment,
    )
    if not len(crops):
        return FitResult.of(begun)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's advice on loaders, loggers and GPUs
        logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
        _trainer(settings, keeper, team).fit(task, DataLoader(crops, settings.batch_size))
    return FitResult.of(task.state)


def fingerprint_of(settings: TrainPlayerSettings) -> dict[str, str]:
    """What makes a run this one and no other, as far as the settings say."""
    return {name: str(value) for name, value in settings if name not in _MAY_CHANGE}


def check_folder(out: Path, *, resume: bool) -> None:
    """Make the run's folder, or refuse one that holds a run that was not asked to go on.

    Raises:
        ConfigError: it does.
        OutputError: it cannot be made.
    """
    if (out / CHECKPOINT).exists() and not resume:
        raise ConfigError(str(out), "holds a run already", "say --resume to go on, or name another folder")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(str(out), f"cannot be made ({error.strerror})", "name another folder") from error


def _check(material: PlayerMaterial) -> None:
    if not material.train:
        raise DataError("the training split", "holds no take of this instrument", "compose or record more pieces")
    if not material.held_out:
        raise DataError("the validation split", "holds no take of this instrument", "compose or record more pieces")


def _starting_voice(settings: TrainPlayerSettings, material: PlayerMaterial) -> VoiceWeights:
    voice = seeded_voice(settings.seed, instrument(settings.instrument).name, settings.size)
    minutes = sum(recording.num_frames for recording in material.train) / 6000.0
    card = voice.card.model_copy(
        update={
            "trained_sample_rate": settings.sample_rate,
            "training_data": f"{minutes:.1f} min in {len(material.train)} takes: {material.provenance}",
            "licence": material.licence,
            "recipe": f"{settings.loss}, seed {settings.seed}",
            "command": material.command,
            "storage": "float16",
            "weights_sha256": "",
        }
    )
    return VoiceWeights(card=card, tensors=voice.tensors)


def _held_out_batch(settings: TrainPlayerSettings, material: PlayerMaterial) -> PlayerCrop:
    """The crops that every audit listens to: the same ones, unchanged, from all held-out pieces."""
    longest = max(recording.num_frames for recording in material.held_out) - 2
    crops = SynthDataset(
        material.held_out,
        [material.analyses.get(one.name) or analyse(one) for one in material.held_out],
        crop_frames=min(2 * settings.crop_frames, longest),
        warmup_frames=settings.warmup_frames,
        num_items=settings.audit_crops,
        seed=2**32 + settings.seed,
    )
    batch: PlayerCrop = default_collate([crops[item] for item in range(len(crops))])
    return batch


def _trainer(settings: TrainPlayerSettings, keeper: pl.Callback, team: Team) -> pl.Trainer:
    has_gpu = torch.cuda.is_available()
    if settings.device == "cuda" and not has_gpu:
        raise ConfigError("device", "is cuda, but torch sees no GPU", "set it to auto or cpu")
    on_gpu = has_gpu and settings.device != "cpu"
    options: dict[str, Any] = {"devices": 1} | team.options
    return pl.Trainer(
        accelerator="gpu" if on_gpu else "cpu",
        precision="bf16-mixed" if on_gpu and torch.cuda.is_bf16_supported() else "32-true",
        max_epochs=1,
        gradient_clip_val=settings.clip_norm,
        callbacks=[keeper],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )

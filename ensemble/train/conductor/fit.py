"""Train a conductor: the same function in one process, and in each worker of a cluster."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch.utils.data import DataLoader, default_collate

from ensemble.conduct.conductor_features import anchor_db_of, frames_of_ms
from ensemble.conduct.conductor_file import ConductorCard
from ensemble.errors import ConfigError, DataError
from ensemble.train.checkpoints import CHECKPOINT, check_run, read_state
from ensemble.train.conductor.callback import ConductorFitCallback
from ensemble.train.conductor.crops import ConductorCrop, ConductorDataset, LeaderScene, scenes_of
from ensemble.train.conductor.material import ConductorMaterial
from ensemble.train.conductor.network import ConductorNet
from ensemble.train.conductor.regression import regress
from ensemble.train.conductor.settings import TrainConductorSettings
from ensemble.train.conductor.task import ConductorTask
from ensemble.train.pace import RunState
from ensemble.train.player.callback import OnProgress, Team
from ensemble.train.player.fit import FitResult, check_folder
from ensemble.types.instruments import CATALOGUE

BALANCE_LOOK_AHEAD_MS = 100
_MAY_CHANGE = {"device", "max_steps", "max_minutes", "audit_steps", "patience", "checkpoint_minutes"}
"""Where a run computes and how long it may: all other settings are shared by a run and its continuation."""


def fit_conductor(
    settings: TrainConductorSettings,
    material: ConductorMaterial,
    out: Path,
    *,
    resume: bool = False,
    on_progress: OnProgress | None = None,
    team: Team | None = None,
) -> FitResult:
    """Train, and keep the best conductor in `out` as `conductor.safetensors` with its card.

    Beside it: `checkpoint.safetensors` to go on from, and `curve.csv`.

    Args:
        settings: of the run.
        material: pieces, already split.
        out: the run's folder; made if absent.
        resume: go on from the checkpoint that is there; without one, begin.
        on_progress: called after every step.
        team: other workers.

    Raises:
        ConfigError: there is no such device, or the folder holds a run and `resume` was not said.
        DataError: nothing to learn from, or nothing held out.
        OutputError: a file cannot be written.
        VoiceError: the checkpoint cannot be gone on from: it is damaged, or the data or the settings were others.
    """
    team = team or Team()
    torch.set_num_threads(1)
    check_folder(out, resume=resume)
    scenes, held_out = scenes_of(material.train), scenes_of(material.held_out)
    if not scenes or not held_out:
        raise DataError("the training and validation splits", "must both hold pieces of several parts", "add pieces")
    card = starting_card(settings, material, scenes)
    fingerprint = fingerprint_of(settings) | {"data": f"{material.provenance}, {len(scenes)} leaders"}
    resume_from = out / CHECKPOINT if resume and (out / CHECKPOINT).exists() else None
    if resume_from is not None:
        check_run(resume_from, fingerprint)
    begun = RunState() if resume_from is None else read_state(resume_from)
    torch.manual_seed(settings.seed)
    network = ConductorNet(card, settings.dropout)
    regress(network, scenes, settings)
    task = ConductorTask(settings, network, RunState())
    tried = _held_out_batch(held_out, card, settings)
    keeper = ConductorFitCallback(card, out, tried, fingerprint, on_progress, team, resume_from)
    per_step = settings.batch_size * team.size
    crops = ConductorDataset(
        scenes,
        card,
        settings,
        num_items=max(settings.max_steps - begun.step, 0) * per_step,
        first_item=begun.step * per_step,
    )
    if not len(crops):
        return FitResult.of(begun)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's advice on loaders, loggers and GPUs
        logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
        _trainer(settings, keeper, team).fit(task, DataLoader(crops, settings.batch_size))
    return FitResult.of(task.state)


def fingerprint_of(settings: TrainConductorSettings) -> dict[str, str]:
    """What makes a run this one and no other, as far as the settings say."""
    return {name: str(value) for name, value in settings if name not in _MAY_CHANGE}


def starting_card(
    settings: TrainConductorSettings, material: ConductorMaterial, scenes: Sequence[LeaderScene]
) -> ConductorCard:
    """What is known before the first step: whom it will meet, and how loud they usually are."""
    followers = [part for scene in scenes for part in scene.followers]
    minutes = sum(piece.num_frames for piece in material.train) / 1500.0
    amount = f"{minutes:.1f} min in {len(material.train)} pieces, {len(scenes)} leaders"
    return ConductorCard(
        width=settings.width,
        heads=settings.heads,
        layers=settings.layers,
        window=settings.window,
        instruments=tuple(sorted({part.instrument for part in followers})),
        roles=tuple(sorted({part.role for part in followers})),
        balance_db=balance_db(scenes),
        training_data=f"{amount}: {material.provenance}",
        licence=material.licence,
        couples=material.couples,
        does_not_couple=material.does_not_couple,
        held_out_sha256=material.held_out_sha256 or {},
        recipe=f"quantile loss, seed {settings.seed}, crops of {settings.crop_frames / 25:g} s",
        command=material.command,
    )


def balance_db(scenes: Sequence[LeaderScene]) -> dict[str, float]:
    """How far each instrument, and each family, lies from the leader's smoothed loudness: the median."""
    apart: dict[str, list[np.ndarray]] = {}
    for scene in scenes:
        anchor_db = anchor_db_of(scene.rows(frames_of_ms(BALANCE_LOOK_AHEAD_MS), slice(0, scene.num_frames)))
        for part in scene.followers:
            difference = (part.loudness_db - anchor_db)[part.is_playing]
            for name in (part.instrument, CATALOGUE[part.instrument].family):
                apart.setdefault(name, []).append(difference)
    joined = {name: np.concatenate(found) for name, found in sorted(apart.items())}
    return {name: round(float(np.median(found)), 2) if len(found) else 0.0 for name, found in joined.items()}


def _held_out_batch(
    scenes: Sequence[LeaderScene], card: ConductorCard, settings: TrainConductorSettings
) -> ConductorCrop:
    """The crops that every audit tries: the same ones, unchanged; only of instruments that are learned."""
    known = [
        LeaderScene(
            leader=scene.leader,
            followers=tuple(part for part in scene.followers if part.instrument in card.balance_db),
            ahead=scene.ahead,
            placed=scene.placed,
            grids=scene.grids,
            num_frames=scene.num_frames,
        )
        for scene in scenes
    ]
    crops = ConductorDataset(known, card, settings, num_items=settings.audit_crops, changes=False)
    batch: ConductorCrop = default_collate([crops[item] for item in range(len(crops))])
    return batch


def _trainer(settings: TrainConductorSettings, keeper: pl.Callback, team: Team) -> pl.Trainer:
    has_gpu = torch.cuda.is_available()
    if settings.device == "cuda" and not has_gpu:
        raise ConfigError("device", "is cuda, but torch sees no GPU", "set it to auto or cpu")
    options: dict[str, Any] = {"devices": 1} | team.options
    return pl.Trainer(
        accelerator="gpu" if has_gpu and settings.device != "cpu" else "cpu",
        max_epochs=1,
        gradient_clip_val=settings.clip_norm,
        callbacks=[keeper],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )

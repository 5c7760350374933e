"""Train a conductor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import default_collate

from ensemble.conduct.conductor_features import anchor_db_of, frames_of_ms
from ensemble.conduct.conductor_file import CONDUCTOR, ConductorCard
from ensemble.errors import DataError
from ensemble.events import unheard
from ensemble.train.checkpoints import CHECKPOINT, kept_card
from ensemble.train.conductor.crops import MAX_LATE_FRAMES, ConductorCrop, ConductorDataset, LeaderScene, scenes_of
from ensemble.train.conductor.material import ConductorMaterial
from ensemble.train.conductor.network import ConductorNet
from ensemble.train.conductor.regression import regress
from ensemble.train.conductor.settings import TrainConductorSettings
from ensemble.train.conductor.start import continued_card, first_weights, take_over
from ensemble.train.conductor.task import ConductorTask
from ensemble.train.pace import OnStep
from ensemble.train.trainer import FitResult, Team, check_folder, fit
from ensemble.types.instruments import CATALOGUE

BALANCE_LOOK_AHEAD_MS = 100
_METRICS = ("held_out", "error_db", "coverage", "strokes")


def fit_conductor(
    settings: TrainConductorSettings,
    material: ConductorMaterial,
    out: Path,
    *,
    folder: Path = Path(),
    resume: bool = False,
    on_step: OnStep = unheard,
    team: Team | None = None,
) -> FitResult:
    """Train, and keep the best conductor in `out` as `conductor.safetensors` with its card.

    Args:
        settings: of the run.
        material: pieces, already split.
        out: the run's folder; made if absent. See `fit` for what else lies there.
        folder: where a relative path of `settings.start` begins.
        resume: go on from the checkpoint that is there; without one, begin.
        on_step: called after every step and every audit.
        team: other workers.

    Raises:
        DataError: nothing to learn from, or nothing held out.
        ConductorError: the conductor to go on from cannot be read.
        ConfigError: that one is of another size. It, OutputError and VoiceError: see `check_folder` and `fit`.
    """
    scenes, held_out = scenes_of(material.train), scenes_of(material.held_out)
    if not scenes or not held_out:
        raise DataError("the training and validation splits", "must both hold pieces of several parts", "add pieces")
    identity = f"{material.provenance}, {len(scenes)} leaders"
    check_folder(out, settings, identity, resume=resume)
    torch.manual_seed(settings.seed)
    kept = kept_card(out / CHECKPOINT, ConductorCard, material.command)
    network = (
        _first_network(settings, material, scenes, folder) if kept is None else ConductorNet(kept, settings.dropout)
    )
    card = network.card
    return fit(
        ConductorTask(settings, network), ConductorDataset(scenes, card, settings),
        _held_out_batch(held_out, card, settings), out, data=identity, model=CONDUCTOR, card=card,
        metrics=lambda row: {name: row[name] for name in _METRICS}, on_step=on_step, team=team,
    )  # fmt: skip


def _first_network(
    settings: TrainConductorSettings, material: ConductorMaterial, scenes: Sequence[LeaderScene], folder: Path
) -> ConductorNet:
    """The network before the first step: a regression's answer, or the conductor to go on from."""
    card = starting_card(settings, material, scenes)
    if settings.start is None:
        network = ConductorNet(card, settings.dropout)
        regress(network, scenes, settings)
        return network
    known = first_weights(settings, folder)
    network = ConductorNet(continued_card(known.card, card, settings.start), settings.dropout)
    take_over(network, known)
    return network


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
        max_late_frames=MAX_LATE_FRAMES if settings.late_share else 0,
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
        replace(scene, followers=tuple(part for part in scene.followers if part.instrument in card.balance_db))
        for scene in scenes
    ]
    crops = ConductorDataset(known, card, settings, changes=False)
    batch: ConductorCrop = default_collate([crops[item] for item in range(settings.audit_crops)])
    return batch

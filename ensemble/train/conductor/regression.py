"""The first answer of a conductor: linear in a summary of the last seconds, per instrument, solved at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ensemble.conduct.conductor_features import LEVEL_SCALE_DB, anchor_db_of, frames_of_ms
from ensemble.conduct.conductor_network import UNIT_DB
from ensemble.conduct.summary import IS_LEVEL, PAST, summary
from ensemble.train.conductor.crops import LeaderScene
from ensemble.train.conductor.network import ConductorNet
from ensemble.train.conductor.settings import TrainConductorSettings

LOOK_AHEADS_MS = (0, 100, 240, 500)
Moments = NDArray[np.float64]


def regress(network: ConductorNet, scenes: Sequence[LeaderScene], settings: TrainConductorSettings) -> None:
    """Solve the regression of every instrument on the training scenes, at several look-aheads together.

    Whom it has not met gets the mean of all. Other recording levels, which training draws at random, have a closed form
    here: they add their variance to the rows that hold a level.

    Source: Hoerl and Kennard, Ridge Regression, Technometrics 12 (1970), equation 2.1.
    """
    card = network.card
    moments: dict[str, Moments] = {}
    for scene in scenes:
        for look_ahead_ms in LOOK_AHEADS_MS:
            known = scene.rows_with_past(frames_of_ms(look_ahead_ms), slice(0, scene.num_frames))
            rows = known[:, PAST:]
            inputs = np.concatenate([summary(known), np.ones((rows.shape[1], 1))], axis=1)
            for part in scene.followers:
                apart_db = part.loudness_db - anchor_db_of(rows) - card.balance_db[part.instrument]
                joint = np.concatenate([inputs, apart_db[:, None] / UNIT_DB], axis=1)[part.is_playing]
                moments[part.instrument] = moments.get(part.instrument, 0.0) + joint.T @ joint
    solved: dict[str, Moments] = {name: _solved(moment, settings) for name, moment in moments.items()}
    mean: Moments = np.mean(list(solved.values()), axis=0)
    rows_of = [mean, *(solved.get(name, mean) for name in card.instruments)]
    table = np.stack(rows_of).astype(np.float32)
    with torch.no_grad():
        network.regression.weight.copy_(torch.from_numpy(table[:, :-1]))
        network.regression.bias.copy_(torch.from_numpy(table[:, -1]))


def _solved(moment: Moments, settings: TrainConductorSettings) -> Moments:
    """Weights and constant from the second moments of inputs, constant and target, in this order."""
    square, product = moment[:-1, :-1].copy(), moment[:-1, -1]
    square[:-1, :-1] += settings.ridge * np.eye(len(square) - 1)
    is_level = np.append(IS_LEVEL, False).astype(np.float64)
    spread = settings.gain_share * settings.gain_db**2 / 3 / LEVEL_SCALE_DB**2
    square += moment[-2, -2] * spread * np.outer(is_level, is_level)
    return np.asarray(np.linalg.solve(square, product))

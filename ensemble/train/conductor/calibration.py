"""How wide an interval must be: the held-out pieces say it, and the card keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ensemble.conduct.conductor_features import anchor_db_of, frames_of_ms
from ensemble.conduct.conductor_file import CONDUCTOR, ConductorCard, ConductorWeights, follower_ids
from ensemble.conduct.conductor_network import UNIT_DB
from ensemble.conduct.summary import PAST, summary
from ensemble.train.conductor.crops import LeaderScene
from ensemble.train.conductor.network import ConductorNet
from ensemble.train.conductor.regression import LOOK_AHEADS_MS

COVERED = 0.8


def calibrate(path: Path, scenes: Sequence[LeaderScene]) -> ConductorCard:
    """Move the outer quantiles so that a tenth of what was played in these scenes lies beyond each; rewrites the card.

    Args:
        path: of the conductor.
        scenes: of pieces that it never learned from.

    Source: Romano, Patterson and Candes, Conformalized Quantile Regression, NeurIPS 2019 (arXiv:1905.03222),
    section 4, with one margin for either side.
    """
    conductor = CONDUCTOR.read(path)
    low_db, high_db = misses_db(conductor, scenes)
    share = 1.0 - (1.0 - COVERED) / 2
    margin_db = (round(float(np.quantile(low_db, share)), 3), round(float(np.quantile(high_db, share)), 3))
    card = conductor.card.model_copy(update={"margin_db": margin_db})
    return CONDUCTOR.write(path, ConductorWeights(card=card, tensors=conductor.tensors))


@torch.no_grad()
def misses_db(conductor: ConductorWeights, scenes: Sequence[LeaderScene]) -> tuple[np.ndarray, np.ndarray]:
    """How far below the 10 % line, and above the 90 % line, every played frame lies; negative inside.  [frames] each"""
    card = conductor.card
    network = ConductorNet.from_weights(conductor).eval()
    below, above = [], []
    for scene in scenes:
        met = [part for part in scene.followers if part.instrument in card.balance_db]
        if not met:
            continue
        ids = torch.from_numpy(np.stack([follower_ids(card, part.instrument, part.role) for part in met]))
        for look_ahead_ms in LOOK_AHEADS_MS:
            known = scene.rows_with_past(frames_of_ms(look_ahead_ms), slice(0, scene.num_frames))
            rows = known[:, PAST:]
            inputs = [torch.from_numpy(np.ascontiguousarray(one))[None] for one in (rows.T, summary(known))]
            levels, _ = network(*inputs, ids[None])
            for part, level in zip(met, levels[0].numpy(), strict=True):
                apart_db = (part.loudness_db - anchor_db_of(rows) - card.balance_db[part.instrument])[part.is_playing]
                below.append(level[part.is_playing, 0] * UNIT_DB - apart_db)
                above.append(apart_db - level[part.is_playing, -1] * UNIT_DB)
    return np.concatenate(below), np.concatenate(above)

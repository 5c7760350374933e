"""The query to a store: one row per look-back and transposition, with the weights in it (see `feature_layout`)."""

from __future__ import annotations

import numpy as np

from ensemble.retrieve.search import feature_layout
from ensemble.retrieve.search.context import JoinContext
from ensemble.retrieve.settings import RetrieveSettings
from ensemble.types.arrays import FloatArray

SEAM_SCALE = 0.1
"""In the query a seam's cost of 10 weighs as much as a relevance of 1: instruments' own timbre is part of that cost
here, and must not push a good candidate out of the list."""
AROUND_SHARE = 0.5
"""What follows a candidate counts this much of a block of what came before it."""


def transpositions(max_semitones: int) -> tuple[int, ...]:
    """Nearest first; twelve at most, since six up and six down sound the same pitch classes."""
    steps = range(-min(max_semitones, 5), min(max_semitones, 6) + 1)
    return tuple(sorted(steps, key=lambda step: (abs(step), step)))


def queries(context: JoinContext, settings: RetrieveSettings) -> tuple[FloatArray, list[tuple[float, int]]]:
    """All rows of the query.

    Args:
        context: what came before the join.
        settings: alpha, beta, the weights by kind, the transpositions.

    Returns:
        [queries, feature_layout.DIMENSIONS], and the look-back in seconds and the semitones of each. Products with the
        rows of a store are comparable within a look-back.
    """
    alpha, beta = shares(settings)
    beta *= SEAM_SCALE
    steps = transpositions(settings.max_semitones)
    wanted = np.stack([_transposed(context, step) for step in steps])
    weights = np.stack([_weights(context, settings, look_back_s) for look_back_s in context.look_backs_s])
    relevant = np.float32(alpha) * weights[:, None] * wanted[None, :, : feature_layout.SEAM.start]
    seam = np.broadcast_to(
        np.float32(2 * beta) * wanted[:, feature_layout.SEAM], (len(weights), len(steps), feature_layout.SEAM_WIDTH)
    )
    square = np.full((len(weights), len(steps), 1), -beta, dtype=np.float32)
    rows = np.concatenate([relevant, seam, square], axis=2).reshape(-1, feature_layout.DIMENSIONS)
    which = [(look_back_s, step) for look_back_s in context.look_backs_s for step in steps]
    return np.ascontiguousarray(rows, dtype=np.float32), which


def shares(settings: RetrieveSettings) -> tuple[float, float]:
    """Alpha and beta at a sum of 1."""
    total = settings.alpha + settings.beta
    return (settings.alpha / total, settings.beta / total) if total > 0 else (0.5, 0.5)


def _transposed(context: JoinContext, semitones: int) -> FloatArray:
    """The blocks and seam that a candidate should have as recorded, to fit the context when played so much higher."""
    rows = [
        feature_layout.rolled(context.blocks[block.name][0], -semitones)
        if block.kind == "chroma"
        else context.blocks[block.name][0]
        for block in feature_layout.BLOCKS
    ]
    return np.concatenate([*rows, feature_layout.rolled_seam(context.seam, -semitones)])


def _weights(context: JoinContext, settings: RetrieveSettings, look_back_s: float) -> FloatArray:
    """The weight of each number of a row for one look-back; over the blocks that are not empty they sum to 1."""
    by_kind: dict[str, float] = settings.relevance.model_dump()
    counts = {
        block.name: (AROUND_SHARE if block.reach_s == 0.0 else 1.0)
        for block in feature_layout.BLOCKS
        if block.reach_s <= look_back_s and context.blocks[block.name].any()
    }
    of_kind = {
        kind: sum(counts.get(block.name, 0.0) for block in feature_layout.BLOCKS if block.kind == kind)
        for kind in by_kind
    }
    weights = {
        block.name: by_kind[block.kind] * counts.get(block.name, 0.0) / max(of_kind[block.kind], 1e-9)
        for block in feature_layout.BLOCKS
    }
    total = sum(weights.values())
    widths = [block.width for block in feature_layout.BLOCKS]
    return np.repeat(np.array(list(weights.values()), dtype=np.float32) / np.float32(total or 1.0), widths)

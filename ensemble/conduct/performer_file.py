"""A trained performer on disk: `NAME.safetensors` holds the weights, `NAME.json` is its card. Nothing can run."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import Field

from ensemble.conduct.performer_inputs import NUM_CONTEXT, NUM_PROGRESS
from ensemble.config import LEARNED, RULES, InstrumentName, weights_dir
from ensemble.errors import PerformerError
from ensemble.files.weights import Card, Fault, Format, Shapes, Weights, gru_shapes, linear_shapes
from ensemble.types.music import FloatArray

FORMAT_VERSION = 1
MANNER = (
    "peak_db", "attack_db", "attack_ms", "fall_db", "slope_db_per_s", "arch_db", "bend_cents", "scoop_cents",
    "vibrato_cents", "vibrato_hz", "vibrato_delay_s", "level_roughness", "bend_roughness",
)  # fmt: skip
"""How a note is played, in figures that may be measured in a recording; see `train.performer.manner`."""
NUM_MANNER = len(MANNER)
VIBRATO_HZ = MANNER.index("vibrato_hz")
GRID = np.linspace(-2.5, 2.5, 21)
"""Where in a normal distribution the figures' quantiles lie, in standard deviations."""
NUM_READ = 32
NUM_CURVES = 5
"""Level, bend, depth of the vibrato, and how far level and bend stray."""


class PerformerCard(Card):
    """What stands beside the weights."""

    format_version: int = FORMAT_VERSION
    instrument: InstrumentName
    """Whose notes it plays."""
    hidden: int = Field(default=64, ge=8, le=128)
    """Width of the network."""
    num_context: int = NUM_CONTEXT
    """What it reads of every note."""
    num_progress: int = NUM_PROGRESS
    """What it reads of every frame."""
    storage: Literal["float32", "float16"] = "float16"


def _card_fault(card: PerformerCard) -> Fault:
    if (card.num_context, card.num_progress) == (NUM_CONTEXT, NUM_PROGRESS):
        return None
    problem = f"reads {card.num_context} values of a note and {card.num_progress} of a frame"
    return problem, f"this release gives {NUM_CONTEXT} and {NUM_PROGRESS}"


def _tensor_fault(_: PerformerCard, tensors: dict[str, FloatArray]) -> Fault:
    if (np.diff(tensors["quantiles"], axis=1) >= 0).all():
        return None
    return "tensor quantiles has rows that fall", "export it again"


def _stranger(document: dict[str, Any]) -> Fault:
    return None if "instrument" in document else ("is no performer's card", "name the card of a performer")


def _shapes(card: PerformerCard) -> Shapes:
    shapes = linear_shapes("read", NUM_CONTEXT, NUM_READ)
    shapes |= linear_shapes("mean", NUM_READ, NUM_MANNER) | linear_shapes("spread", NUM_READ, NUM_MANNER)
    shapes |= {"after": (NUM_MANNER, NUM_MANNER), "quantiles": (NUM_MANNER, len(GRID)), "keep": (2,)}
    shapes |= gru_shapes("memory", NUM_CONTEXT + NUM_MANNER + NUM_PROGRESS, card.hidden)
    return shapes | linear_shapes("curves", card.hidden, NUM_CURVES)


PerformerWeights = Weights[PerformerCard]
PERFORMER = Format(
    name="a performer", card=PerformerCard, version=FORMAT_VERSION, error=PerformerError, built_in=(RULES, LEARNED),
    folder=weights_dir("performer"), shapes=_shapes, card_fault=_card_fault, tensor_fault=_tensor_fault,
    stranger=_stranger,
)  # fmt: skip

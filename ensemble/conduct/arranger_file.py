"""A trained arranger on disk: `NAME.safetensors` holds the weights, `NAME.json` is its card. Nothing can run."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ensemble.conduct.arranger_features import KINDS, NUM_ACTIONS, NUM_INPUTS, Kind
from ensemble.config import RULES, weights_dir
from ensemble.errors import ArrangerError
from ensemble.files.weights import Card, Fault, Format, Shapes, Weights, gru_shapes, linear_shapes

FORMAT_VERSION = 1


class ArrangerCard(Card):
    """What stands beside the weights."""

    format_version: int = FORMAT_VERSION
    hidden: int = Field(default=64, ge=8, le=512)
    """Width of the network."""
    num_inputs: int = NUM_INPUTS
    """What it reads of every half beat."""
    kinds: tuple[Kind, ...] = KINDS
    """Of parts, that it has met; rules write the others."""
    storage: Literal["float32", "float16"] = "float16"


def _card_fault(card: ArrangerCard) -> Fault:
    if card.num_inputs == NUM_INPUTS:
        return None
    return f"reads {card.num_inputs} inputs", f"this release gives {NUM_INPUTS}"


def _shapes(card: ArrangerCard) -> Shapes:
    hidden = card.hidden
    return (
        linear_shapes("read", NUM_INPUTS, hidden)
        | gru_shapes("memory", hidden, hidden)
        | linear_shapes("action", hidden, NUM_ACTIONS)
        | linear_shapes("tone", hidden, 12)
    )


ArrangerWeights = Weights[ArrangerCard]
ARRANGER = Format(
    name="an arranger", card=ArrangerCard, version=FORMAT_VERSION, error=ArrangerError, built_in=(RULES,),
    folder=weights_dir("arranger"), shapes=_shapes, card_fault=_card_fault,
)  # fmt: skip

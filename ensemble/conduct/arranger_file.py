"""A trained arranger on disk: `NAME.safetensors` holds the weights, `NAME.json` is its card. Nothing can run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from ensemble.conduct.arranger_features import KINDS, NUM_ACTIONS, NUM_INPUTS, Kind
from ensemble.config import RULES, arrangers_dir
from ensemble.errors import ArrangerError
from ensemble.files.weights import Card, Format, Weights

FORMAT_VERSION = 1


class ArrangerCard(Card):
    """What stands beside the weights."""

    format_version: int = FORMAT_VERSION
    hidden: int = Field(default=64, ge=8, le=512)
    num_inputs: int = NUM_INPUTS
    kinds: tuple[Kind, ...] = KINDS
    """Of parts, that it has met; rules write the others."""
    storage: Literal["float32", "float16"] = "float16"


ArrangerWeights = Weights[ArrangerCard]
ARRANGER = Format(
    name="an arranger", card=ArrangerCard, version=FORMAT_VERSION, error=ArrangerError, built_in=(RULES,),
    folder=arrangers_dir(),
)  # fmt: skip


def tensor_shapes(card: ArrangerCard) -> dict[str, tuple[int, ...]]:
    """Every tensor of an arranger of this card, and its shape; layers are [out, in], as torch keeps them."""
    hidden = card.hidden
    return {
        "read.weight": (hidden, NUM_INPUTS), "read.bias": (hidden,),
        "memory.weight_ih_l0": (3 * hidden, hidden), "memory.weight_hh_l0": (3 * hidden, hidden),
        "memory.bias_ih_l0": (3 * hidden,), "memory.bias_hh_l0": (3 * hidden,),
        "action.weight": (NUM_ACTIONS, hidden), "action.bias": (NUM_ACTIONS,),
        "tone.weight": (12, hidden), "tone.bias": (12,),
    }  # fmt: skip


def save_arranger(path: Path, arranger: ArrangerWeights) -> ArrangerCard:
    """Write the weights and their card; the digest on the card is filled in.

    Raises:
        ArrangerError: the tensors are not those of the card, or there is no room; then nothing has changed.
    """
    return ARRANGER.write(path, arranger, _check)


def load_arranger(path: Path) -> ArrangerWeights:
    """Read and check an arranger.

    Raises:
        ArrangerError: a file is missing or of another kind or version, the digest is wrong, tensors are missing,
            misshapen or not finite.
    """
    return ARRANGER.read(path, _check)


def _check(path: Path, arranger: ArrangerWeights) -> None:
    if arranger.card.num_inputs != NUM_INPUTS:
        raise ArrangerError(str(path), f"reads {arranger.card.num_inputs} inputs", f"this release gives {NUM_INPUTS}")
    ARRANGER.check_shapes(path, arranger.tensors, tensor_shapes(arranger.card))

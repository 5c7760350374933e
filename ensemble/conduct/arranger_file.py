"""A trained arranger on disk: `NAME.safetensors` holds the weights, `NAME.json` is its card. Nothing can run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field
from safetensors.numpy import save

from ensemble.conduct.arranger_features import KINDS, NUM_ACTIONS, NUM_INPUTS, Kind
from ensemble.config import RULES, Settings, arrangers_dir, shipped_arrangers
from ensemble.errors import ArrangerError
from ensemble.types import FloatArray
from ensemble.weights import bytes_of, check_shapes, read_with_card, write_with_card

FORMAT_VERSION = 1
WHAT = "arranger"


class ArrangerCard(Settings):
    """What stands beside the weights."""

    format_version: int = FORMAT_VERSION
    hidden: int = Field(default=64, ge=8, le=512)
    num_inputs: int = NUM_INPUTS
    kinds: tuple[Kind, ...] = KINDS
    """Of parts, that it has met; rules write the others."""
    training_data: str = ""
    licence: str = ""
    training_minutes: float = 0.0
    """Of CPU time."""
    recipe: str = ""
    command: str = ""
    metrics: dict[str, Any] = {}
    known_faults: tuple[str, ...] = ()
    storage: Literal["float32", "float16"] = "float16"
    weights_sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrangerWeights:
    """A card, and its tensors by name, float32."""

    card: ArrangerCard
    tensors: dict[str, FloatArray]


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
    check_name(path)
    kind = np.dtype(arranger.card.storage)
    with np.errstate(over="ignore"):  # what is too large for the storage is refused
        stored = {name: np.ascontiguousarray(tensor, kind) for name, tensor in sorted(arranger.tensors.items())}
    kept = {name: tensor.astype(np.float32) for name, tensor in stored.items()}
    _check(path, ArrangerWeights(card=arranger.card, tensors=kept))
    weights = save(stored)
    card = arranger.card.model_copy(update={"weights_sha256": hashlib.sha256(weights).hexdigest()})
    try:
        write_with_card(path, weights, card.model_dump_json(indent=2))
    except OSError as error:
        raise ArrangerError(str(path), f"cannot be written ({error.strerror})", "make room, then try again") from error
    return card


def load_arranger(path: Path) -> ArrangerWeights:
    """Read and check an arranger.

    Raises:
        ArrangerError: a file is missing or of another kind or version, the digest is wrong, tensors are missing,
            misshapen or not finite.
    """
    check_name(path)
    card, tensors = read_with_card(path, ArrangerCard, WHAT, FORMAT_VERSION, ArrangerError)
    arranger = ArrangerWeights(card=card, tensors=tensors)
    _check(path, arranger)
    return arranger


def arranger_path(arranger: str) -> Path:
    """Where a trained arranger lies: a shipped one by its name, any other by its path."""
    return arrangers_dir() / f"{arranger}.safetensors" if arranger in shipped_arrangers() else Path(arranger)


def arranger_sha256(arranger: str) -> str | None:
    """The digest of a band's `arranger` setting where that is a file; rules have none.

    Raises:
        ArrangerError: the file cannot be read, or is not named like an arranger.
    """
    if arranger == RULES:
        return None
    path = arranger_path(arranger)
    check_name(path)
    return hashlib.sha256(bytes_of(path, WHAT, ArrangerError)).hexdigest()


def check_name(path: Path) -> None:
    """Refuse a file that is not named like an arranger.

    Raises:
        ArrangerError: it does not end in `.safetensors`.
    """
    if path.suffix != ".safetensors":
        cure = "say rules or learned, or name a .safetensors file with its card"
        raise ArrangerError(str(path), "is not an arranger", cure)


def _check(path: Path, arranger: ArrangerWeights) -> None:
    if arranger.card.num_inputs != NUM_INPUTS:
        raise ArrangerError(str(path), f"reads {arranger.card.num_inputs} inputs", f"this release gives {NUM_INPUTS}")
    check_shapes(path, arranger.tensors, tensor_shapes(arranger.card), "an arranger", ArrangerError)

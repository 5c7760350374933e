"""A trained conductor on disk: `NAME.safetensors` holds the weights, `NAME.json` is its card. Nothing in them can run.

The card says what the network reads and answers, whom it has met, what it learned from, which pieces were held out
(by hash), how well it follows, and what the generator of its music couples and what it does not.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from safetensors.numpy import save

from ensemble.conduct.features import NUM_METRE, NUM_ROWS
from ensemble.conduct.summary import NUM_SUMMARY
from ensemble.config import Settings
from ensemble.errors import ConductorError
from ensemble.instruments import CATALOGUE
from ensemble.types import DRUM_CLASSES, FloatArray
from ensemble.weights import bytes_of, check_shapes, read_with_card, write_with_card

FORMAT_VERSION = 2
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
MEDIAN = QUANTILES.index(0.5)
FAMILIES = ("plucked", "bowed", "blown", "keyed", "drums")
ROLES = ("bass", "pad", "counter", "double", "drums", "transform")


class ConductorCard(Settings):
    """What stands beside the weights."""

    format_version: int = FORMAT_VERSION
    width: int = Field(default=96, ge=8, le=512)
    heads: int = Field(default=4, ge=1, le=16)
    layers: int = Field(default=3, ge=1, le=8)
    expansion: int = Field(default=4, ge=1, le=8)
    """Of the network between two attentions, in widths."""
    window: int = Field(default=128, ge=8, le=1024)
    """Conductor frames that one layer looks back, its own included."""
    num_rows: int = NUM_ROWS
    instruments: tuple[str, ...]
    """Whom it has met; every other is one of its family to it."""
    roles: tuple[str, ...]
    """Roles that it has met."""
    balance_db: dict[str, float] = {}
    """How each instrument's loudness usually lay against the leader's in its music, and each family's."""
    margin_db: tuple[float, float] = (0.0, 0.0)
    """By which the 10 % and the 90 % line are moved outwards so that four fifths of the held-out music lie between."""
    training_data: str = ""
    licence: str = ""
    couples: tuple[str, ...] = ()
    does_not_couple: tuple[str, ...] = ()
    held_out_sha256: dict[str, str] = {}
    """Pieces that were never trained on, frozen before training: digests by set and piece."""
    training_minutes: float = 0.0
    """Of CPU time."""
    recipe: str = ""
    command: str = ""
    metrics: dict[str, Any] = {}
    known_faults: tuple[str, ...] = ()
    storage: Literal["float32", "float16"] = "float16"
    weights_sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConductorWeights:
    """A card, and its tensors by name, float32."""

    card: ConductorCard
    tensors: dict[str, FloatArray]


def seat_of(card: ConductorCard, instrument: str, role: str) -> NDArray[np.int64]:
    """How a network counts a follower: family, instrument, role; 0 is whom or what it has not met.  [3]"""
    family = CATALOGUE[instrument].family if instrument in CATALOGUE else None
    met = {CATALOGUE[name].family for name in card.instruments if name in CATALOGUE}
    return np.array(
        [
            1 + FAMILIES.index(family) if family in met and family is not None else 0,
            1 + card.instruments.index(instrument) if instrument in card.instruments else 0,
            1 + ROLES.index(role) if role in card.roles and role in ROLES else 0,
        ],
        np.int64,
    )


def tensor_shapes(card: ConductorCard) -> dict[str, tuple[int, ...]]:
    """Every tensor of a conductor of this card, and its shape: linear layers are [out, in], as torch keeps them."""
    width, inner = card.width, card.width * card.expansion
    shapes: dict[str, tuple[int, ...]] = {}

    def linear(name: str, num_in: int, num_out: int) -> None:
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (num_out, num_in), (num_out,)

    def norm(name: str) -> None:
        shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = (width,)

    linear("read", card.num_rows + NUM_SUMMARY, width)
    for block in (*(f"leader.{layer}" for layer in range(card.layers)), "follower"):
        norm(f"{block}.attend_norm")
        norm(f"{block}.think_norm")
        for name in ("query", "key", "value", "joined"):
            linear(f"{block}.{name}", width, width)
        linear(f"{block}.widen", width, inner)
        linear(f"{block}.narrow", inner, width)
    norm("leader_norm")
    norm("follower_norm")
    linear("listen", width, width)
    shapes["family.weight"] = (1 + len(FAMILIES), width)
    shapes["instrument.weight"] = (1 + len(card.instruments), width)
    shapes["role.weight"] = (1 + len(ROLES), width)
    shapes["regression.weight"] = (1 + len(card.instruments), NUM_SUMMARY)
    shapes["regression.bias"] = (1 + len(card.instruments),)
    linear("level", width, len(QUANTILES))
    linear("weigh", width + NUM_SUMMARY + NUM_METRE, width)
    linear("strokes", width, 2 * len(DRUM_CLASSES))
    return shapes


def save_conductor(path: str | Path, conductor: ConductorWeights) -> ConductorCard:
    """Write the weights and their card; the digest on the card is filled in.

    Raises:
        ConductorError: the tensors are not those of the card, or there is no room; then nothing has changed.
    """
    path = Path(path)
    check_name(path)
    _check_tensors(path, conductor)
    kind = np.dtype(conductor.card.storage)
    weights = save({name: np.ascontiguousarray(tensor, kind) for name, tensor in sorted(conductor.tensors.items())})
    card = conductor.card.model_copy(update={"weights_sha256": hashlib.sha256(weights).hexdigest()})
    try:
        write_with_card(path, weights, card.model_dump_json(indent=2))
    except OSError as error:
        raise ConductorError(str(path), f"cannot be written ({error.strerror})", "make room, then try again") from error
    return card


def load_conductor(path: str | Path) -> ConductorWeights:
    """Read and check a conductor.

    Raises:
        ConductorError: a file is missing or of another kind or version, the digest is wrong, tensors are missing,
            misshapen or not finite.
    """
    path = Path(path)
    check_name(path)
    card, tensors = read_with_card(path, ConductorCard, "conductor", FORMAT_VERSION, ConductorError)
    conductor = ConductorWeights(card=card, tensors=tensors)
    _check_tensors(path, conductor)
    return conductor


def check_name(path: Path) -> None:
    """Refuse a file that is not named like a conductor.

    Raises:
        ConductorError: it does not end in `.safetensors`.
    """
    if path.suffix != ".safetensors":
        cure = "say leader-gain or learned, or name a .safetensors file with its card"
        raise ConductorError(str(path), "is not a conductor", cure)


def read_bytes(path: Path) -> bytes:
    """A file's content.

    Raises:
        ConductorError: it cannot be read.
    """
    return bytes_of(path, "conductor", ConductorError)


def _check_tensors(path: Path, conductor: ConductorWeights) -> None:
    """Refuse weights that are not exactly those of the card, or not finite."""
    card, tensors = conductor.card, conductor.tensors
    if card.num_rows != NUM_ROWS or card.width % (2 * card.heads):
        problem = f"reads {card.num_rows} rows with {card.heads} heads in a width of {card.width}"
        raise ConductorError(str(path), problem, f"this release gives {NUM_ROWS}, and heads of an even width")
    check_shapes(path, tensors, tensor_shapes(card), "a conductor", ConductorError)

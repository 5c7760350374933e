"""A trained conductor on disk: `NAME.safetensors` holds the weights, `NAME.json` is its card. Nothing in them can run.

The card says what the network reads and answers, whom it has met, what it learned from, which pieces were held out
(by hash), how well it follows, and what the generator of its music couples and what it does not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ensemble.conduct.conductor_features import NUM_METRE, NUM_ROWS
from ensemble.conduct.summary import NUM_SUMMARY
from ensemble.config import LEADER_GAIN, conductors_dir
from ensemble.errors import ConductorError
from ensemble.files.weights import Card, Format, Weights
from ensemble.types.instruments import CATALOGUE
from ensemble.types.music import DRUM_CLASSES

FORMAT_VERSION = 2
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
MEDIAN = QUANTILES.index(0.5)
FAMILIES = ("plucked", "bowed", "blown", "keyed", "drums")
ROLES = ("bass", "pad", "counter", "double", "drums", "transform")


class ConductorCard(Card):
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
    couples: tuple[str, ...] = ()
    does_not_couple: tuple[str, ...] = ()
    held_out_sha256: dict[str, str] = {}
    """Pieces that were never trained on, frozen before training: digests by set and piece."""
    storage: Literal["float32", "float16"] = "float16"


ConductorWeights = Weights[ConductorCard]
CONDUCTOR = Format(
    name="a conductor", card=ConductorCard, version=FORMAT_VERSION, error=ConductorError, built_in=(LEADER_GAIN,),
    folder=conductors_dir(),
)  # fmt: skip


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
    return CONDUCTOR.write(Path(path), conductor, _check)


def load_conductor(path: str | Path) -> ConductorWeights:
    """Read and check a conductor.

    Raises:
        ConductorError: a file is missing or of another kind or version, the digest is wrong, tensors are missing,
            misshapen or not finite.
    """
    return CONDUCTOR.read(Path(path), _check)


def _check(path: Path, conductor: ConductorWeights) -> None:
    """Refuse weights that are not exactly those of the card, or not finite."""
    card = conductor.card
    if card.num_rows != NUM_ROWS or card.width % (2 * card.heads):
        problem = f"reads {card.num_rows} rows with {card.heads} heads in a width of {card.width}"
        raise ConductorError(str(path), problem, f"this release gives {NUM_ROWS}, and heads of an even width")
    CONDUCTOR.check_shapes(path, conductor.tensors, tensor_shapes(card))

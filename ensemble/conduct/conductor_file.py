"""A trained conductor on disk: `NAME.safetensors` holds the weights, `NAME.json` is its card. Nothing in them can run.

The card says what the network reads and answers, whom it has met, what it learned from, which pieces were held out
(by hash), how well it follows, and what the generator of its music couples and what it does not.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ensemble.conduct.conductor_features import NUM_METRE, NUM_ROWS
from ensemble.conduct.summary import NUM_SUMMARY
from ensemble.config import LEADER_GAIN, weights_dir
from ensemble.errors import ConductorError
from ensemble.files.weights import Card, Fault, Format, Shapes, Weights, linear_shapes, norm_shapes
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
    """Of the network."""
    heads: int = Field(default=4, ge=1, le=16)
    """Of every attention."""
    layers: int = Field(default=3, ge=1, le=8)
    """Of attention to the leader; one more is the followers'."""
    expansion: int = Field(default=4, ge=1, le=8)
    """Of the network between two attentions, in widths."""
    window: int = Field(default=128, ge=8, le=1024)
    """Conductor frames that one layer looks back, its own included."""
    num_rows: int = NUM_ROWS
    """Features that it reads of every frame."""
    instruments: tuple[str, ...]
    """Whom it has met; every other is one of its family to it."""
    roles: tuple[str, ...]
    """Roles that it has met."""
    balance_db: dict[str, float] = {}
    """How each instrument's loudness usually lay against the leader's in its music, and each family's."""
    margin_db: tuple[float, float] = (0.0, 0.0)
    """By which the 10 % and the 90 % line are moved outwards so that four fifths of the held-out music lie between."""
    max_late_frames: int = Field(default=0, ge=0)
    """Control frames by which the leader was heard late in training, at most; 0 where only ahead."""
    couples: tuple[str, ...] = ()
    """What the generator of its music couples between leader and followers."""
    does_not_couple: tuple[str, ...] = ()
    """What that generator does not couple."""
    held_out_sha256: dict[str, str] = {}
    """Pieces that were never trained on, frozen before training: digests by set and piece."""
    storage: Literal["float32", "float16"] = "float16"


def _card_fault(card: ConductorCard) -> Fault:
    if card.num_rows == NUM_ROWS and card.width % (2 * card.heads) == 0:
        return None
    problem = f"reads {card.num_rows} rows with {card.heads} heads in a width of {card.width}"
    return problem, f"this release gives {NUM_ROWS}, and heads of an even width"


def _shapes(card: ConductorCard) -> Shapes:
    width, inner = card.width, card.width * card.expansion
    shapes = linear_shapes("read", card.num_rows + NUM_SUMMARY, width)
    for block in (*(f"leader.{layer}" for layer in range(card.layers)), "follower"):
        shapes |= norm_shapes(f"{block}.attend_norm", width) | norm_shapes(f"{block}.think_norm", width)
        for name in ("query", "key", "value", "joined"):
            shapes |= linear_shapes(f"{block}.{name}", width, width)
        shapes |= linear_shapes(f"{block}.widen", width, inner) | linear_shapes(f"{block}.narrow", inner, width)
    shapes |= norm_shapes("leader_norm", width) | norm_shapes("follower_norm", width)
    shapes |= linear_shapes("listen", width, width)
    for table, size in (("family", len(FAMILIES)), ("instrument", len(card.instruments)), ("role", len(ROLES))):
        shapes[f"{table}.weight"] = (1 + size, width)
    shapes |= linear_shapes("regression", NUM_SUMMARY, 1 + len(card.instruments))
    shapes |= linear_shapes("level", width, len(QUANTILES))
    shapes |= linear_shapes("weigh", width + NUM_SUMMARY + NUM_METRE, width)
    return shapes | linear_shapes("strokes", width, 2 * len(DRUM_CLASSES))


ConductorWeights = Weights[ConductorCard]
CONDUCTOR = Format(
    name="a conductor", card=ConductorCard, version=FORMAT_VERSION, error=ConductorError, built_in=(LEADER_GAIN,),
    folder=weights_dir("conductor"), shapes=_shapes, card_fault=_card_fault,
)  # fmt: skip


def follower_ids(card: ConductorCard, instrument: str, role: str) -> NDArray[np.int64]:
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

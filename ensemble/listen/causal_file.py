"""A trained causal listener on disk: `NAME.safetensors` holds the weights, `NAME.json` is its card. Nothing can run."""

from __future__ import annotations

from pydantic import Field

from ensemble.config import weights_dir
from ensemble.errors import ListenerError
from ensemble.files.weights import Card, Fault, Format, Shapes, Weights, gru_shapes, linear_shapes
from ensemble.listen.causal_features import NUM_FEATURES, NUM_RISES, ROW_STEPS
from ensemble.types.harmony import Quality

FORMAT_VERSION = 1
CAUSAL = weights_dir("listener") / "causal.safetensors"
"""The one that a live band hears chords with."""


class ListenerCard(Card):
    """What stands beside the weights."""

    format_version: int = FORMAT_VERSION
    hidden: int = Field(default=64, ge=8, le=512)
    """Width of the network."""
    num_features: int = NUM_FEATURES
    """What it reads of every frame."""
    qualities: tuple[Quality, ...] = Field(min_length=1)
    """Of the chords that it tells apart, in the order of its answers."""


def _card_fault(card: ListenerCard) -> Fault:
    if card.num_features == NUM_FEATURES:
        return None
    return f"reads {card.num_features} features", f"this release gives {NUM_FEATURES}"


def _shapes(card: ListenerCard) -> Shapes:
    hidden = card.hidden
    return (
        linear_shapes("read", ROW_STEPS, hidden)
        | gru_shapes("harmony", hidden, hidden)
        | linear_shapes("quality", hidden, len(card.qualities))
        | linear_shapes("no_chord", hidden + 1, 1)
        | linear_shapes("read_rhythm", hidden + 1 + NUM_RISES, hidden)
        | gru_shapes("rhythm", hidden, hidden)
        | linear_shapes("beat", hidden, 2)
    )


ListenerWeights = Weights[ListenerCard]
LISTENER = Format(
    name="a listener", card=ListenerCard, version=FORMAT_VERSION, error=ListenerError, built_in=(),
    folder=weights_dir("listener"), shapes=_shapes, card_fault=_card_fault,
)  # fmt: skip

"""A voice on disk: `NAME.safetensors` holds the weights, `NAME.json` is its card. Nothing in them can run.

The tensors are `NeuralSynthesizer.state_dict()` under PyTorch's names and layouts, stored
in float32 or, at half the size, in float16; in memory they are float32. The card says what sounds, how the network
sees pitch and loudness, what it was trained on, how and under which licence, and the sha256 of the weights file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from ensemble.config import BUILT_IN, own_voices, voice_names, weights_dir
from ensemble.errors import VoiceError
from ensemble.files.weights import Card, Fault, Format, Shapes, Weights, gru_shapes, linear_shapes, norm_shapes
from ensemble.play.inharmonicity import Inharmonicity
from ensemble.play.sizes import NUM_BANDS, NUM_HARMONICS
from ensemble.settings.installed import PLAYERS, installed_names, sha256_of_installed
from ensemble.settings.transfer import VoiceRange

FORMAT_VERSION = 1
Size = Literal["starter", "large"]
HIDDEN: dict[Size, int] = {"starter": 128, "large": 512}
LAYERS = 3


class VoiceCard(Card):
    """What stands beside the weights."""

    format_version: int = FORMAT_VERSION
    instrument: str
    """From the catalogue."""
    size: Size
    """What `hidden` and `layers` are called in a training's settings."""
    hidden: int = Field(ge=4, le=4096, multiple_of=4)
    """Width of the network."""
    layers: int = Field(ge=1, le=8)
    """Of its GRU."""
    num_harmonics: int = NUM_HARMONICS
    """Sinusoids that it controls."""
    num_bands: int = NUM_BANDS
    """Magnitudes of its noise filter."""
    trained_sample_rate: int = 48_000
    """In Hz. The voice plays at every rate; this is where its sound comes from."""
    f0_centre_midi: float = 60.0
    """See the next."""
    f0_scale_midi: float = Field(default=24.0, gt=0)
    """The network sees (pitch - centre) / scale."""
    loudness_centre_db: float = -40.0
    """See the next."""
    loudness_scale_db: float = Field(default=20.0, gt=0)
    """And (loudness - centre) / scale."""
    inharmonicity: Inharmonicity | None = None
    """How the partials of its strings are stretched; None where they are whole multiples of the fundamental."""
    fundamental: float = Field(default=1.0, gt=0.0, le=1.0)
    """Of the pitch: the frequency that the network reads, and whose multiples the partials are. 0.5 for an organ with a
    rank at one and a half times the pitch."""
    learned: VoiceRange | None = None
    """Where most of what it learned from lies."""
    training_data: str
    licence: str
    metrics: dict[str, float] = {}
    baselines: dict[str, dict[str, float]] = {}
    """The same metrics of what it must beat, by name."""


def _stranger(card: dict[str, Any]) -> Fault:
    is_kit = card.get("kind") == "kit"
    return ("is a drum kit's card", "give it to a follower whose role is drums") if is_kit else None


def _card_fault(card: VoiceCard) -> Fault:
    if (card.num_harmonics, card.num_bands) == (NUM_HARMONICS, NUM_BANDS):
        return None
    counts = f"has {card.num_harmonics} harmonics and {card.num_bands} bands"
    return counts, f"this release plays {NUM_HARMONICS} and {NUM_BANDS}"


def _shapes(card: VoiceCard) -> Shapes:
    hidden = card.hidden
    shapes: Shapes = {}
    for feature in ("f0_mlp", "loudness_mlp"):
        shapes |= linear_shapes(f"{feature}.0", 1, hidden) | norm_shapes(f"{feature}.1", hidden)
        shapes |= linear_shapes(f"{feature}.3", hidden, hidden) | norm_shapes(f"{feature}.4", hidden)
    shapes |= gru_shapes("gru", 2 * hidden, hidden, card.layers) | norm_shapes("norm", hidden)
    for head, size in (("amplitude", 1), ("harmonic", card.num_harmonics), ("noise", card.num_bands)):
        shapes |= linear_shapes(f"{head}_head", hidden + 2, size)
    return shapes


VoiceWeights = Weights[VoiceCard]
VOICE = Format(
    name="a voice", card=VoiceCard, version=FORMAT_VERSION, error=VoiceError, built_in=BUILT_IN["voice"],
    folder=weights_dir("voice"), added=own_voices, shapes=_shapes, card_fault=_card_fault, stranger=_stranger,
)  # fmt: skip


def voice_sha256(voice: str) -> str | None:
    """The digest of a voice's file, or of the installed player that it names; None for what is built in.

    Raises:
        VoiceError: the file cannot be read.
        ConfigError: the module of the installed player is absent.
    """
    return sha256_of_installed(PLAYERS, voice) if is_installed(voice) else VOICE.sha256_of(voice)


def is_installed(voice: str) -> bool:
    """Whether a voice is a player that another installed package brings; what is shipped or added goes before it."""
    is_plain = voice == Path(voice).stem
    return is_plain and voice not in voice_names() and voice in installed_names(PLAYERS)

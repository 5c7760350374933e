"""A voice on disk: `NAME.safetensors` holds the weights, `NAME.json` is its card. Nothing in them can run.

The tensors are `NeuralSynthesizer.state_dict()` under PyTorch's names and layouts (`tensor_shapes` lists them), stored
in float32 or, at half the size, in float16; in memory they are float32. The card says what sounds, how the network
sees pitch and loudness, what it was trained on, how and under which licence, and the sha256 of the weights file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from ensemble.config import BUILT_IN_VOICES, voices_dir
from ensemble.errors import VoiceError
from ensemble.files.weights import Card, Format, Weights
from ensemble.play.controls import NUM_HARMONICS
from ensemble.play.noise import NUM_BANDS

FORMAT_VERSION = 1
Size = Literal["starter", "large"]
HIDDEN: dict[Size, int] = {"starter": 128, "large": 512}
LAYERS = 3


class VoiceCard(Card):
    """What stands beside the weights."""

    format_version: int = FORMAT_VERSION
    instrument: str
    size: Size
    hidden: int = Field(ge=4, le=4096, multiple_of=4)
    layers: int = Field(ge=1, le=8)
    num_harmonics: int = NUM_HARMONICS
    num_bands: int = NUM_BANDS
    trained_sample_rate: int = 48_000
    """In Hz. The voice plays at every rate; this is where its sound comes from."""
    f0_centre_midi: float = 60.0
    f0_scale_midi: float = Field(default=24.0, gt=0)
    """The network sees (pitch - centre) / scale."""
    loudness_centre_db: float = -40.0
    loudness_scale_db: float = Field(default=20.0, gt=0)
    training_data: str
    licence: str
    metrics: dict[str, float] = {}
    baselines: dict[str, dict[str, float]] = {}
    """The same metrics of what it must beat, by name."""


def _stranger(card: dict[str, Any]) -> tuple[str, str] | None:
    is_kit = card.get("kind") == "kit"
    return ("is a drum kit's card", "give it to a follower whose role is drums") if is_kit else None


VoiceWeights = Weights[VoiceCard]
VOICE = Format(
    name="a voice", card=VoiceCard, version=FORMAT_VERSION, error=VoiceError, built_in=BUILT_IN_VOICES,
    folder=voices_dir(), stranger=_stranger,
)  # fmt: skip


def tensor_shapes(card: VoiceCard) -> dict[str, tuple[int, ...]]:
    """Every tensor a voice of this card has, and its shape."""
    hidden = card.hidden
    shapes: dict[str, tuple[int, ...]] = {}

    def linear(name: str, num_in: int, num_out: int) -> None:
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (num_out, num_in), (num_out,)

    def norm(name: str) -> None:
        shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = (hidden,)

    for feature in ("f0_mlp", "loudness_mlp"):
        linear(f"{feature}.0", 1, hidden)
        norm(f"{feature}.1")
        linear(f"{feature}.3", hidden, hidden)
        norm(f"{feature}.4")
    for layer in range(card.layers):
        shapes[f"gru.weight_ih_l{layer}"] = (3 * hidden, hidden if layer else 2 * hidden)
        shapes[f"gru.weight_hh_l{layer}"] = (3 * hidden, hidden)
        shapes[f"gru.bias_ih_l{layer}"] = shapes[f"gru.bias_hh_l{layer}"] = (3 * hidden,)
    norm("norm")
    linear("amplitude_head", hidden + 2, 1)
    linear("harmonic_head", hidden + 2, card.num_harmonics)
    linear("noise_head", hidden + 2, card.num_bands)
    return shapes


def save_voice(path: str | Path, voice: VoiceWeights) -> VoiceCard:
    """Write the weights and their card.

    Args:
        path: of the weights, ending in `.safetensors`; the card goes beside it.
        voice: the digest on its card is filled in.

    Returns:
        The card as written.

    Raises:
        VoiceError: the name ends otherwise, the tensors are not those of the card, or there is no room for them; then
            nothing has changed.
    """
    return VOICE.write(Path(path), voice, _check)


def load_voice(path: str | Path) -> VoiceWeights:
    """Read and check a voice.

    Raises:
        VoiceError: a file is missing or of another kind or version, the digest is wrong, tensors are missing,
            misshapen or not finite.
    """
    return VOICE.read(Path(path), _check)


def _check(path: Path, voice: VoiceWeights) -> None:
    """Refuse weights that are not exactly those of the card, or not finite."""
    card = voice.card
    if (card.num_harmonics, card.num_bands) != (NUM_HARMONICS, NUM_BANDS):
        counts = f"{card.num_harmonics} harmonics and {card.num_bands} bands"
        raise VoiceError(str(path), f"has {counts}", f"this release plays {NUM_HARMONICS} and {NUM_BANDS}")
    VOICE.check_shapes(path, voice.tensors, tensor_shapes(card))

"""A voice on disk: `NAME.safetensors` holds the weights, `NAME.json` is its card. Nothing in them can run.

The tensors are `NeuralSynthesizer.state_dict()` under PyTorch's names and layouts (`tensor_shapes` lists them), stored
in float32 or, at half the size, in float16; in memory they are float32. The card says what sounds, how the network
sees pitch and loudness, what it was trained on, how and under which licence, and the sha256 of the weights file.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ensemble.config import BUILT_IN_VOICES, Settings, first_complaint, shipped_voices, voices_dir
from ensemble.errors import VoiceError
from ensemble.play.controls import NUM_HARMONICS
from ensemble.play.noise import NUM_BANDS
from ensemble.types import FloatArray
from ensemble.weights import write_with_card

FORMAT_VERSION = 1
Size = Literal["starter", "large"]
Storage = Literal["float32", "float16"]
HIDDEN: dict[Size, int] = {"starter": 128, "large": 512}
LAYERS = 3


class VoiceCard(Settings):
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
    training_minutes: float = 0.0
    """Of CPU time."""
    recipe: str = ""
    command: str = ""
    """What trained it."""
    metrics: dict[str, float] = {}
    baselines: dict[str, dict[str, float]] = {}
    """The same metrics of what it must beat, by name."""
    known_faults: tuple[str, ...] = ()
    storage: Storage = "float32"
    weights_sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceWeights:
    """A card, and its tensors by name, float32."""

    card: VoiceCard
    tensors: dict[str, FloatArray]


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
    path = Path(path)
    _check_name(path)
    _check_tensors(path, voice)
    kind = np.dtype(voice.card.storage)
    weights = save({name: np.ascontiguousarray(tensor, kind) for name, tensor in sorted(voice.tensors.items())})
    card = voice.card.model_copy(update={"weights_sha256": hashlib.sha256(weights).hexdigest()})
    try:
        write_with_card(path, weights, card.model_dump_json(indent=2))
    except OSError as error:
        raise VoiceError(str(path), f"cannot be written ({error.strerror})", "make room, then try again") from error
    return card


def load_voice(path: str | Path) -> VoiceWeights:
    """Read and check a voice.

    Raises:
        VoiceError: a file is missing or of another kind or version, the digest is wrong, tensors are missing,
            misshapen or not finite.
    """
    path = Path(path)
    _check_name(path)
    weights = _read(path)
    card = _read_card(path.with_suffix(".json"))
    if hashlib.sha256(weights).hexdigest() != card.weights_sha256:
        raise VoiceError(str(path), "is not the file its card was written for (sha256 differs)", "fetch both again")
    try:
        stored = load(weights)
    except (SafetensorError, KeyError, ValueError) as error:
        raise VoiceError(str(path), f"is not a safetensors file ({error})", "export the voice again") from error
    for name, tensor in stored.items():
        if tensor.dtype != card.storage:
            raise VoiceError(str(path), f"tensor {name} is {tensor.dtype}", f"its card says {card.storage}")
    voice = VoiceWeights(card=card, tensors={name: tensor.astype(np.float32) for name, tensor in stored.items()})
    _check_tensors(path, voice)
    return voice


def weights_sha256(voice: str) -> str | None:
    """The digest of a follower's `voice` setting where that is a file; naive and seeded voices have none.

    Raises:
        VoiceError: the file cannot be read, or is not named like a voice.
    """
    if voice in BUILT_IN_VOICES:
        return None
    path = voice_path(voice)
    _check_name(path)
    return hashlib.sha256(_read(path)).hexdigest()


def voice_path(voice: str) -> Path:
    """Where a trained voice lies: a shipped one by its name, any other by its path."""
    return voices_dir() / f"{voice}.safetensors" if voice in shipped_voices() else Path(voice)


def _check_name(path: Path) -> None:
    if path.suffix != ".safetensors":
        raise VoiceError(str(path), "is not a voice", "say naive or seeded, or name a .safetensors file with its card")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise VoiceError(str(path), f"cannot be read ({error.strerror})", "check the voice's path") from error


def _read_card(path: Path) -> VoiceCard:
    try:
        document = json.loads(_read(path))
    except (ValueError, RecursionError) as error:
        raise VoiceError(str(path), "is not JSON", "fetch the voice's card again") from error
    if isinstance(document, dict) and document.get("kind") == "kit":
        raise VoiceError(str(path), "is a drum kit's card", "give it to a follower whose role is drums")
    version = document.get("format_version") if isinstance(document, dict) else None
    if version != FORMAT_VERSION:
        raise VoiceError(str(path), f"is of voice format {version}", f"this release plays format {FORMAT_VERSION}")
    try:
        return VoiceCard.model_validate(document)
    except ValidationError as error:
        place, problem = first_complaint(error)
        raise VoiceError(str(path), f"{place}: {problem}", "fetch the voice's card again") from error


def _check_tensors(path: Path, voice: VoiceWeights) -> None:
    """Refuse weights that are not exactly those of the card, or not finite."""
    card, tensors = voice.card, voice.tensors
    if (card.num_harmonics, card.num_bands) != (NUM_HARMONICS, NUM_BANDS):
        counts = f"{card.num_harmonics} harmonics and {card.num_bands} bands"
        raise VoiceError(str(path), f"has {counts}", f"this release plays {NUM_HARMONICS} and {NUM_BANDS}")
    wanted = tensor_shapes(card)
    for name in sorted(wanted.keys() ^ tensors.keys()):
        problem = "is missing" if name in wanted else "is not part of a voice"
        raise VoiceError(str(path), f"tensor {name} {problem}", "export the voice again")
    for name, shape in wanted.items():
        tensor = tensors[name]
        if tensor.shape != shape or tensor.dtype != np.float32:
            found = f"{tensor.dtype} {list(tensor.shape)}"
            raise VoiceError(str(path), f"tensor {name} is {found}", f"it must be float32 {list(shape)}")
        if not np.isfinite(tensor).all():
            raise VoiceError(str(path), f"tensor {name} has values that are not finite", "train the voice again")

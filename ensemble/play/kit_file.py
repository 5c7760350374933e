"""A drum kit on disk: `NAME.safetensors` holds what was fitted, `NAME.json` is its card. Nothing in them can run.

Every drum has one or two layers: the strokes it was fitted to, softest first. Its tensors are named `drum/tensor`, in
float32; `tensor_shapes` lists them. Layers share the modes' frequencies; everything else each has for itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load

from ensemble.config import Settings, first_complaint
from ensemble.errors import VoiceError
from ensemble.play.checkpoint import weights_sha256
from ensemble.types import DRUM_CLASSES, DrumClass, FloatArray

KIT_FORMAT_VERSION = 1
NUM_NOISE_BANDS = 32
NUM_KNOTS = 20
TRANSIENT_SAMPLES = 576
"""12 ms at 48 kHz."""
MAX_DURATION_S = 5.0


class DrumCard(Settings):
    """One drum's sizes."""

    layers: int = Field(ge=1, le=2)
    modes: int = Field(ge=0, le=128)
    duration_s: float = Field(gt=0.05, le=MAX_DURATION_S)
    hits: tuple[str, ...] = ()
    """The recordings it was fitted to, one per layer."""


class KitCard(Settings):
    """What stands beside the numbers."""

    kind: Literal["kit"] = "kit"
    format_version: int = KIT_FORMAT_VERSION
    instrument: Literal["drums"] = "drums"
    drums: dict[DrumClass, DrumCard]
    trained_sample_rate: int = 48_000
    """In Hz. The kit plays at every rate."""
    training_data: str
    licence: str
    training_minutes: float = 0.0
    """Of CPU time."""
    recipe: str = ""
    command: str = ""
    """What fitted it."""
    metrics: dict[str, float] = {}
    baselines: dict[str, dict[str, float]] = {}
    """The spectral distance of what it must beat, by drum."""
    known_faults: tuple[str, ...] = ()
    weights_sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KitWeights:
    """A card, and the drums' tensors by name, float32."""

    card: KitCard
    tensors: dict[str, FloatArray]

    def of(self, drum: DrumClass) -> dict[str, FloatArray]:
        """One drum's tensors, without its name."""
        first = f"{drum}/"
        return {name.removeprefix(first): tensor for name, tensor in self.tensors.items() if name.startswith(first)}


def tensor_shapes(card: KitCard) -> dict[str, tuple[int, ...]]:
    """Every tensor a kit of this card has, and its shape.

    velocity: at which a layer is played as it was fitted. gain, contrast: a stroke's level is the first times its
    velocity to the power of the second (and what the player makes of velocity on every drum). tilt_db: by how much a
    soft stroke is darker than its layers say, per octave around pivot_hz and halving of the velocity. glide, glide_s:
    by which share the modes begin too high, and when 1/e of that is left. mode_*: settled frequency in Hz, levels of
    cosine and sine, seconds to 1/e. noise_db: level of a band at a knot (see `fitted_kit`). transient: the first
    samples at 48 kHz, less the modes.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for drum, one in card.drums.items():
        sizes: dict[str, tuple[int, ...]] = {
            "velocity": (one.layers,),
            "gain": (1,),
            "contrast": (1,),
            "tilt_db": (1,),
            "pivot_hz": (1,),
            "glide": (one.layers,),
            "glide_s": (one.layers,),
            "mode_hz": (one.modes,),
            "mode_cosine": (one.layers, one.modes),
            "mode_sine": (one.layers, one.modes),
            "mode_decay_s": (one.layers, one.modes),
            "noise_db": (one.layers, NUM_NOISE_BANDS, NUM_KNOTS),
            "transient": (one.layers, TRANSIENT_SAMPLES),
        }
        shapes |= {f"{drum}/{name}": shape for name, shape in sizes.items()}
    return shapes


def load_kit(path: str | Path) -> KitWeights:
    """Read and check a kit.

    Raises:
        VoiceError: a file is missing or of another kind or version, the digest is wrong, a drum is missing, or a tensor
            is missing, misshapen or out of range.
    """
    path = Path(path)
    digest = weights_sha256(str(path))
    card = _read_card(path.with_suffix(".json"))
    if digest != card.weights_sha256:
        raise VoiceError(str(path), "is not the file its card was written for (sha256 differs)", "fetch both again")
    try:
        tensors = load(path.read_bytes())
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise VoiceError(str(path), f"is not a safetensors file ({error})", "fit the kit again") from error
    kit = KitWeights(card=card, tensors=tensors)
    check_kit(path, kit)
    return kit


def check_kit(path: Path, kit: KitWeights) -> None:
    """Refuse numbers that are not exactly those of the card, or that no drum has.

    Raises:
        VoiceError: says which.
    """
    absent = [drum for drum in DRUM_CLASSES if drum not in kit.card.drums]
    if absent:
        raise VoiceError(str(path), f"has no {absent[0]}", f"a kit has {', '.join(DRUM_CLASSES)}")
    wanted = tensor_shapes(kit.card)
    for name in sorted(wanted.keys() ^ kit.tensors.keys()):
        problem = "is missing" if name in wanted else "is not part of a kit"
        raise VoiceError(str(path), f"tensor {name} {problem}", "fit the kit again")
    for name, shape in wanted.items():
        tensor = kit.tensors[name]
        if tensor.shape != shape or tensor.dtype != np.float32:
            found = f"{tensor.dtype} {list(tensor.shape)}"
            raise VoiceError(str(path), f"tensor {name} is {found}", f"it must be float32 {list(shape)}")
        low, high = _RANGES[name.split("/")[1]]
        if not ((tensor >= low) & (tensor <= high)).all():
            raise VoiceError(str(path), f"tensor {name} leaves {low:g}..{high:g}", "fit the kit again")
    for drum in kit.card.drums:
        if (np.diff(kit.tensors[f"{drum}/velocity"]) <= 0).any():
            raise VoiceError(str(path), f"tensor {drum}/velocity does not rise", "fit the kit again")


_RANGES: dict[str, tuple[float, float]] = {
    "velocity": (0.01, 1.0),
    "gain": (0.0, 100.0),
    "contrast": (0.0, 3.0),
    "tilt_db": (0.0, 6.0),
    "pivot_hz": (10.0, 20_000.0),
    "glide": (-0.5, 4.0),
    "glide_s": (0.001, 0.5),
    "mode_hz": (10.0, 23_999.0),
    "mode_cosine": (-10.0, 10.0),
    "mode_sine": (-10.0, 10.0),
    "mode_decay_s": (0.0005, 10.0),
    "noise_db": (-160.0, 20.0),
    "transient": (-10.0, 10.0),
}
"""What is finite and what a drum can do, by tensor."""


def _read_card(path: Path) -> KitCard:
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise VoiceError(str(path), f"cannot be read ({error.strerror})", "check the kit's path") from error
    except (ValueError, RecursionError) as error:
        raise VoiceError(str(path), "is not JSON", "fetch the kit's card again") from error
    if not isinstance(document, dict) or document.get("kind") != "kit":
        raise VoiceError(str(path), "is no drum kit's card", "drums play naive, drums, or a kit of `train kit`")
    if document.get("format_version") != KIT_FORMAT_VERSION:
        version = document.get("format_version")
        raise VoiceError(str(path), f"is of kit format {version}", f"this release plays format {KIT_FORMAT_VERSION}")
    try:
        return KitCard.model_validate(document)
    except ValidationError as error:
        place, problem = first_complaint(error)
        raise VoiceError(str(path), f"{place}: {problem}", "fetch the kit's card again") from error

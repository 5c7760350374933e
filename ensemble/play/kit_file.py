"""A drum kit on disk: `NAME.safetensors` holds what was fitted, `NAME.json` is its card. Nothing in them can run.

Every drum has one or two layers: the strokes it was fitted to, softest first. Its tensors are named `drum/tensor`, in
float32. Layers share the modes' frequencies; everything else each has for itself.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import Field

from ensemble.config import BUILT_IN, Settings, own_voices, weights_dir
from ensemble.errors import VoiceError
from ensemble.files.weights import Card, Fault, Format, Shapes, Weights
from ensemble.types.music import DRUM_CLASSES, DrumClass, FloatArray

KIT_FORMAT_VERSION = 1
NUM_NOISE_BANDS = 32
NUM_KNOTS = 20
TRANSIENT_SAMPLES = 576
"""12 ms at 48 kHz."""
MAX_DURATION_S = 5.0


class DrumCard(Settings):
    """One drum's sizes."""

    layers: int = Field(ge=1, le=2)
    """Strokes that it was fitted to, softest first."""
    modes: int = Field(ge=0, le=128)
    """Decaying sines in each."""
    duration_s: float = Field(gt=0.05, le=MAX_DURATION_S)
    """Then it has rung out."""
    hits: tuple[str, ...] = ()
    """The recordings it was fitted to, one per layer."""


class KitCard(Card):
    """What stands beside the numbers."""

    kind: Literal["kit"] = "kit"
    """Tells a kit's card from a voice's."""
    format_version: int = KIT_FORMAT_VERSION
    instrument: Literal["drums"] = "drums"
    drums: dict[DrumClass, DrumCard]
    """The sizes of every drum."""
    trained_sample_rate: int = 48_000
    """In Hz. The kit plays at every rate."""
    training_data: str
    licence: str
    metrics: dict[str, float] = {}
    baselines: dict[str, dict[str, float]] = {}
    """The spectral distance of what it must beat, by drum."""


def _stranger(card: dict[str, Any]) -> Fault:
    is_kit = card.get("kind") == "kit"
    return None if is_kit else ("is no drum kit's card", "drums play naive, drums, or a kit of `train kit`")


def _card_fault(card: KitCard) -> Fault:
    absent = [drum for drum in DRUM_CLASSES if drum not in card.drums]
    return (f"has no {absent[0]}", f"a kit has {', '.join(DRUM_CLASSES)}") if absent else None


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


def _tensor_fault(card: KitCard, tensors: dict[str, FloatArray]) -> Fault:
    for name, tensor in tensors.items():
        low, high = _RANGES[name.split("/")[1]]
        if not ((tensor >= low) & (tensor <= high)).all():
            return f"tensor {name} leaves {low:g}..{high:g}", "fit the kit again"
    falls = [drum for drum in card.drums if (np.diff(tensors[f"{drum}/velocity"]) <= 0).any()]
    return (f"tensor {falls[0]}/velocity does not rise", "fit the kit again") if falls else None


def _shapes(card: KitCard) -> Shapes:
    """Every tensor a kit of this card has, and its shape.

    velocity: at which a layer is played as it was fitted. gain, contrast: a stroke's level is the first times its
    velocity to the power of the second (and what the player makes of velocity on every drum). tilt_db: by how much a
    soft stroke is darker than its layers say, per octave around pivot_hz and halving of the velocity. glide, glide_s:
    by which share the modes begin too high, and when 1/e of that is left. mode_*: settled frequency in Hz, levels of
    cosine and sine, seconds to 1/e. noise_db: level of a band at a knot (see `fitted_kit`). transient: the first
    samples at 48 kHz, less the modes.
    """
    shapes: Shapes = {}
    for drum, one in card.drums.items():
        sizes: Shapes = {
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


KitWeights = Weights[KitCard]
KIT = Format(
    name="a kit", card=KitCard, version=KIT_FORMAT_VERSION, error=VoiceError, built_in=BUILT_IN["voice"],
    folder=weights_dir("voice"), added=own_voices, shapes=_shapes, card_fault=_card_fault, tensor_fault=_tensor_fault,
    stranger=_stranger,
)  # fmt: skip


def tensors_of(kit: KitWeights, drum: DrumClass) -> dict[str, FloatArray]:
    """One drum's tensors, without its name."""
    first = f"{drum}/"
    return {name.removeprefix(first): tensor for name, tensor in kit.tensors.items() if name.startswith(first)}

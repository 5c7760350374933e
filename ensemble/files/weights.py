"""Weights on disk: `NAME.safetensors`, and beside it `NAME.json`, its card. Nothing in them can run.

Both are written together or not at all, and checked against each other when they are read. In memory tensors are
float32; on disk they are float32 or, at half the size, float16, as the card says.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import numpy as np
from pydantic import Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ensemble.config import Settings, first_complaint, weights_in
from ensemble.errors import EnsembleError
from ensemble.files.replace import replacing, write_through
from ensemble.types.choices import offer
from ensemble.types.music import FloatArray

if TYPE_CHECKING:
    from torch import nn

Shapes = dict[str, tuple[int, ...]]


class Card(Settings):
    """What every card says: what the weights learned from, how, under which licence, how well, and what they lack."""

    format_version: int
    training_data: str = ""
    """How much of what it learned from."""
    licence: str = ""
    """Of the weights, or of what they were learned from."""
    training_minutes: float = Field(default=0.0, ge=0.0)
    """Of CPU time."""
    recipe: str = ""
    """How it was trained."""
    command: str = ""
    """The command that trained it."""
    metrics: dict[str, Any] = {}
    """What was measured on held-out material."""
    known_faults: tuple[str, ...] = ()
    """What it does badly."""
    storage: Literal["float32", "float16"] = "float32"
    """Type of the tensors in the file."""
    weights_sha256: str = ""
    """Digest of the weights file."""


C = TypeVar("C", bound=Card)


@dataclass(frozen=True, kw_only=True)
class Weights(Generic[C]):
    """What is read from a pair of files."""

    card: C
    """What the weights are."""
    tensors: dict[str, FloatArray]
    """By name, float32."""


Fault = tuple[str, str] | None
"""What is wrong, and the cure."""


@dataclass(frozen=True, kw_only=True)
class Format(Generic[C]):
    """One kind of weights: how its files are found, read and written, and how their faults are told."""

    name: str
    """In errors, with its article."""
    card: type[C]
    """What its cards hold."""
    version: int
    """Of the format that this release reads."""
    error: type[EnsembleError]
    """Is raised where something is wrong."""
    built_in: tuple[str, ...]
    """What may be said in place of a file."""
    folder: Path
    """Where the weights lie that come with the package."""
    added: Callable[[], dict[str, Path]] = dict
    """Where those lie that a user added, by name."""
    shapes: Callable[[C], Shapes]
    """Every tensor that weights of a card have, by name; linear layers are [out, in], as torch keeps them."""
    card_fault: Callable[[C], Fault] = lambda _: None
    """What makes a card unusable although its fields are valid."""
    tensor_fault: Callable[[C, dict[str, FloatArray]], Fault] = lambda *_: None
    """What makes tensors unusable although they are finite and have the right shapes."""
    stranger: Callable[[dict[str, Any]], Fault] = lambda _: None
    """Why a JSON document is a card of another kind."""

    @property
    def file_name(self) -> str:
        """What the best weights of a training run are called."""
        return f"{self.name.split(maxsplit=1)[1]}.safetensors"

    def path_of(self, setting: str) -> Path:
        """Where weights lie: shipped and added ones by their name, any others by their path."""
        if setting in weights_in(self.folder):
            return self.folder / f"{setting}.safetensors"
        return self.added().get(setting, Path(setting))

    def sha256_of(self, setting: str) -> str | None:
        """The digest of the file that a setting names; None for what is built in.

        Raises:
            error: the file cannot be read, or is not named like weights.
        """
        if setting in self.built_in:
            return None
        return hashlib.sha256(self._bytes(self.path_of(setting))).hexdigest()

    def load(self, setting: str) -> Weights[C]:
        """Read the weights that a setting names; see `read`."""
        return self.read(self.path_of(setting))

    def read(self, path: Path) -> Weights[C]:
        """Read and check weights.

        Raises:
            error: a file is missing, or of another kind or version; the digest is wrong; the card has a fault; or
                tensors are missing, misshapen, not finite, or have a fault.
        """
        content, card = self._bytes(path), self._card(path.with_suffix(".json"))
        if hashlib.sha256(content).hexdigest() != card.weights_sha256:
            raise self.error(str(path), "is not the file its card was written for (sha256 differs)", "fetch both again")
        try:
            stored = load(content)
        except (SafetensorError, KeyError, ValueError) as damage:
            raise self.error(str(path), f"is not a safetensors file ({damage})", "export it again") from damage
        for name, tensor in stored.items():
            if tensor.dtype != card.storage:
                raise self.error(str(path), f"tensor {name} is {tensor.dtype}", f"its card says {card.storage}")
        weights = Weights(card=card, tensors={name: tensor.astype(np.float32) for name, tensor in stored.items()})
        self._check(path, weights)
        return weights

    def write(self, path: Path, weights: Weights[C]) -> C:
        """Write weights and their card.

        Args:
            path: of the weights, ending in `.safetensors`; the card goes beside it.
            weights: the digest on their card is filled in.

        Returns:
            The card as written.

        Raises:
            error: the name ends otherwise, `read` would refuse what would be stored, or there is no room for it; then
                nothing has changed.
        """
        self._check_name(path)
        for name, tensor in weights.tensors.items():
            if tensor.dtype != np.float32:
                raise self.error(str(path), f"tensor {name} is {tensor.dtype}", "it must be float32")
        kind = np.dtype(weights.card.storage)
        with np.errstate(over="ignore"):  # what is too large to be stored is refused below
            stored = {name: np.ascontiguousarray(tensor, kind) for name, tensor in sorted(weights.tensors.items())}
        kept = {name: tensor.astype(np.float32) for name, tensor in stored.items()}
        self._check(path, Weights(card=weights.card, tensors=kept))
        content = save(stored)
        card = weights.card.model_copy(update={"weights_sha256": hashlib.sha256(content).hexdigest()})
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as new, replacing(path.with_suffix(".json")) as new_card:
                write_through(new, content)
                write_through(new_card, card.model_dump_json(indent=2).encode() + b"\n")
        except OSError as full:
            raise self.error(
                str(path), f"cannot be written ({full.strerror})", "make room there, or name another place"
            ) from full
        return card

    def _check(self, path: Path, weights: Weights[C]) -> None:
        """Refuse weights that are not exactly those of their card."""
        self._refuse(path, self.card_fault(weights.card))
        wanted, tensors = self.shapes(weights.card), weights.tensors
        for name in sorted(wanted.keys() ^ tensors.keys()):
            problem = "is missing" if name in wanted else f"is not part of {self.name}"
            raise self.error(str(path), f"tensor {name} {problem}", "export it again")
        for name, shape in wanted.items():
            if tensors[name].shape != shape:
                found = f"tensor {name} is {list(tensors[name].shape)}"
                raise self.error(str(path), found, f"it must be {list(shape)}")
            if not np.isfinite(tensors[name]).all():
                raise self.error(str(path), f"tensor {name} has values that are not finite", "train again")
        self._refuse(path, self.tensor_fault(weights.card, tensors))

    def _refuse(self, path: Path, fault: Fault) -> None:
        if fault is not None:
            raise self.error(str(path), *fault)

    def _check_name(self, path: Path) -> None:
        if str(path) in self.built_in:
            bare = self.name.split(maxsplit=1)[1]
            raise self.error(str(path), "is built in and has learned nothing", f"choose a shipped {bare}")
        if path.suffix != ".safetensors":
            known = offer(path.name, (*self.built_in, *weights_in(self.folder), *self.added()))
            cure = f"{known}, or name a .safetensors file with its card"
            raise self.error(str(path), f"is not {self.name}", cure)

    def _bytes(self, path: Path) -> bytes:
        """The content of a weights file."""
        self._check_name(path)
        return self._content(path)

    def _content(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as gone:
            raise self.error(str(path), f"cannot be read ({gone.strerror})", "check the path") from gone

    def _card(self, path: Path) -> C:
        cure, bare = "fetch its card again", self.name.split(maxsplit=1)[1]
        try:
            document = json.loads(self._content(path))
        except (ValueError, RecursionError) as damage:
            raise self.error(str(path), "is not JSON", cure) from damage
        found = document.get("format_version") if isinstance(document, dict) else None
        if isinstance(document, dict):
            self._refuse(path, self.stranger(document))
        if found != self.version:
            raise self.error(str(path), f"is of {bare} format {found}", f"this release reads {self.version}")
        try:
            return self.card.model_validate(document)
        except ValidationError as wrong:
            place, problem, *_ = first_complaint(wrong, self.card, document)
            raise self.error(str(path), f"{place}: {problem}", cure) from wrong


def linear_shapes(name: str, num_in: int, num_out: int) -> Shapes:
    """Of a linear layer."""
    return {f"{name}.weight": (num_out, num_in), f"{name}.bias": (num_out,)}


def norm_shapes(name: str, width: int) -> Shapes:
    """Of a layer norm."""
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def gru_shapes(name: str, num_in: int, hidden: int, layers: int = 1) -> Shapes:
    """Of a stack of gated recurrent units."""
    shapes: Shapes = {}
    for layer in range(layers):
        shapes[f"{name}.weight_ih_l{layer}"] = (3 * hidden, hidden if layer else num_in)
        shapes[f"{name}.weight_hh_l{layer}"] = (3 * hidden, hidden)
        shapes[f"{name}.bias_ih_l{layer}"] = shapes[f"{name}.bias_hh_l{layer}"] = (3 * hidden,)
    return shapes


def state_tensors(network: nn.Module) -> dict[str, FloatArray]:
    """What a torch network has learned, as weights hold it."""
    return {name: tensor.detach().cpu().float().numpy().copy() for name, tensor in network.state_dict().items()}

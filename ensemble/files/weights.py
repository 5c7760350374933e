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
from typing import Any, Generic, Literal, TypeVar

import numpy as np
from pydantic import Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ensemble.config import Settings, first_complaint, weights_in
from ensemble.errors import EnsembleError
from ensemble.files.replace import replacing, write_through
from ensemble.types.music import FloatArray

Shapes = dict[str, tuple[int, ...]]


class Card(Settings):
    """What every card says: what the weights learned from, how, under which licence, how well, and what they lack."""

    format_version: int
    training_data: str = ""
    licence: str = ""
    training_minutes: float = Field(default=0.0, ge=0.0)
    """Of CPU time."""
    recipe: str = ""
    command: str = ""
    """What trained it."""
    metrics: dict[str, Any] = {}
    known_faults: tuple[str, ...] = ()
    storage: Literal["float32", "float16"] = "float32"
    weights_sha256: str = ""


C = TypeVar("C", bound=Card)


@dataclass(frozen=True, kw_only=True)
class Weights(Generic[C]):
    """A card, and its tensors by name, float32."""

    card: C
    tensors: dict[str, FloatArray]


Check = Callable[[Path, Weights[C]], None]
"""Refuses weights that are not those of their card."""


@dataclass(frozen=True, kw_only=True)
class Format(Generic[C]):
    """One kind of weights: how its files are found, read and written, and how their faults are told.

    name: in errors, with its article. card: what its cards hold. version: of the format that this release reads.
    error: that is raised. built_in: what may be said in place of a file. folder: where those lie that come with the
    package. stranger: a problem and a cure, for a card that is of another kind.
    """

    name: str
    card: type[C]
    version: int
    error: type[EnsembleError]
    built_in: tuple[str, ...]
    folder: Path
    stranger: Callable[[dict[str, Any]], tuple[str, str] | None] = lambda _: None

    def path_of(self, setting: str) -> Path:
        """Where weights lie: shipped ones by their name, any others by their path."""
        return self.folder / f"{setting}.safetensors" if setting in weights_in(self.folder) else Path(setting)

    def sha256_of(self, setting: str) -> str | None:
        """The digest of the file that a setting names; None for what is built in.

        Raises:
            error: the file cannot be read, or is not named like weights.
        """
        if setting in self.built_in:
            return None
        return hashlib.sha256(self._bytes(self.path_of(setting))).hexdigest()

    def read(self, path: Path, check: Check[C]) -> Weights[C]:
        """Read and check weights.

        Raises:
            error: a file is missing, or of another kind or version; the digest is wrong; or `check` refuses.
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
        check(path, weights)
        return weights

    def write(self, path: Path, weights: Weights[C], check: Check[C]) -> C:
        """Write weights and their card.

        Returns:
            The card as written, with the digest.

        Raises:
            error: the file is not named like weights, `check` refuses what would be stored, or there is no room for it;
                then nothing has changed.
        """
        self._check_name(path)
        for name, tensor in weights.tensors.items():
            if tensor.dtype != np.float32:
                raise self.error(str(path), f"tensor {name} is {tensor.dtype}", "it must be float32")
        kind = np.dtype(weights.card.storage)
        with np.errstate(over="ignore"):  # what is too large to be stored is refused below
            stored = {name: np.ascontiguousarray(tensor, kind) for name, tensor in sorted(weights.tensors.items())}
        kept = {name: tensor.astype(np.float32) for name, tensor in stored.items()}
        check(path, Weights(card=weights.card, tensors=kept))
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

    def check_shapes(self, path: Path, tensors: dict[str, FloatArray], wanted: Shapes) -> None:
        """Refuse tensors that are not exactly those that are wanted, or not finite, with the `error`."""
        for name in sorted(wanted.keys() ^ tensors.keys()):
            problem = "is missing" if name in wanted else f"is not part of {self.name}"
            raise self.error(str(path), f"tensor {name} {problem}", "export it again")
        for name, shape in wanted.items():
            if tensors[name].shape != shape:
                raise self.error(
                    str(path), f"tensor {name} is {list(tensors[name].shape)}", f"it must be {list(shape)}"
                )
            if not np.isfinite(tensors[name]).all():
                raise self.error(str(path), f"tensor {name} has values that are not finite", "train again")

    def _check_name(self, path: Path) -> None:
        if path.suffix != ".safetensors":
            known = ", ".join((*self.built_in, *weights_in(self.folder)))
            cure = f"say one of {known}, or name a .safetensors file with its card"
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
        if isinstance(document, dict) and (strange := self.stranger(document)) is not None:
            raise self.error(str(path), *strange)
        if found != self.version:
            raise self.error(str(path), f"is of {bare} format {found}", f"this release reads {self.version}")
        try:
            return self.card.model_validate(document)
        except ValidationError as wrong:
            place, problem = first_complaint(wrong)
            raise self.error(str(path), f"{place}: {problem}", cure) from wrong

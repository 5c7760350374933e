"""Weights and the card beside them: two files, written together or not at all, and checked when they are read."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load

from ensemble.config import Settings, first_complaint
from ensemble.errors import EnsembleError
from ensemble.types import FloatArray

C = TypeVar("C", bound=Settings)


def write_with_card(path: Path, weights: bytes, card: str) -> None:
    """Write weights, and their card as JSON beside them.

    Args:
        path: of the weights; the card goes beside it, ending in `.json`.
        weights: the content of the file.
        card: the content of the card.

    Raises:
        OSError: they cannot be written; what was there is unharmed.
    """
    files = {path: weights, path.with_suffix(".json"): card.encode() + b"\n"}
    asides = {file: file.with_name(file.name + ".part") for file in files}
    try:
        for file, content in files.items():
            asides[file].write_bytes(content)
        for file in files:
            os.replace(asides[file], file)  # noqa: PTH105  atomic: a full disk leaves what was there
    except OSError:
        for aside in asides.values():
            aside.unlink(missing_ok=True)
        raise


def read_with_card(
    path: Path, kind: type[C], what: str, version: int, error: type[EnsembleError]
) -> tuple[C, dict[str, FloatArray]]:
    """Read weights that belong to their card.

    Args:
        path: of the weights.
        kind: of the card; has a `weights_sha256`.
        what: the file is, in one word, for errors.
        version: of the format that this release reads.
        error: to raise.

    Returns:
        The card, and the tensors by name, float32.
    """
    weights, card = bytes_of(path, what, error), _card(path.with_suffix(".json"), kind, what, version, error)
    if hashlib.sha256(weights).hexdigest() != getattr(card, "weights_sha256", None):
        raise error(str(path), "is not the file its card was written for (sha256 differs)", "fetch both again")
    try:
        stored = load(weights)
    except (SafetensorError, KeyError, ValueError) as damage:
        raise error(str(path), f"is not a safetensors file ({damage})", "export it again") from damage
    return card, {name: tensor.astype(np.float32) for name, tensor in stored.items()}


def bytes_of(path: Path, what: str, error: type[EnsembleError]) -> bytes:
    """A file's content, or the `error`."""
    try:
        return path.read_bytes()
    except OSError as gone:
        raise error(str(path), f"cannot be read ({gone.strerror})", f"check the {what}'s path") from gone


def check_shapes(
    path: Path,
    tensors: dict[str, FloatArray],
    wanted: dict[str, tuple[int, ...]],
    what: str,
    error: type[EnsembleError],
) -> None:
    """Refuse weights that are not exactly those that are wanted, or not finite, with the `error`."""
    for name in sorted(wanted.keys() ^ tensors.keys()):
        problem = "is missing" if name in wanted else f"is not part of {what}"
        raise error(str(path), f"tensor {name} {problem}", "export it again")
    for name, shape in wanted.items():
        if tensors[name].shape != shape:
            raise error(str(path), f"tensor {name} is {list(tensors[name].shape)}", f"it must be {list(shape)}")
        if not np.isfinite(tensors[name]).all():
            raise error(str(path), f"tensor {name} has values that are not finite", "train again")


def _card(path: Path, kind: type[C], what: str, version: int, error: type[EnsembleError]) -> C:
    cure = f"fetch the {what}'s card again"
    try:
        document = json.loads(bytes_of(path, what, error))
    except (ValueError, RecursionError) as damage:
        raise error(str(path), "is not JSON", cure) from damage
    found = document.get("format_version") if isinstance(document, dict) else None
    if found != version:
        raise error(str(path), f"is of {what} format {found}", f"this release reads {version}")
    try:
        return kind.model_validate(document)
    except ValidationError as wrong:
        place, problem = first_complaint(wrong)
        raise error(str(path), f"{place}: {problem}", cure) from wrong

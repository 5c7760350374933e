"""Weights and the card beside them: two files that are written together, or not at all."""

from __future__ import annotations

import os
from pathlib import Path


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

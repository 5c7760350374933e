"""A run on disk: Lightning's checkpoint as one safetensors file. Nothing in it can run.

Tensors lie under numbers; everything else is JSON in the file's metadata, with `{"tensor": number}` where a tensor was.
A file replaces the last one whole, so that a full disk or a killed process leaves the last one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from lightning.pytorch.plugins.io import CheckpointIO
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ensemble.errors import VoiceError
from ensemble.files.replace import write_output
from ensemble.files.weights import Card
from ensemble.train.pace import FitState

CHECKPOINT = "checkpoint.safetensors"
FACTS = "FitCallback"
"""Under which name of Lightning's `callbacks` the state and the fingerprint of a run stand."""
_CURE = "train into another folder"
AnyCard = TypeVar("AnyCard", bound=Card)


class SafetensorsIO(CheckpointIO):
    """Writes and reads Lightning's checkpoints without pickle."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint.

        Raises:
            OutputError: it cannot be written; the last one is unharmed.
        """
        del storage_options
        tensors: dict[str, Tensor] = {}

        def put_aside(tensor: Tensor) -> dict[str, str]:
            name = str(len(tensors))
            tensors[name] = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
            return {"tensor": name}

        text = json.dumps(checkpoint, default=put_aside)
        write_output(Path(path), save(tensors, metadata={"checkpoint": text}))

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        """Read a checkpoint; its tensors are on the CPU.

        Raises:
            VoiceError: the file is missing, cut short or of another kind.
        """
        del map_location, weights_only
        with _opened(Path(path)) as kept:
            return _document(Path(path), kept, kept.get_tensor)

    def remove_checkpoint(self, path: Any) -> None:
        """Lightning asks for this where it keeps several."""
        Path(path).unlink(missing_ok=True)


def kept_card(path: Path, kind: type[AnyCard], command: str) -> AnyCard | None:
    """The card of a run that goes on, which does not need the file that it began with; None where none is kept.

    Args:
        path: of the checkpoint.
        kind: of the card.
        command: that goes on; the card names it.

    Raises:
        VoiceError: the file is cut short or of another kind.
    """
    kept = SafetensorsIO().load_checkpoint(path).get("card") if path.exists() else None
    try:
        return None if kept is None else kind.model_validate(kept | {"command": command})
    except ValidationError as error:
        raise VoiceError(str(path), "holds a card of another form", _CURE) from error


def read_state(path: Path) -> FitState:
    """How far a run has come.

    Raises:
        VoiceError: the file is missing, cut short or of another kind.
    """
    return FitState(**_read_facts(path)["state"])


def check_run(path: Path, fingerprint: dict[str, str]) -> None:
    """Refuse to go on from a checkpoint of another run, before anything is read or computed.

    Args:
        path: of the checkpoint.
        fingerprint: what the run that wants to go on is made of, or a part of it. What the checkpoint does not tell is
            not compared.

    Raises:
        VoiceError: the file is missing, cut short or of another kind, or its run was another; names all that differs.
    """
    theirs = _read_facts(path)["fingerprint"]
    differs = sorted(name for name in fingerprint.keys() & theirs if fingerprint[name] != theirs[name])
    if differs:
        changes = ", ".join(f"{name} {theirs[name]}, not {fingerprint[name]}" for name in differs)
        cure = "train into another folder, or with the same data and settings"
        raise VoiceError(str(path), f"was made with {changes}", cure)


def _read_facts(path: Path) -> dict[str, Any]:
    """The state and the fingerprint of a run."""
    with _opened(path) as kept:
        facts: dict[str, Any] = _document(path, kept, str)["callbacks"][FACTS]
    return facts


def _document(path: Path, kept: Any, tensor_of: Any) -> dict[str, Any]:
    def put_back(found: dict[str, Any]) -> Any:
        if found.keys() == {"tensor"}:
            return tensor_of(found["tensor"])
        return {int(name) if name.isdecimal() else name: value for name, value in found.items()}

    facts = kept.metadata() or {}
    if "checkpoint" not in facts:
        raise VoiceError(str(path), "is the checkpoint of another release", _CURE)
    document: dict[str, Any] = json.loads(facts["checkpoint"], object_hook=put_back)
    return document


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt") as kept:
            yield kept
    except (OSError, SafetensorError) as error:
        raise VoiceError(str(path), f"is not a checkpoint ({error})", _CURE) from error

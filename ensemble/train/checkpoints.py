"""A run on disk: weights, the optimiser's moments and the run's state in one safetensors file. Nothing in it can run.

It is written beside the last one and then takes its place, so that a full disk or a killed process leaves a whole one.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ensemble.errors import OutputError, VoiceError
from ensemble.train.pace import RunState

CHECKPOINT = "checkpoint.safetensors"
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file at once, or not at all.

    Raises:
        OutputError: there is no room, or no permission; what was there is unharmed.
    """
    aside = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(aside, path)  # noqa: PTH105  atomic on one file system
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise OutputError(str(path), f"cannot be written ({error.strerror})", "make room, then --resume") from error


def save_run(
    path: Path, network: nn.Module, optimizer: torch.optim.Optimizer, state: RunState, fingerprint: dict[str, str]
) -> None:
    """Write a checkpoint.

    Args:
        path: of the file.
        network: its parameters.
        optimizer: Adam over those parameters.
        state: of the run.
        fingerprint: settings that a run must share with the one that goes on from here.

    Raises:
        OutputError: it cannot be written; the last one is unharmed.
    """
    tensors: dict[str, Tensor] = {}
    for name, parameter in network.named_parameters():
        tensors[f"weights/{name}"] = parameter.detach()
        moments = optimizer.state.get(parameter, {})
        tensors |= {f"{kind}/{name}": moments[kind].detach() for kind in _MOMENTS if kind in moments}
    on_host = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    facts = {"state": json.dumps(asdict(state)), "fingerprint": json.dumps(fingerprint, sort_keys=True)}
    write_atomically(path, save(on_host, metadata=facts))


def read_state(path: Path) -> RunState:
    """How far a run has come.

    Raises:
        VoiceError: the file is missing, cut short or of another kind.
    """
    return _read(path)[0]


def load_run(path: Path, network: nn.Module, optimizer: torch.optim.Optimizer, fingerprint: dict[str, str]) -> RunState:
    """Go on from a checkpoint: fills the network and the optimiser.

    Raises:
        VoiceError: the file is missing, cut short, of another kind, or of a run with other settings.
    """
    state, theirs, tensors = _read(path)
    differs = sorted(name for name in fingerprint.keys() | theirs if fingerprint.get(name) != theirs.get(name))
    if differs:
        name = differs[0]
        problem = f"was made with {name} {theirs.get(name)}, not {fingerprint.get(name)}"
        raise VoiceError(str(path), problem, "train into another folder, or with the same settings")
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            stored = tensors.get(f"weights/{name}")
            if stored is None or stored.shape != parameter.shape:
                raise VoiceError(str(path), f"lacks the tensor {name}", "train without --resume")
            parameter.copy_(stored)
            moments = {kind: tensors[f"{kind}/{name}"] for kind in _MOMENTS if f"{kind}/{name}" in tensors}
            if moments:
                optimizer.state[parameter] = {
                    kind: moment if kind == "step" else moment.to(parameter.device) for kind, moment in moments.items()
                }
    return state


def _read(path: Path) -> tuple[RunState, dict[str, str], dict[str, Tensor]]:
    """The state, the fingerprint and the tensors of a checkpoint."""
    try:
        with safe_open(path, framework="pt") as kept:
            facts = kept.metadata() or {}
            tensors = {name: kept.get_tensor(name) for name in kept.keys()}  # noqa: SIM118  it is not a mapping
    except (OSError, SafetensorError) as error:
        raise VoiceError(str(path), f"is not a checkpoint ({error})", "train without --resume") from error
    try:
        return RunState(**json.loads(facts["state"])), json.loads(facts["fingerprint"]), tensors
    except (KeyError, TypeError, ValueError) as error:
        raise VoiceError(str(path), "lacks the state of its run", "train without --resume") from error

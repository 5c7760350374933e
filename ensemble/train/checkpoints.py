"""A run on disk: weights, the optimiser's moments and the run's state in one safetensors file. Nothing in it can run.

It is written beside the last one and then takes its place, so that a full disk or a killed process leaves a whole one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ensemble.errors import VoiceError
from ensemble.files.replace import write_output
from ensemble.train.pace import RunState

CHECKPOINT = "checkpoint.safetensors"
_CURE = "train into another folder"
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


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
    write_output(path, save(on_host, metadata=facts))


def read_state(path: Path) -> RunState:
    """How far a run has come.

    Raises:
        VoiceError: the file is missing, cut short or of another kind.
    """
    return _read_facts(path)[0]


def check_run(path: Path, fingerprint: dict[str, str]) -> None:
    """Refuse to go on from a checkpoint of another run, before anything is read or computed.

    Args:
        path: of the checkpoint.
        fingerprint: what the run that wants to go on is made of, or a part of it. What an older checkpoint does not
            tell is not asked.

    Raises:
        VoiceError: the file is missing, cut short or of another kind, or its run was another; names all that differs.
    """
    _compare(path, _read_facts(path)[1], fingerprint)


def load_run(path: Path, network: nn.Module, optimizer: torch.optim.Optimizer, fingerprint: dict[str, str]) -> RunState:
    """Go on from a checkpoint: fills the network and the optimiser.

    Raises:
        VoiceError: the file is missing, cut short, of another kind, or of a run with other settings.
    """
    state, theirs, tensors = _read(path)
    _compare(path, theirs, fingerprint)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            stored = tensors.get(f"weights/{name}")
            if stored is None or stored.shape != parameter.shape:
                raise VoiceError(str(path), f"lacks the tensor {name}", _CURE)
            parameter.copy_(stored)
            moments = {kind: tensors[f"{kind}/{name}"] for kind in _MOMENTS if f"{kind}/{name}" in tensors}
            if moments:
                optimizer.state[parameter] = {
                    kind: moment if kind == "step" else moment.to(parameter.device) for kind, moment in moments.items()
                }
    return state


def _compare(path: Path, theirs: dict[str, str], ours: dict[str, str]) -> None:
    differs = sorted(name for name in ours.keys() & theirs if ours[name] != theirs[name])
    if differs:
        changes = ", ".join(f"{name} {theirs[name]}, not {ours[name]}" for name in differs)
        cure = "train into another folder, or with the same data and settings"
        raise VoiceError(str(path), f"was made with {changes}", cure)


def _read(path: Path) -> tuple[RunState, dict[str, str], dict[str, Tensor]]:
    """The state, the fingerprint and the tensors of a checkpoint."""
    with _opened(path) as kept:
        tensors = {name: kept.get_tensor(name) for name in kept.keys()}  # noqa: SIM118  it is not a mapping
    return *_read_facts(path), tensors


def _read_facts(path: Path) -> tuple[RunState, dict[str, str]]:
    """The state and the fingerprint of a checkpoint."""
    with _opened(path) as kept:
        facts = kept.metadata() or {}
    try:
        return RunState(**json.loads(facts["state"])), json.loads(facts["fingerprint"])
    except (KeyError, TypeError, ValueError) as error:
        raise VoiceError(str(path), "lacks the state of its run", _CURE) from error


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt") as kept:
            yield kept
    except (OSError, SafetensorError) as error:
        raise VoiceError(str(path), f"is not a checkpoint ({error})", _CURE) from error

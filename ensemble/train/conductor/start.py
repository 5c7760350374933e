"""A conductor's training that goes on from another conductor, who may not have met every instrument."""

from __future__ import annotations

from pathlib import Path

import torch

from ensemble.conduct.conductor_file import CONDUCTOR, ConductorCard, ConductorWeights
from ensemble.errors import ConfigError
from ensemble.train.conductor.network import ConductorNet
from ensemble.train.conductor.settings import TrainConductorSettings

_BY_INSTRUMENT = ("instrument.weight", "regression.weight", "regression.bias")


def first_weights(settings: TrainConductorSettings, folder: Path) -> ConductorWeights:
    """The conductor to go on from.

    Args:
        settings: name it in `start`.
        folder: where a relative path begins.

    Raises:
        ConductorError: it cannot be read.
        ConfigError: it is of another size.
    """
    start = str(settings.start)
    conductor = CONDUCTOR.read(folder / CONDUCTOR.path_of(start))
    for name in ("width", "heads", "layers", "window"):
        theirs, ours = getattr(conductor.card, name), getattr(settings, name)
        if theirs != ours:
            raise ConfigError("start", f"{start} has {name} {theirs}", f"set {name} to it; it is {ours}")
    return conductor


def continued_card(before: ConductorCard, after: ConductorCard, start: str) -> ConductorCard:
    """The card of a run that goes on: whom either has met; instruments that both have met keep their balance."""
    return after.model_copy(
        update={
            "instruments": tuple(sorted({*before.instruments, *after.instruments})),
            "roles": tuple(sorted({*before.roles, *after.roles})),
            "balance_db": dict(sorted((after.balance_db | before.balance_db).items())),
            "training_data": f"{before.training_data}; then {after.training_data}",
            "licence": "; ".join(dict.fromkeys((before.licence, after.licence))),
            "couples": tuple(dict.fromkeys((*before.couples, *after.couples))),
            "does_not_couple": tuple(dict.fromkeys((*before.does_not_couple, *after.does_not_couple))),
            "max_late_frames": max(before.max_late_frames, after.max_late_frames),
            "held_out_sha256": before.held_out_sha256 | after.held_out_sha256,
            "recipe": f"{after.recipe}, from {start}",
        }
    )


@torch.no_grad()
def take_over(network: ConductorNet, conductor: ConductorWeights) -> None:
    """Give a network a conductor's weights; instruments that it has not met begin as its mean, unknown one."""
    met = conductor.card.instruments
    rows = [0, *(1 + met.index(name) if name in met else 0 for name in network.card.instruments)]
    state = {
        name: torch.from_numpy(tensor[rows] if name in _BY_INSTRUMENT else tensor.copy())
        for name, tensor in conductor.tensors.items()
    }
    network.load_state_dict(state)

"""Bands that `ensemble up` keeps between renders: actors that are found by a name made of all that they play."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agents.band_actors import ConductorActor, InstrumentActor, conductor_spec, instrument_spec
from agents.environment import NAMESPACE
from agents.placement import warm_name
from agents.ray_errors import wait_for
from agents.slots import LIGHT_CPUS
from ensemble.config import BandSettings
from ensemble.rendering.request import DEFAULT_RATE, weights_of

READY_S = 120.0
"""How long each actor may take to load its weights."""


def keep_warm(bands: Sequence[BandSettings]) -> None:
    """Start the actors of bands for good, weights loaded; a render that needs exactly these uses them.

    Raises:
        DeadlineError: they are not ready in time.
        EnsembleError: a voice or a conductor cannot be used, or an actor was lost.
    """
    asked = []
    for band in bands:
        weights = weights_of(band)
        conductor = _kept(ConductorActor, "conductor", conductor_spec(band, weights))
        asked.append(conductor.ready.remote(0))
        for follower in band.followers:
            player = _kept(InstrumentActor, follower.name, instrument_spec([follower], weights))
            asked.append(player.ready.remote(DEFAULT_RATE, 0))
    for ref in asked:
        wait_for(ref, "the band", READY_S)


def _kept(kind: Any, who: str, settings: tuple[Any, ...]) -> Any:
    """The actor of that name, or a new one."""
    return kind.options(
        name=warm_name(kind, who, settings), namespace=NAMESPACE, lifetime="detached", get_if_exists=True,
        max_restarts=-1, max_task_retries=0, num_cpus=LIGHT_CPUS,
    ).remote(*settings)  # fmt: skip

"""Bands that stay between renders: players that are known by exactly what they play."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ray
from ray.exceptions import RayError

from agents.band import ConductorActor, InstrumentActor, conductor_spec, instrument_spec
from agents.names import NAMESPACE
from agents.placement import warm_name
from agents.slots import LIGHT_CPUS
from ensemble.config import BandSettings
from ensemble.errors import BandError, EnsembleError
from ensemble.rendering.request import DEFAULT_RATE, weights_of

READY_S = 120.0


def keep_warm(bands: Sequence[BandSettings]) -> None:
    """Seat the players of bands for good, weights loaded; a render that wants exactly these takes them.

    Raises:
        BandError: they do not sit down.
        EnsembleError: a voice or a conductor cannot be used.
    """
    asked = []
    for band in bands:
        weights = weights_of(band)
        conductor = _kept(ConductorActor, "conductor", conductor_spec(band, weights))
        asked.append(conductor.ready.remote(0))
        for follower in band.followers:
            player = _kept(InstrumentActor, follower.name, instrument_spec([follower], weights))
            asked.append(player.ready.remote(DEFAULT_RATE, 0))
    try:
        ray.get(asked, timeout=READY_S)
    except RayError as error:
        cause = getattr(error, "cause", None)
        if isinstance(cause, EnsembleError):
            raise cause from None
        raise BandError("the band", "did not sit down", "see `ensemble status`") from error


def _kept(kind: Any, who: str, settings: tuple[Any, ...]) -> Any:
    """The player of that name, or a new one."""
    return kind.options(
        name=warm_name(kind, who, settings), namespace=NAMESPACE, lifetime="detached", get_if_exists=True,
        max_restarts=-1, max_task_retries=0, num_cpus=LIGHT_CPUS,
    ).remote(*settings)  # fmt: skip

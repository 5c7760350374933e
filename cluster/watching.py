"""Look at a Ray from outside: who plays there."""

from __future__ import annotations

import contextlib
import logging
import socket
from typing import Any

from agents.environment import on_loopback, prepare_environment
from agents.names import NAMESPACE
from ensemble.errors import BandError

ANSWER_S = 5.0


def who_plays(address: str) -> list[dict[str, Any]]:
    """Ask every player for its status.

    Args:
        address: `HOST:PORT`, or `auto`: every Ray of this machine, the renders' own and others.

    Raises:
        BandError: no Ray runs there, or it cannot be joined.
    """
    prepare_environment()
    places = _found() if address == "auto" else [address]
    awake = [place for place in places if _answers(place)]
    if not awake:
        raise BandError(f"Ray at {address}", "none is running", "start a render, or name one with --address")
    return [row for place in awake for row in _ask(place)]


def _ask(place: str) -> list[dict[str, Any]]:
    """Join one Ray for as long as it takes its players to answer."""
    import ray
    from ray.exceptions import RayError

    with on_loopback() if place.startswith("127.") else contextlib.nullcontext():
        try:
            ray.init(address=place, namespace=NAMESPACE, logging_level=logging.CRITICAL, log_to_driver=False)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise BandError(f"Ray at {place}", "cannot be joined", "is its token in ~/.ray/auth_token?") from error
        try:
            actors = []
            for name in sorted(ray.util.list_named_actors()):
                with contextlib.suppress(ValueError):  # it left between the two calls
                    actors.append(ray.get_actor(name))
            waiting: list[Any] = [actor.status.remote() for actor in actors]
            ready, _ = ray.wait(waiting, num_returns=len(waiting), timeout=ANSWER_S) if waiting else ([], [])
            rows = []
            for answer in ready:
                with contextlib.suppress(RayError):
                    rows.append({**ray.get(answer), "ray": place})
            return rows
        finally:
            ray.shutdown()


def _found() -> list[str]:
    """The Rays of this machine."""
    from ray._private.services import find_gcs_addresses

    places: set[str] = find_gcs_addresses()  # type: ignore[no-untyped-call]
    return sorted(places)


def _answers(place: str) -> bool:
    """Ray tries an address for minutes; whether anybody listens there is known at once."""
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER_S).close()
    except (OSError, ValueError):
        return False
    return True

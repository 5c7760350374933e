"""Look at a Ray from outside: who plays there."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Callable, Iterator
from typing import Any

from agents.environment import prepare_environment
from agents.names import NAMESPACE
from ensemble.errors import BandError


@contextlib.contextmanager
def who_plays(address: str) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Connect to a running Ray and lend a function that asks every player for its status.

    Raises:
        BandError: no Ray runs at that address.
    """
    _check_answers(address)
    prepare_environment()
    import ray
    from ray.exceptions import RayError

    try:
        ray.init(address=address, namespace=NAMESPACE, logging_level=logging.ERROR, log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise BandError(f"Ray at {address}", "none is running", "start a render, or name one with --address") from error

    def ask() -> list[dict[str, Any]]:
        actors = []
        for name in sorted(ray.util.list_named_actors()):
            with contextlib.suppress(ValueError):  # it left between the two calls
                actors.append(ray.get_actor(name))
        waiting: list[Any] = [actor.status.remote() for actor in actors]
        ready, _ = ray.wait(waiting, num_returns=len(waiting), timeout=5.0) if waiting else ([], [])
        rows = []
        for answer in ready:
            with contextlib.suppress(RayError):
                rows.append(ray.get(answer))
        return rows

    try:
        yield ask
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Ray tries an address for minutes; whether anybody listens there is known at once."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=5.0).close()
    except OSError as error:
        raise BandError(f"Ray at {address}", "none is running", "start a render, or name one with --address") from error

"""Look at a Ray from outside: who plays there."""

from __future__ import annotations

import contextlib
from typing import Any

from agents.environment import prepare_environment
from cluster.joining import ANSWER_S, AUTO, answers, found, joined_ray
from ensemble.errors import BandError


def who_plays(address: str) -> list[dict[str, Any]]:
    """Ask every player for its status.

    Args:
        address: `HOST:PORT`, or `auto`: every Ray of this machine, the renders' own and others.

    Raises:
        BandError: no Ray runs there, or it cannot be joined.
    """
    prepare_environment()
    places = found() if address == AUTO else [address]
    awake = [place for place in places if answers(place)]
    if not awake:
        raise BandError(f"Ray at {address}", "none is running", "start a render, or name one with --address")
    return [row for place in awake for row in _ask(place)]


def _ask(place: str) -> list[dict[str, Any]]:
    """Join one Ray for as long as it takes its players to answer."""
    with joined_ray(place):
        import ray
        from ray.exceptions import RayError

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

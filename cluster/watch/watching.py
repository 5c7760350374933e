"""Look at a Ray from outside: which actors play there, where, how fast, and how often they were replaced."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from agents.environment import WARM, prepare_environment
from cluster.sessions.attach import ANSWER_S, AUTO, CLIENT, answers, found, joined_ray
from cluster.watch.scraping import Told, told_by_drivers
from ensemble.errors import BandError
from ensemble.events import unheard

HEAVY_S = 1.0
"""How long to wait for a busy actor once another has answered: it may be in the middle of a block."""

_SERVE = "SERVE_"
"""What the names of Ray Serve's own actors begin with."""


@contextmanager
def watching(
    address: str, on_refusal: Callable[[BandError], None] = unheard
) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Lend a function that asks every actor for its status, as often as it is called.

    Args:
        address: `HOST:PORT`, or `auto`: every Ray of this machine, the renders' own and others.
        on_refusal: told once of every Ray that runs here and cannot be joined, somebody else's most likely; the others
            are shown.

    Yields:
        The function. A row tells `name`, `role`, `render` (`warm` where it stays between renders), `ray`, `state`
        (ALIVE, RESTARTING, PENDING...; BUSY where an actor is in the middle of a long block), `restarts`, `queue`
        (blocks of its render asked for and not answered; from Ray's metrics, some seconds old); the conductor's of a
        live session has what `Told.live` says, and that of who answered what `Status.describe` says.

    Raises:
        BandError: no Ray runs there, or none of them can be joined.
    """
    prepare_environment()
    if address.startswith(CLIENT):
        raise BandError(
            f"Ray at {address}", "does not say from outside who plays", "ask from a node of it: --address HOST:PORT"
        )

    def places() -> list[str]:
        awake = [
            place for place in ([ray.address for ray in found()] if address == AUTO else [address]) if answers(place)
        ]
        if not awake:
            raise BandError(f"Ray at {address}", "none is running", "start a render, or name one with --address")
        return awake

    refused: set[str] = set()
    with ExitStack() as joined:
        only, *others = places()
        if not others:  # a process can be on one Ray at a time
            joined.enter_context(joined_ray(only))

        def look() -> list[dict[str, Any]]:
            if not others and not answers(only):
                raise BandError(f"Ray at {only}", "has ended", "the render that started it is over")
            if not others:
                return _rows(only)
            rows: list[dict[str, Any]] = []
            refusals: dict[str, BandError] = {}
            awake = places()
            for place in awake:
                try:
                    with joined_ray(place):
                        rows += _rows(place)
                except BandError as error:
                    if answers(place):  # else it has ended meanwhile: the others are still there to be asked
                        refusals[place] = error
            if len(refusals) == len(awake):
                raise next(iter(refusals.values()))
            for place in refusals.keys() - refused:
                on_refusal(refusals[place])
            refused.update(refusals)
            return rows

        yield look


def _rows(place: str) -> list[dict[str, Any]]:
    """One row for each actor on this Ray, whether it answers or not."""
    import ray
    from ray.exceptions import RayError

    alive = _actors()
    waiting: dict[Any, str] = {}
    for name in sorted(alive):
        with contextlib.suppress(ValueError):  # it ended meanwhile
            waiting[ray.get_actor(name).status.remote()] = name
    ready, late = ray.wait(list(waiting), num_returns=1, timeout=ANSWER_S) if waiting else ([], [])
    if late:
        more, _ = ray.wait(late, num_returns=len(late), timeout=HEAVY_S)
        ready = [*ready, *more]
    told: dict[str, dict[str, Any]] = {}
    for answer in ready:
        with contextlib.suppress(RayError):
            told[waiting[answer]] = ray.get(answer)
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    drivers = told_by_drivers(
        (node["NodeManagerAddress"], node["MetricsExportPort"]) for node in nodes if node["Alive"]
    )
    return [_row(place, name, facts, told.get(name), drivers) for name, facts in sorted(alive.items())]


def _row(place: str, name: str, facts: dict[str, Any], told: dict[str, Any] | None, drivers: Told) -> dict[str, Any]:
    who, _, rest = name.removeprefix(WARM).rpartition("-")
    render, _, life = rest.partition(".")
    parts = who.split("+")
    job = facts["JobID"]
    asked = [drivers.in_flight[job, part] for part in parts if (job, part) in drivers.in_flight]
    live = drivers.live.get(job, {}) if "conductor" in parts else {}
    state = facts["State"] if told or facts["State"] != "ALIVE" else "BUSY"
    row = {
        "name": ", ".join(parts),
        "render": "warm" if name.startswith(WARM) else render,
        "state": state,
        "restarts": facts["NumRestarts"] + int(life or 0),
    }
    return (
        row | {"pid": facts["Pid"], "queue": int(sum(asked)) if asked else None} | live | (told or {}) | {"ray": place}
    )


def _actors() -> dict[str, dict[str, Any]]:
    """Ray's own record of the actors that are not dead, by name."""
    from ray._private.state import actors

    records: dict[str, dict[str, Any]] = actors()
    named = {facts["Name"]: facts for facts in records.values() if facts["Name"] and facts["State"] != "DEAD"}
    return {name: facts for name, facts in named.items() if not name.startswith(_SERVE)}

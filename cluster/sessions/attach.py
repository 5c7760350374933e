"""Join a Ray that is running, and leave it running."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
from collections.abc import Iterator

from agents.environment import NAMESPACE, on_loopback, prepare_environment, variable
from ensemble.errors import BandError

ANSWER_S = 5.0
"""How long a connection, or an actor's status, is waited for."""
AUTO = "auto"
CLIENT = "ray://"


@contextlib.contextmanager
def joined_ray(address: str) -> Iterator[None]:
    """Join the Ray at an address.

    Args:
        address: `HOST:PORT`, `ray://HOST:PORT` from outside of the cluster, or `auto`: the one of this machine.

    Raises:
        BandError: none answers there, it asks for another token, or runs another release; or this process is on a Ray.
    """
    prepare_environment()
    import ray

    if ray.is_initialized():
        raise BandError("Ray", "this process is connected to one already", "use it, or call ray.shutdown() first")
    place = the_only_one() if address == AUTO else address
    if not answers(place):
        raise BandError(
            f"Ray at {place}", "does not answer", "give HOST:PORT, ray://HOST:PORT or auto, and see that it is up"
        )
    with contextlib.ExitStack() as stack:
        if is_loopback(place):
            stack.enter_context(on_loopback())
        stack.enter_context(variable("RAY_ADDRESS", None))  # which Ray would prefer to `place`
        try:
            with _silence():
                ray.init(address=place, namespace=NAMESPACE, logging_level=logging.CRITICAL, log_to_driver=False)
        except Exception as error:  # Ray raises plain ones, too
            ray.shutdown()
            raise BandError(f"Ray at {place}", *_in_short(error)) from error
        stack.callback(ray.shutdown)
        yield


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Ray repeats that it refuses a token, straight to file descriptor 2: send that nowhere."""
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def answers(place: str) -> bool:
    """Whether something listens there; Ray itself would try an address for minutes."""
    host, _, port = place.removeprefix(CLIENT).rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S).close()
    except (OSError, ValueError, OverflowError):
        return False
    return True


def found() -> list[str]:
    """The addresses of the Rays that run on this machine."""
    from ray._private.services import find_gcs_addresses

    places: set[str] = find_gcs_addresses()  # type: ignore[no-untyped-call]
    return sorted(places)


def the_only_one() -> str:
    """The Ray of this machine.

    Raises:
        BandError: there is none, or more than one.
    """
    places = [place for place in found() if answers(place)]
    if not places:
        raise BandError("Ray at auto", "none is running here", "start one with `ensemble up`, or name its address")
    if len(places) > 1:
        raise BandError("Ray at auto", f"{len(places)} are running here", f"name one: {', '.join(places)}")
    return places[0]


def is_loopback(place: str) -> bool:
    """Whether an address is on loopback."""
    return place.removeprefix(CLIENT).startswith(("127.", "localhost:", "[::1]:"))


def _in_short(error: Exception) -> tuple[str, str]:
    """What is wrong with a Ray that answers but cannot be joined, and the cure."""
    said = " ".join(str(error).split()) or type(error).__name__
    if "ersion mismatch" in said or "different version" in said.lower():
        start = said.lower().find("version mismatch")
        return f"runs other releases ({said[max(start, 0) :][:200]})", "install the same Ray and Python on both sides"
    if "auth" in said.lower() or "token" in said.lower() or "UNAUTHENTICATED" in said:
        return "refuses our token", "set RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token to the cluster's"
    return f"cannot be joined ({said[:200]})", "is its token in ~/.ray/auth_token? see `ensemble doctor`"

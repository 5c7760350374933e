"""Join a Ray that is running, and leave it running."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

import psutil

from agents.environment import NAMESPACE, on_loopback, prepare_environment, readable_entrypoint, variable
from cluster.sessions.noted import noted
from ensemble.audio.quiet import quiet_libraries
from ensemble.errors import BandError

ANSWER_S = 5.0
"""How long a connection, or an actor's status, is waited for."""
AUTO = "auto"
CLIENT = "ray://"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What Ray answers itself in a process that it has joined."""
_SAME_KEY = "set RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token to the cluster's"
_KNOCK = "/ray.rpc.NodeInfoGcsService/CheckAlive"
"""What every Ray of ours and others' answers at once."""


class LocalRay(NamedTuple):
    """A Ray with a node on this machine."""

    address: str
    """HOST:PORT."""
    is_ours: bool
    """Whether this user runs that node."""


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
    if not place.startswith(CLIENT):
        _knock(place)
    with contextlib.ExitStack() as stack:
        if is_loopback(place):
            stack.enter_context(on_loopback())
        stack.enter_context(variable("RAY_ADDRESS", None))  # which Ray would prefer to `place`
        try:
            with quiet_libraries(), readable_entrypoint(), signals_kept():  # Ray repeats that it refuses a token
                ray.init(address=place, namespace=NAMESPACE, logging_level=logging.CRITICAL, log_to_driver=False)
        except Exception as error:  # Ray raises plain ones, too
            ray.shutdown()
            raise BandError(f"Ray at {place}", *_in_short(error)) from error
        stack.callback(ray.shutdown)
        yield


@contextlib.contextmanager
def signals_kept() -> Iterator[Callable[[], None]]:
    """Lend a function that puts the caller's signal handlers back: Ray replaces them by its own as it is joined."""
    is_main = threading.current_thread() is threading.main_thread()
    handlers = {one: signal.getsignal(one) for one in SIGNALS} if is_main else {}

    def put_back() -> None:
        for one, handler in handlers.items():
            signal.signal(one, handler)

    try:
        yield put_back
    finally:
        put_back()


def answers(place: str) -> bool:
    """Whether something listens there; Ray itself would try an address for minutes."""
    host, _, port = place.removeprefix(CLIENT).rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S).close()
    except (OSError, ValueError, OverflowError):
        return False
    return True


def found() -> list[LocalRay]:
    """The Rays with a node on this machine, as the command lines of these nodes tell; their own user's first."""
    me = psutil.Process().uids().real
    rays: dict[str, bool] = {}
    for one in psutil.process_iter(["name", "cmdline", "uids"]):
        if one.info["name"] == "raylet" and one.info["uids"]:
            words = (word.partition("=") for word in one.info["cmdline"] or [])
            is_mine = one.info["uids"].real == me
            rays |= {at: is_mine or rays.get(at, False) for name, _, at in words if name == "--gcs-address"}
    return sorted((LocalRay(*ray) for ray in rays.items()), key=lambda ray: (not ray.is_ours, ray.address))


def the_only_one() -> str:
    """The Ray of this machine: what `ensemble up` started, else this user's own, where there are others'.

    Raises:
        BandError: there is none, or more than one.
    """
    awake = [ray for ray in found() if answers(ray.address)]
    places = [ray.address for ray in awake if ray.is_ours] or [ray.address for ray in awake]
    if not places:
        raise BandError("Ray at auto", "none is running here", "start one with `ensemble up`, or name its address")
    if (ours := noted()) is not None and ours.address in places:
        return ours.address
    if len(places) > 1:
        raise BandError("Ray at auto", f"{len(places)} are running here", f"name one: {', '.join(places)}")
    return places[0]


def _knock(place: str) -> None:
    """Say at once why a Ray cannot be joined: Ray itself would try for a minute.

    Raises:
        BandError: it refuses the token, nothing that is a Ray answers, or its node on this machine died.
    """
    import grpc
    from ray._raylet import AuthenticationTokenLoader  # type: ignore[attr-defined]
    from ray.exceptions import AuthenticationError

    if os.environ.get("RAY_USE_TLS", "0").lower() not in ("1", "true"):
        try:
            token = AuthenticationTokenLoader.instance().get_token_for_http_header()
        except AuthenticationError as error:
            raise BandError("Ray's token", "cannot be read", _SAME_KEY) from error
        metadata = [(name.lower(), value) for name, value in token.items()]
        with grpc.insecure_channel(place, options=[("grpc.enable_http_proxy", 0)]) as channel:
            call = channel.unary_unary(_KNOCK, request_serializer=bytes, response_deserializer=bytes)
            try:
                call(b"", timeout=ANSWER_S, metadata=metadata)
            except grpc.RpcError as error:
                if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                    raise BandError(f"Ray at {place}", "refuses our token", _SAME_KEY) from error
                problem = f"is no Ray, or does not answer ({error.code().name.lower()})"
                raise BandError(f"Ray at {place}", problem, "give HOST:PORT of a Ray's head, or auto") from error
    port = place.rpartition(":")[2]
    if is_loopback(place) and all(ray.address.rpartition(":")[2] != port for ray in found()):
        problem = "answers, but has no node on this machine any more"
        raise BandError(f"Ray at {place}", problem, "it died: `ensemble down`, or `ray stop`, and start another")


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
        return "refuses our token", _SAME_KEY
    return f"cannot be joined ({said[:200]})", "is its token in ~/.ray/auth_token? see `ensemble doctor`"

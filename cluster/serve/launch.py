"""Starts the studio on a Ray that runs, and ends it."""

from __future__ import annotations

import contextlib
import http.client
import logging
import math
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cluster.serve.database import StudioDatabase
from cluster.serve.storage import DATABASE, studio_key
from ensemble.errors import BandError

HOST = "127.0.0.1"
START_S = 300.0
"""How long a renderer may take to be warm: a node's first one compiles the kernels."""
LOOK_S = 0.2
LOST_S = 60.0
"""How long it may say nothing: a replica that died is back before."""
WATCH_S, ANSWER_S = 2.0, 10.0
"""Between two looks at one that runs, and how long each may take."""


def checked_port(data: Path, port: int) -> int:
    """The port to listen at, once the folder of songs and the port are known to be free; before anything is started.

    Args:
        data: the folder; made if absent.
        port: on 127.0.0.1; 0 for any that is free.

    Raises:
        BandError: the port is taken.
        OutputError: the folder cannot be used, or another studio uses it.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            problem = f"cannot be listened at ({error.strerror})"
            raise BandError(f"{HOST}:{port}", problem, "name another --port") from error
        free: int = probe.getsockname()[1]
    studio_key(data)
    StudioDatabase(data / DATABASE).close()
    return free


@contextlib.contextmanager
def studio_running(data: Path, port: int, *, max_renderers: int, kept_at: str | None = None) -> Iterator[str]:
    """Deploy the studio on the Ray that was joined, lend its address with the token, and take it down.

    Args:
        data: the folder of songs.
        port: to listen at; see `checked_port`.
        max_renderers: how many songs are worked on at a time.
        kept_at: the URL at which they are kept, if they are.

    Raises:
        BandError: Serve does not start, or runs on that Ray already.
        OutputError: the folder cannot be used.
    """
    import ray
    import ray.serve
    from ray.serve.schema import LoggingConfig

    from cluster.serve.deployment import APP, StudioArguments, build
    from cluster.sessions.attach import is_loopback

    serve: Any = ray.serve
    if serve.status().proxies:  # whoever ends the studio would end what runs there
        raise BandError("Ray Serve", "runs on that Ray already", "name another --address, or `serve shutdown` there")
    arguments = StudioArguments(
        data=str(data.absolute()), hosts=tuple(f"{name}:{port}" for name in (HOST, "localhost")),
        max_renderers=max_renderers, kept_at=kept_at, is_local=is_loopback(ray.get_runtime_context().gcs_address),
    )  # fmt: skip
    quiet = LoggingConfig(log_level="ERROR", enable_access_log=False)  # an access log would name songs
    target = serve.RunTarget(build(arguments.model_dump(mode="json")), name=APP, logging_config=quiet)
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    try:
        try:
            serve.start(proxy_location="HeadOnly", http_options={"host": HOST, "port": port}, logging_config=quiet)
            serve.run_many([target], wait_for_applications_running=False)
        except Exception as error:  # Serve raises plain ones
            raise _not_started(str(error) or type(error).__name__) from error
        _wait_until_running(serve, APP)
        yield f"http://{HOST}:{port}/#token={studio_key(data)}"
    finally:
        with contextlib.suppress(Exception):  # Ray is gone already
            serve.shutdown()


def watch(port: int) -> None:
    """Look after the studio that listens at this port, for as long as it answers.

    Raises:
        BandError: it is gone: its Ray died, or was ended.
    """
    heard_s = math.inf  # one that never answers here listens on another machine, its Ray's head
    while time.monotonic() - heard_s < LOST_S:
        connection = http.client.HTTPConnection(HOST, port, timeout=ANSWER_S)
        try:
            connection.request("GET", "/api/health")
            connection.getresponse()
            heard_s = time.monotonic()
        except (OSError, http.client.HTTPException):
            pass  # once may be chance
        finally:
            connection.close()
        time.sleep(WATCH_S)
    cure = "start it again with the same --data: nothing is lost, and what was begun goes on"
    raise BandError("the studio", f"has not answered for {LOST_S:g} s; its Ray died", cure)


def _wait_until_running(serve: Any, app: str) -> None:
    """Wait until an application answers; Serve itself would wait for ever where no core is free.

    Raises:
        BandError: it failed, or took too long.
    """
    until = time.monotonic() + START_S
    while (found := serve.status().applications[app]).status != "RUNNING":
        if found.status == "DEPLOY_FAILED":
            raise _not_started(found.message)
        if time.monotonic() > until:
            raise BandError("the studio", f"did not start within {START_S:g} s", "see that a core of its Ray is free")
        time.sleep(LOOK_S)


def _not_started(why: str) -> BandError:
    return BandError("the studio", f"did not start ({why.strip().splitlines()[0]})", "see `ensemble doctor`")

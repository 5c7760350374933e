"""Starts the studio on a Ray that runs, and ends it."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ensemble.errors import BandError

PORT = 8700
_LOOPBACK = "127.0.0.1"


@contextlib.contextmanager
def studio_running(
    data: Path, *, host: str = _LOOPBACK, port: int = PORT, max_renderers: int, is_local: bool
) -> Iterator[str]:
    """Deploy the studio, lend its address with the token, and take it down.

    Args:
        data: the folder of songs; made if absent.
        host: the address to listen at.
        port: the port to listen at; 0 for any that is free.
        max_renderers: how many songs are worked on at a time.
        is_local: whether the whole Ray is on loopback.

    Raises:
        BandError: the port is taken, or Serve does not start.
        OutputError: the folder cannot be used.
    """
    import ray.serve
    from ray.serve.schema import LoggingConfig

    from cluster.serve.database import StudioDatabase
    from cluster.serve.deployment import APP, StudioArguments, build
    from cluster.serve.storage import studio_key
    from cluster.serve.studio import DATABASE

    key, port = studio_key(data.absolute()), _free(host, port)
    StudioDatabase(data / DATABASE).close()  # says in one line what is wrong with it
    arguments = StudioArguments(
        data=str(data.absolute()), hosts=tuple(f"{name}:{port}" for name in (host, "localhost", _LOOPBACK)),
        max_renderers=max_renderers, is_local=is_local,
    )  # fmt: skip
    quiet = LoggingConfig(log_level="ERROR", enable_access_log=False)  # an access log would name songs
    serve: Any = ray.serve
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    try:
        serve.start(proxy_location="HeadOnly", http_options={"host": host, "port": port}, logging_config=quiet)
        serve.run(build(arguments.model_dump(mode="json")), name=APP, logging_config=quiet)
    except Exception as error:  # Serve raises plain ones
        serve.shutdown()
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise BandError("the studio", f"did not start ({reason})", "see `ensemble doctor`") from error
    try:
        yield f"http://{host}:{port}/#token={key}"
    finally:
        with contextlib.suppress(Exception):  # Ray is gone already
            serve.shutdown()


def _free(host: str, port: int) -> int:
    """The port, if it is free.

    Raises:
        BandError: it is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BandError(
                f"{host}:{port}", f"cannot be listened at ({error.strerror})", "name another --port"
            ) from error
        free: int = probe.getsockname()[1]
    return free

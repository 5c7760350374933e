"""A Ray for one render: started for us alone, on loopback, ended whatever happens."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

import psutil

from agents.environment import prepare_environment
from agents.names import NAMESPACE
from ensemble.errors import BandError


@contextlib.contextmanager
def local_ray(*, num_cpus: int | None = None, dashboard: bool = False) -> Iterator[str]:
    """Start a Ray on loopback, lend it, and end it with every process it started.

    Args:
        num_cpus: what Ray may schedule; the machine's own when absent.
        dashboard: serve the Ray dashboard on 127.0.0.1.

    Yields:
        The address of the dashboard, or an empty string.

    Raises:
        BandError: Ray did not start.
    """
    prepare_environment()
    import ray

    before = set(psutil.Process().children(recursive=True))
    with tempfile.TemporaryDirectory(prefix="ensemble-", ignore_cleanup_errors=True) as empty:
        try:
            try:
                # Ray workers put the folder they start in first on the path: let there be nothing in it.
                with contextlib.chdir(empty), _on_loopback():
                    context = ray.init(
                        address="local",
                        num_cpus=num_cpus,
                        namespace=NAMESPACE,
                        include_dashboard=dashboard,
                        dashboard_host="127.0.0.1",
                        object_store_memory=_object_store_bytes(),
                        logging_level=logging.ERROR,
                        log_to_driver=False,
                        _node_ip_address="127.0.0.1",
                    )
            except (RuntimeError, OSError, ValueError) as error:
                raise BandError("Ray", f"did not start ({_first_line(error)})", "or add --local") from error
            yield f"http://{context.dashboard_url}" if dashboard and context.dashboard_url else ""
        finally:
            _end(before)


@contextlib.contextmanager
def _on_loopback() -> Iterator[None]:
    """Keep every port of Ray's on 127.0.0.1.

    Ray 2.60 replaces a loopback address by the host's own, unless it believes to be where clusters are not supported;
    then every server of its listens on loopback alone.
    """
    from ray._private import ray_constants

    constants: Any = ray_constants
    switch = constants.ENABLE_RAY_CLUSTERS_ENV_VAR
    before, os.environ[switch], constants.ENABLE_RAY_CLUSTER = os.environ.get(switch), "0", False
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = True
        if before is None:
            del os.environ[switch]
        else:
            os.environ[switch] = before


def _object_store_bytes() -> int:
    """Room for a long leader, no more: a tenth of the memory, between 256 MiB and 2 GiB."""
    return int(min(max(psutil.virtual_memory().total // 10, 256 << 20), 2 << 30))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _end(before: set[psutil.Process]) -> None:
    """Shut Ray down; what of ours is still alive a moment later is killed. A second Ctrl-C does not stop that."""
    import ray

    impatient = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN) if impatient else None
    try:
        ours = set(psutil.Process().children(recursive=True)) - before
        ray.shutdown()
        _, alive = psutil.wait_procs(ours, timeout=0.3)
        for child in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        psutil.wait_procs(alive, timeout=1.0)
    finally:
        if impatient:
            signal.signal(signal.SIGINT, handler)

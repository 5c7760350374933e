"""A Ray for one render: started for us alone, ended whatever happens."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from agents.names import NAMESPACE
from ensemble.errors import BandError

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
}


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

    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with tempfile.TemporaryDirectory(prefix="ensemble-", ignore_cleanup_errors=True) as empty:
        try:
            try:
                # Ray workers put the folder they start in first on the path: let there be nothing in it.
                with contextlib.chdir(empty):
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
                reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
                raise BandError("Ray", f"did not start ({reason})", "see `ensemble doctor`, or add --local") from error
            yield f"http://{context.dashboard_url}" if dashboard and context.dashboard_url else ""
        finally:
            _end(before)


def prepare_environment() -> None:
    """What Ray reads from the environment; a token is always asked for, and made if there is none."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    if os.environ["RAY_AUTH_MODE"] != "token" or {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & set(os.environ):
        return
    if not _home_token():
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def _home_token() -> bool:
    """Whether Ray's own token file is there; makes it, readable by the user alone, where the home can be written."""
    path = Path.home() / ".ray" / "auth_token"
    if path.exists():
        return True
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
    except FileExistsError:
        return True
    except OSError:
        return False
    return True


def _object_store_bytes() -> int:
    """Room for a long leader, no more: a tenth of the memory, between 256 MiB and 2 GiB."""
    return int(min(max(psutil.virtual_memory().total // 10, 256 << 20), 2 << 30))


def _end(before: set[int]) -> None:
    """Shut Ray down; what is still alive of ours a moment later is killed."""
    import ray

    ours = [child for child in psutil.Process().children(recursive=True) if child.pid not in before]
    with contextlib.suppress(Exception):
        ray.shutdown()
    _, alive = psutil.wait_procs(ours, timeout=1.0)
    for child in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()

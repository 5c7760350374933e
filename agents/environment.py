"""What Ray reads from the environment, set before Ray is loaded: it reads most of it once, at import."""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ensemble.errors import printable

NAMESPACE = "ensemble"
"""The Ray namespace that every actor is named in."""
WARM = "warm-"
"""What the names of actors begin with that stay between renders."""
SESSIONS = "r"
"""Where a Ray's sessions lie in the private folder that is made for it: Ray lets everybody write there."""
BELOW_BYTES = 69
"""The longest path of one of Ray's sockets, from that private folder on."""
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108
"""Where Ray keeps its objects, if there is one."""
_APPEARS_S, _LOOK_S = 25.0, 0.02
"""How long a node may take to appear, and how often it is looked for."""
ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_max_direct_call_object_size": "1000000",  # a block's answers come with the reply, and outlive their actor
    "RAY_worker_niceness": "0",  # the user waits for the actors; Ray's own +15 starves them on a busy machine
    "RAY_preload_python_modules": "agents.instrument",  # a replacement starts with them imported
    "RAY_maximum_gcs_destroyed_actor_cached_count": "200",  # a Ray that stays forgets the actors of old renders,
    "RAY_task_events_max_num_task_in_gcs": "20000",  # and their blocks
    "RAY_metrics_report_interval_ms": "2000",  # what `status --watch` shows is at most so old
    "RAY_SERVE_HANDLE_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "1",  # the studio's queue is looked at so often, and
    "RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "1",  # another renderer started
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # an actor without a GPU leaves CUDA_VISIBLE_DEVICES alone
}


def prepare_environment() -> None:
    """Set what is not set, and ask for a token on every connection; one is made if there is none.

    Does nothing once Ray is imported: its own default for a local Ray is a token, too.
    """
    if "ray" in sys.modules:
        return
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    has_token = {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys()
    if os.environ["RAY_AUTH_MODE"] == "token" and not has_token and not _token_at_home():
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


@contextmanager
def on_loopback() -> Iterator[None]:
    """Keep the Ray that is started or joined inside the block on 127.0.0.1.

    Ray 2.60 replaces a loopback address by the host's own, except where it believes that clusters are not supported:
    then all its servers listen on loopback, and its clients look for them there.
    """
    from ray._private import ray_constants

    constants: Any = ray_constants
    was_enabled = constants.ENABLE_RAY_CLUSTER
    with variable(constants.ENABLE_RAY_CLUSTERS_ENV_VAR, "0"):
        constants.ENABLE_RAY_CLUSTER = False
        try:
            yield
        finally:
            constants.ENABLE_RAY_CLUSTER = was_enabled


@contextmanager
def few_processes() -> Iterator[None]:
    """Start the Ray inside the block without a dashboard, an autoscaler and a monitor of its logs.

    Ray 2.60 starts them, and waits seconds for them, where nobody asked for any. Its agents become those of a Ray that
    was installed without the packages of its dashboard.
    """
    from ray._private import utils
    from ray._private.node import Node

    started: Any = Node
    asked: Any = utils
    whole = [(started, name) for name in ("start_api_server", "start_monitor", "start_log_monitor")]
    whole.append((asked, "get_dashboard_dependency_error"))
    before = [getattr(owner, name) for owner, name in whole]
    for owner, name in whole[:-1]:
        setattr(owner, name, lambda *_, **__: None)
    asked.get_dashboard_dependency_error = lambda: ImportError("not wanted")
    try:
        yield
    finally:
        for (owner, name), function in zip(whole, before, strict=True):
            setattr(owner, name, function)


@contextmanager
def node_seen_at_once() -> Iterator[None]:
    """See the node of the Ray that is started inside the block as soon as it is there: Ray 2.60 looks once a second."""
    from ray._private import services
    from ray._raylet import GcsClient  # type: ignore[attr-defined]

    known: Any = services
    get_node = known.get_node

    def seen(gcs_address: str, node_id: str) -> Any:
        client = GcsClient(address=gcs_address)
        until = time.monotonic() + _APPEARS_S
        while time.monotonic() < until and all(one.hex() != node_id for one in client.get_all_node_info()):
            time.sleep(_LOOK_S)
        return get_node(gcs_address, node_id)

    known.get_node = seen
    try:
        yield
    finally:
        known.get_node = get_node


@contextmanager
def variable(name: str, value: str | None) -> Iterator[None]:
    """Set a variable of the environment inside the block; None removes it."""
    before = os.environ.pop(name, None)
    if value is not None:
        os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name, None)
        if before is not None:
            os.environ[name] = before


@contextmanager
def readable_entrypoint() -> Iterator[None]:
    """Let the Ray that is started or joined inside the block note our command line with its other bytes escaped.

    Ray 2.60 sends it as UTF-8, and fails where an argument is a file name that is not.
    """
    from ray._private import utils

    ray_utils: Any = utils
    entrypoint = ray_utils.get_entrypoint_name
    ray_utils.get_entrypoint_name = lambda: printable(entrypoint())
    try:
        yield
    finally:
        ray_utils.get_entrypoint_name = entrypoint


def _token_at_home() -> bool:
    """Whether Ray's token file is there; makes it, readable by the user alone, where the home can be written."""
    try:
        path = Path.home() / ".ray" / "auth_token"
    except RuntimeError:  # a user without a name and without HOME
        return False
    if path.is_file():
        return True
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".auth_token-") as aside:  # mode 600
            aside.write(secrets.token_hex(32))
            aside.flush()
            os.link(aside.name, path)  # whole or not at all, and never over another's
    except FileExistsError:
        return path.is_file()
    except OSError:
        return False
    return True

"""`ensemble up` and `down`: a Ray that stays between renders, on loopback, with its dashboard and a warm band."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil
from platformdirs import user_state_path

from agents.environment import ENVIRONMENT, prepare_environment
from agents.node_check import python_path
from cluster.sessions.attach import answers, joined_ray
from cluster.sessions.local import object_store_bytes
from ensemble.config import BandSettings
from ensemble.errors import BandError

START_S = 120.0
ENDING_S = 5.0
MAX_ROUNDS = 5
"""How often processes are looked for and ended: while it ends, Ray may start another worker."""
DASHBOARD_PORT = 8265
LOOPBACK = "127.0.0.1"
_CLIENT = "ray.util.client.server"
"""A process of Ray whose command line does not name its session folder."""
HEALTH = {
    "RAY_health_check_initial_delay_ms": "0",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
}
"""A lost host is noticed within seconds."""


class Kept(NamedTuple):
    """A Ray that was started by `up`."""

    address: str
    """HOST:PORT."""
    dashboard: str
    """A URL."""
    folder: str
    """Of its session."""
    fresh: bool = False
    """Whether this call started it."""


def up(bands: Sequence[BandSettings], *, num_cpus: int | None = None) -> Kept:
    """Start a Ray that stays, unless there is one, and on it the actors of these bands.

    Raises:
        BandError: it does not start.
    """
    prepare_environment()
    known = kept()
    if known is None:
        down()  # one that no longer answers may have left processes
    ray = known or _start(num_cpus)
    try:
        with joined_ray(ray.address):
            from agents.warm import keep_warm

            keep_warm(bands)
    except BaseException:
        if known is None:
            down()
        raise
    return ray._replace(fresh=known is None)


def kept() -> Kept | None:
    """The Ray that was started by `up` and still works."""
    ray = _noted()
    return ray if ray and answers(ray.address) and _has_raylet(Path(ray.folder)) else None


def down() -> bool:
    """End every process of what `up` started; whether there was one."""
    ray = _noted()
    if ray is None:
        return False
    was_there = _end(Path(ray.folder), ray.address)
    _note().unlink(missing_ok=True)
    return was_there


def _start(num_cpus: int | None) -> Kept:
    folder = Path(tempfile.mkdtemp(prefix="ens-up-"))  # short: socket paths end at 107 bytes
    (folder / "empty").mkdir()
    port, client_port = _free_port(), _free_port()
    dashboard_port = DASHBOARD_PORT if not answers(f"{LOOPBACK}:{DASHBOARD_PORT}") else _free_port()
    command = [
        sys.executable, "-m", "ray.scripts.scripts", "start", "--head", f"--node-ip-address={LOOPBACK}",
        f"--port={port}", f"--ray-client-server-port={client_port}", f"--dashboard-host={LOOPBACK}",
        f"--dashboard-port={dashboard_port}", f"--dashboard-agent-listen-port={_free_port()}",
        "--include-dashboard=true", f"--temp-dir={folder}",
        f"--object-store-memory={object_store_bytes()}", "--disable-usage-stats",
        *([] if num_cpus is None else [f"--num-cpus={num_cpus}"]),
    ]  # fmt: skip
    environment = os.environ | ENVIRONMENT | HEALTH | {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # see agents.environment.on_loopback
        "PYTHONPATH": python_path(),
        "TMPDIR": str(folder),  # what its processes leave goes with it
        "PATH": os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")]),
    }  # fmt: skip
    environment.pop("RAY_ADDRESS", None)
    try:
        done = subprocess.run(
            command, cwd=folder / "empty", env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=START_S, check=False, start_new_session=True,
        )  # fmt: skip
    except BaseException as error:
        _end(folder, f"{LOOPBACK}:{port}")
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        raise BandError("Ray", f"did not start within {START_S:g} s", "see `ensemble doctor`") from error
    address = f"{LOOPBACK}:{port}"
    if done.returncode or not answers(address):
        said = done.stdout.strip().splitlines() or [f"exit status {done.returncode}"]
        _end(folder, address)
        raise BandError("Ray", f"did not start ({said[-1]})", "see `ensemble doctor`")
    ray = Kept(address=address, dashboard=f"http://{LOOPBACK}:{dashboard_port}", folder=str(folder))
    _note().parent.mkdir(parents=True, exist_ok=True)
    _note().write_text(json.dumps(ray._asdict()), encoding="utf-8")
    return ray


def _has_raylet(folder: Path) -> bool:
    """Whether a raylet of the session in `folder` runs: without one, joining takes Ray a minute to fail."""
    raylets = (one for one in psutil.process_iter(["name", "cmdline"]) if one.info["name"] == "raylet")
    return any(str(folder) in word for raylet in raylets for word in raylet.info["cmdline"] or [])


def _end(folder: Path, address: str) -> bool:
    """Kill every process of the session in `folder`, which answers at `address`, and remove it."""
    was_there = False
    for _ in range(MAX_ROUNDS):
        alive: Iterable[psutil.Process] = _processes(folder, address)
        if not alive:
            break
        was_there = True
        for how in (psutil.Process.terminate, psutil.Process.kill):
            for process in alive:
                with contextlib.suppress(psutil.Error):
                    how(process)
            _, alive = psutil.wait_procs(alive, timeout=ENDING_S)
    shutil.rmtree(folder, ignore_errors=True)
    return was_there


def _processes(folder: Path, address: str) -> set[psutil.Process]:
    """The processes of a session, with their children; never this one or one that it runs in."""
    me = psutil.Process()
    family: set[psutil.Process] = set()
    for process in psutil.process_iter(["cmdline", "uids"]):
        words = process.info["cmdline"] or []
        is_of_session = any(str(folder) in word for word in words) or (
            _CLIENT in words and any(address in word for word in words)
        )
        if is_of_session and process.info["uids"] and process.info["uids"].real == me.uids().real:
            with contextlib.suppress(psutil.Error):
                family |= {process, *process.children(recursive=True)}
    return family - {me, *me.parents()}


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind((LOOPBACK, 0))
        port: int = asked.getsockname()[1]
        return port


def _note() -> Path:
    """The file in which `up` notes what it started."""
    return user_state_path("ensemble") / "up.json"


def _noted() -> Kept | None:
    """What `up` started last; None if it has been ended."""
    try:
        return Kept(**json.loads(_note().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None

"""`ensemble up` and `down`: a Ray that stays between renders, on loopback, with its dashboard and a warm band."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import psutil

from agents.environment import ENVIRONMENT, SESSIONS, SHARED_MEMORY, prepare_environment
from agents.node_check import python_path
from cluster.sessions.attach import answers, found, joined_ray
from cluster.sessions.local import check_loopback, new_session_folder, object_store_bytes
from cluster.sessions.noted import Kept, lock_of, note_path, noted, used
from ensemble.config import BandSettings
from ensemble.errors import BandError
from ensemble.files.replace import write_whole

START_S = 120.0
MAX_STARTS = 3
"""A port that was free may be taken by the time Ray wants it: another start finds other ports."""
ASKED_S, KILLED_S = 3.0, 20.0
"""How long processes may take to end when they are asked to, and when they are killed."""
LOOK_S = 0.05
DASHBOARD_PORT = 8265
LOOPBACK = "127.0.0.1"
HEALTH = {
    "RAY_health_check_initial_delay_ms": "0",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
}
"""A lost host is noticed within seconds."""


def up(bands: Sequence[BandSettings], *, num_cpus: int | None = None, idle_s: float = 0.0) -> Kept:
    """Start a Ray that stays, unless there is one, and on it the actors of these bands.

    Args:
        bands: that are kept ready.
        num_cpus: cores that a new one may use; the machine's own when absent.
        idle_s: it ends when nothing has used it for so long; 0, or one that was started so: not before `down`.

    Raises:
        BandError: it does not start.
    """
    prepare_environment()
    with alone():
        known = kept()
        if known is None:
            end_noted()  # one that no longer works may have left processes
        ray = known or _start(num_cpus)
        try:
            ray = _idling(ray, idle_s if known is None or known.idle_s else 0.0)
            with used(ray), joined_ray(ray.address):
                from agents.warm import keep_warm

                keep_warm(bands)
        except BaseException:
            if known is None:
                end_noted()
            raise
    return ray._replace(fresh=known is None)


def _idling(ray: Kept, idle_s: float) -> Kept:
    """Note how long a Ray may be idle, and let it be watched over if nobody does."""
    after = ray._replace(idle_s=idle_s)
    if after != ray:
        write_whole(note_path(), json.dumps(after._asdict()).encode())
    if idle_s and not ray.idle_s:
        _watch_over(after)
    return after


def _watch_over(ray: Kept) -> None:
    """Start the process that ends a Ray once it is idle; it is one of those that `down` ends."""
    lock_of(ray).touch()
    environment = os.environ | {"PYTHONPATH": python_path(), "PYTHONSAFEPATH": "1", "TMPDIR": ray.folder}
    subprocess.Popen(
        [sys.executable, "-m", "cluster.sessions.idle", ray.folder], cwd="/", env=environment, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def kept() -> Kept | None:
    """The Ray that was started by `up` and still works."""
    ray = noted()
    if ray is None or not answers(ray.address):
        return None
    return ray if any(one.address == ray.address for one in found()) else None


def kept_for(stack: contextlib.ExitStack) -> Kept | None:
    """The Ray that was started by `up` and still works; it does not end as idle before the stack is left."""
    ray = kept()
    if ray is None:
        return None
    stack.enter_context(used(ray))
    return kept()  # it may have ended meanwhile


def down() -> bool:
    """End every process of what `up` started; whether there was one.

    Raises:
        BandError: some of them do not end.
    """
    with alone():
        return end_noted()


def end_noted() -> bool:
    """End the Ray that is noted, if one is; whether any of its processes was there."""
    ray = noted()
    was_there = ray is not None and _end(ray)
    note_path().unlink(missing_ok=True)
    return was_there


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Hold what `up` and `down` change; whoever comes second waits for the first to finish.

    Raises:
        BandError: the note cannot be written, so what is started could not be found again.
    """
    place = note_path().with_suffix(".lock")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = place.open("wb")
    except OSError as error:
        cure = "set XDG_STATE_HOME to a folder that can be written"
        raise BandError(str(place), f"cannot be written ({error.strerror})", cure) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start(num_cpus: int | None) -> Kept:
    """Start a Ray, on other ports where another program has taken one meanwhile, and note it.

    Raises:
        BandError: it does not start.
    """
    check_loopback()
    for attempt in range(MAX_STARTS):
        ports = Ports(*_free_ports(len(Ports._fields)))
        if attempt == 0 and _is_free(DASHBOARD_PORT):
            ports = ports._replace(dashboard=DASHBOARD_PORT)
        ray, said = _started(num_cpus, ports)
        if not said:
            try:
                write_whole(note_path(), json.dumps(ray._asdict()).encode())
            except OSError:
                _end(ray)
                raise
            return ray
        if all(map(_is_free, ports)) and ports.dashboard != DASHBOARD_PORT:  # which every Ray wants, if for a moment
            break
    raise BandError("Ray", f"did not start ({said})", "see `ensemble doctor`")


class Ports(NamedTuple):
    """Where a Ray listens."""

    gcs: int
    """Its control store: the port of its address."""
    client: int
    """For `ray://`."""
    agent: int
    """Of the node's dashboard agent."""
    dashboard: int
    """For browsers and jobs."""


def _started(num_cpus: int | None, ports: Ports) -> tuple[Kept, str]:
    """Start a Ray; what it said where it does not answer. None of its processes is left then."""
    folder = new_session_folder("ens-up-")
    (folder / "empty").mkdir()
    command = [
        sys.executable, "-m", "ray.scripts.scripts", "start", "--head", f"--node-ip-address={LOOPBACK}",
        f"--port={ports.gcs}", f"--ray-client-server-port={ports.client}", f"--dashboard-host={LOOPBACK}",
        f"--dashboard-port={ports.dashboard}", f"--dashboard-agent-listen-port={ports.agent}",
        "--include-dashboard=true", f"--temp-dir={folder / SESSIONS}",
        f"--object-store-memory={object_store_bytes()}", "--disable-usage-stats",
        *([] if num_cpus is None else [f"--num-cpus={num_cpus}"]),
        *([] if SHARED_MEMORY.is_dir() else [f"--plasma-directory={folder}"]),
    ]  # fmt: skip
    environment = os.environ | ENVIRONMENT | HEALTH | {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # see agents.environment.on_loopback
        "PYTHONPATH": python_path(),
        "TMPDIR": str(folder),  # what its processes leave goes with it
        "PATH": os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")]),
    }  # fmt: skip
    environment.pop("RAY_ADDRESS", None)
    ray = Kept(f"{LOOPBACK}:{ports.gcs}", f"http://{LOOPBACK}:{ports.dashboard}", str(folder))
    with subprocess.Popen(
        command, cwd=folder / "empty", env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    ) as starter:  # fmt: skip
        ray = ray._replace(session_id=starter.pid)
        try:
            said, _ = starter.communicate(timeout=START_S)
        except BaseException as error:
            _end(ray)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise BandError("Ray", f"did not start within {START_S:g} s", "see `ensemble doctor`") from error
    if starter.returncode == 0 and answers(ray.address):
        return ray, ""
    _end(ray)
    return ray, (said.strip().splitlines() or [f"exit status {starter.returncode}"])[-1]


def _end(ray: Kept) -> bool:
    """Ask every process of a Ray to end, kill those that do not, and remove its folder; whether there was one.

    A process that Ray starts meanwhile is ended like the others: it is over when a look finds none.

    Raises:
        BandError: some do not end.
    """
    alive = _processes(ray)
    was_there = bool(alive)
    for how, patience_s in ((signal.SIGTERM, ASKED_S), (signal.SIGKILL, KILLED_S)):
        told: set[psutil.Process] = set()
        until = time.monotonic() + patience_s
        while alive and time.monotonic() < until:
            for process in alive - told:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(how)
            told |= alive
            time.sleep(LOOK_S)
            alive = _processes(ray)
    if alive:
        left = ", ".join(str(process.pid) for process in alive)
        raise BandError(f"Ray at {ray.address}", f"does not end: processes {left}", "`ensemble down` tries again")
    shutil.rmtree(ray.folder, ignore_errors=True)
    return was_there


def _processes(ray: Kept) -> set[psutil.Process]:
    """The living processes of a Ray, never this one or one that it runs in.

    Command lines do not tell: a process has none while it is being started, and some write their title over it. What
    tells is the environment that all inherit, or for those whose title lies over that, too, the POSIX session; it
    counts only while a process in it has that environment, since its number may be somebody else's by now.
    """
    running = [
        one for one in psutil.process_iter(["status", "environ", "ppid"]) if one.info["status"] != psutil.STATUS_ZOMBIE
    ]
    family = {one.pid for one in running if (one.info["environ"] or {}).get("TMPDIR") == ray.folder}
    session = {one.pid for one in running if _session_of(one) == ray.session_id}
    if family & session:
        family |= session
    while children := {one.pid for one in running if one.info["ppid"] in family} - family:
        family |= children
    me = psutil.Process()
    return {one for one in running if one.pid in family} - {me, *me.parents()}


def _session_of(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except OSError:  # it has ended meanwhile
        return None


def _is_free(port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _free_ports(count: int) -> list[int]:
    """So many ports at which nobody listens, no two the same."""
    with contextlib.ExitStack() as held:
        asked = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in asked:
            one.bind((LOOPBACK, 0))
        return [one.getsockname()[1] for one in asked]

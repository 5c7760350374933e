"""A Ray for one command: started on loopback, ended whatever happens."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import signal
import socket
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

from agents.environment import (
    BELOW_BYTES,
    NAMESPACE,
    SESSIONS,
    SHARED_MEMORY,
    few_processes,
    node_seen_at_once,
    on_loopback,
    prepare_environment,
    readable_entrypoint,
    variable,
)
from agents.node_check import python_path
from cluster.sessions.attach import SIGNALS, signals_kept
from ensemble.errors import BandError
from ensemble.files.private import in_use, remove_left, socket_folder

_FOLDER = "ensemble-ray-"
_AGENT = re.compile(r"^ray::\w+Agent$|/agent(/main)?\.py$")
"""The title of an agent process of Ray, and its program before it has set one."""


@contextlib.contextmanager
def local_ray(*, num_cpus: int | None = None, dashboard: bool = False) -> Iterator[str]:
    """Start a Ray on loopback, lend it, and end it with every process it started.

    Args:
        num_cpus: what Ray may schedule; the machine's own when absent.
        dashboard: serve the Ray dashboard on 127.0.0.1.

    Yields:
        The address of the dashboard, or an empty string.

    Raises:
        BandError: Ray did not start, or this process is on a Ray already.
    """
    with contextlib.ExitStack() as stack:
        try:
            dashboard_url = stack.enter_context(_one_ray(num_cpus=num_cpus, dashboard=dashboard))
        except BandError as error:
            if type(error.__cause__) is not Exception:  # Ray raises a plain one after 30 s, as on a busy machine
                raise
            dashboard_url = stack.enter_context(_one_ray(num_cpus=num_cpus, dashboard=dashboard))
        yield dashboard_url


def check_loopback() -> None:
    """See that this machine reaches itself: where it does not, Ray would wait for minutes.

    Raises:
        BandError: it does not.
    """
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=5.0).close()
    except OSError as error:
        problem = f"is not reached by this machine itself ({error.strerror or error})"
        raise BandError("127.0.0.1", problem, "bring it up (`ip link set lo up`), or add --local") from error


@contextlib.contextmanager
def _one_ray(*, num_cpus: int | None, dashboard: bool) -> Iterator[str]:
    """Try once; see `local_ray`."""
    prepare_environment()
    import ray

    if ray.is_initialized():
        raise BandError("Ray", "this process is connected to one already", "use it, or call ray.shutdown() first")
    check_loopback()
    before = set(psutil.Process().children())
    remove_left(_FOLDER)
    with session_folder(f"{_FOLDER}{os.getpid()}-") as folder, signals_kept() as mine:
        started: set[psutil.Process] = set()
        is_impatient = False
        try:
            try:
                # Ray workers put the folder that they start in first on the path: start in an empty one.
                with (
                    contextlib.chdir(folder), on_loopback(), readable_entrypoint(), node_seen_at_once(),
                    variable("PYTHONPATH", python_path()), contextlib.nullcontext() if dashboard else few_processes(),
                ):  # fmt: skip
                    context = ray.init(
                        address="local",
                        num_cpus=num_cpus,
                        namespace=NAMESPACE,
                        include_dashboard=dashboard,
                        dashboard_host="127.0.0.1",
                        object_store_memory=object_store_bytes(),
                        logging_level=logging.ERROR,
                        log_to_driver=False,
                        _node_ip_address="127.0.0.1",
                        _temp_dir=str(folder / SESSIONS),
                        _plasma_directory=None if SHARED_MEMORY.is_dir() else str(folder),
                    )
            except Exception as error:  # Ray raises plain ones, too
                reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
                raise BandError("Ray", f"did not start ({reason})", "see `ensemble doctor`, or add --local") from error
            finally:
                started = set(psutil.Process().children()) - before
                mine()
            yield f"http://{context.dashboard_url}" if dashboard and context.dashboard_url else ""
        except BaseException as error:
            is_impatient = not isinstance(error, Exception)
            raise
        finally:
            _end(started, is_impatient=is_impatient)


def new_session_folder(prefix: str) -> Path:
    """A new private folder for a Ray: below it lie its sessions and what its processes leave.

    Raises:
        BandError: there is no place for one.
    """
    try:
        return socket_folder(prefix, BELOW_BYTES)
    except OSError as error:
        problem = f"is no place for sockets ({error.strerror})"
        raise BandError(str(error.filename), problem, "set TMPDIR to a short path, or add --local") from error


@contextlib.contextmanager
def session_folder(prefix: str) -> Iterator[Path]:
    """Lend a new private folder for a Ray, and remove it."""
    folder = new_session_folder(prefix)
    try:
        with in_use(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def object_store_bytes() -> int:
    """Size of Ray's object store: a tenth of the memory, between 256 MiB and 2 GiB; a long leader fits."""
    return int(min(max(psutil.virtual_memory().total // 10, 256 << 20), 2 << 30))


def _end(started: set[psutil.Process], *, is_impatient: bool) -> None:
    """Shut Ray down, then kill what is left of its processes. Signals are ignored meanwhile.

    After Ctrl-C (`is_impatient`) workers are killed first: Ray would take a second to ask them.
    """
    import ray

    if threading.current_thread() is threading.main_thread():
        for one in (*SIGNALS, signal.SIGALRM):  # by the last, an interruption that was swallowed is raised again
            signal.signal(one, signal.SIG_IGN)
    family = set(started)
    for process in started:
        with contextlib.suppress(psutil.NoSuchProcess):
            family |= set(process.children(recursive=True))
    if is_impatient:
        _kill(process for process in family if not _holds_ray(process))
    ray.shutdown()
    _, alive = psutil.wait_procs(family, timeout=0.3)
    _kill(alive)
    psutil.wait_procs(alive, timeout=1.0)


def _holds_ray(process: psutil.Process) -> bool:
    """Whether our own process would die with it: it does with its raylet, and a raylet with any of its agents."""
    try:
        command = process.cmdline()
        return process.name() in ("raylet", "gcs_server") or any(map(_AGENT.search, command))
    except psutil.Error:
        return True  # it is killed later, if it is still there


def _kill(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()

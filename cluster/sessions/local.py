"""A Ray for one command: started on loopback, ended whatever happens."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import psutil

from agents.environment import NAMESPACE, on_loopback, prepare_environment, variable
from agents.node_check import python_path
from ensemble.errors import BandError

LONGEST_FOLDER = 40
"""The longest path of a session folder in characters: sockets lie below it, and their paths end at 107 bytes."""
_FOLDER = "ensemble-ray-"
_AGENT = re.compile(r"^ray::\w+Agent$|/agent(/main)?\.py$")
"""The title of an agent process of Ray, and its program before it has set one."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
    prepare_environment()
    import ray

    if ray.is_initialized():
        raise BandError("Ray", "this process is connected to one already", "use it, or call ray.shutdown() first")
    before = set(psutil.Process().children())
    _sweep()
    prefix = f"{_FOLDER}{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as empty, _signals_kept() as mine:
        started: set[psutil.Process] = set()
        is_impatient = False
        try:
            try:
                # Ray workers put the folder that they start in first on the path: start in an empty one.
                with contextlib.chdir(empty), on_loopback(), variable("PYTHONPATH", python_path()):
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
                        _temp_dir=empty if len(empty) <= LONGEST_FOLDER else None,
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


def _sweep() -> None:
    """Remove the session folders of processes that were killed before they could."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*-*"):
        pid = folder.name.removeprefix(_FOLDER).partition("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _signals_kept() -> Iterator[Callable[[], None]]:
    """Lend a function that puts the caller's signal handlers back: Ray replaces them by its own as it starts."""
    is_main = threading.current_thread() is threading.main_thread()
    handlers = {one: signal.getsignal(one) for one in SIGNALS} if is_main else {}

    def put_back() -> None:
        for one, handler in handlers.items():
            signal.signal(one, handler)

    try:
        yield put_back
    finally:
        put_back()


def object_store_bytes() -> int:
    """Size of Ray's object store: a tenth of the memory, between 256 MiB and 2 GiB; a long leader fits."""
    return int(min(max(psutil.virtual_memory().total // 10, 256 << 20), 2 << 30))


def _end(started: set[psutil.Process], *, is_impatient: bool) -> None:
    """Shut Ray down, then kill what is left of its processes. Signals are ignored meanwhile.

    After Ctrl-C (`is_impatient`) workers are killed first: Ray would take a second to ask them.
    """
    import ray

    if threading.current_thread() is threading.main_thread():
        for one in SIGNALS:
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

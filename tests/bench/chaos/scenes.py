"""Where the chaos happens: a local Ray of each render's own, or three hosts and a fourth with their stores."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from typing import IO, Any, Protocol

import psutil

from ensemble.errors import BandError
from tests.bench.chaos.hosts import Host, hosts
from tests.bench.chaos.marked_render import Wanted
from tests.bench.chaos.ray_hosts import STORE_BYTES, RayHosts, Redis
from tests.bench.chaos.watched import Watched, here
from tests.bench.checkout import program

WORKERS = ("w1", "w2")
FILLER = program("tests.bench.chaos.store_filler")


class Scene(Protocol):
    """Where a render is started, and its processes are reached."""

    def start(self, wanted: Wanted, on: str = "") -> Watched:
        """Start a render."""

    def signal(self, actor: dict[str, Any], what: int) -> None:
        """Send an actor's process a signal."""

    def processes(self) -> list[psutil.Process]:
        """Everything that runs for the render."""


class LocalScene:
    """Each render starts a Ray for itself."""

    def __init__(self) -> None:
        self._drivers: list[psutil.Process] = []

    def start(self, wanted: Wanted, on: str = "") -> Watched:
        """Start a render."""
        watched = Watched(here, wanted)
        self._drivers.append(psutil.Process(watched.process.pid))
        return watched

    def signal(self, actor: dict[str, Any], what: int) -> None:
        """Send an actor's process a signal."""
        os.kill(actor["pid"], what)

    def processes(self) -> list[psutil.Process]:
        """Everything that runs for the render."""
        found = []
        for driver in self._drivers:
            with contextlib.suppress(psutil.NoSuchProcess):
                found += driver.children(recursive=True)
        return found


class HostScene:
    """Three hosts with a Ray over them; a driver runs on the head unless told otherwise.

    Args:
        by_name: the hosts; `head`, the workers, and `store` for what must not be lost.
        dashboard: whether the head serves one.
    """

    def __init__(self, by_name: dict[str, Host], *, dashboard: bool = False) -> None:
        self.hosts = by_name
        self.hurt: set[str] = set()
        self.filled = ""
        has_redis = shutil.which("redis-server") is not None
        self.redis = Redis(by_name["store"]) if has_redis else None
        self.ray = RayHosts(by_name["head"], self.redis)
        self.ray.start_head(dashboard=dashboard)
        joining = [threading.Thread(target=self.ray.join, args=(by_name[name],)) for name in WORKERS]
        for one in joining:
            one.start()
        for one in joining:
            one.join()

    def start(self, wanted: Wanted, on: str = "head") -> Watched:
        """Start a render on a host."""

        def starter(command: list[str], complaints: IO[str]) -> subprocess.Popen[str]:
            pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": complaints}
            return self.hosts[on].popen(command, env=self.ray.environment, text=True, **pipes)

        return Watched(starter, {"address": self.ray.address, "nodes": 1 + len(WORKERS), **wanted})

    def signal(self, actor: dict[str, Any], what: int) -> None:
        """Send an actor's process a signal."""
        self.hosts[actor["host"]].run(["kill", f"-{signal.Signals(what).value}", str(actor["pid"])])

    def processes(self) -> list[psutil.Process]:
        """Everything that runs on the workers."""
        return [process for name in WORKERS for process in self.hosts[name].processes()]

    def busiest(self, actors: list[dict[str, Any]]) -> Host:
        """The worker on which most actors are."""
        (name, _), *_ = Counter(actor["host"] for actor in actors).most_common(1)
        if name not in WORKERS:
            raise BandError("chaos", f"most actors are on {name}, which is not to be lost")
        return self.hosts[name]

    def need_redis(self) -> None:
        """Some events make no sense without.

        Raises:
            BandError: redis-server is not installed.
        """
        if self.redis is None:
            raise BandError("the control plane", "cannot be restarted without Redis", "apt install redis-server")

    @contextlib.contextmanager
    def full_stores(self) -> Iterator[None]:
        """Hold every node's object store full inside the block."""
        command = [*FILLER, self.ray.address, str(STORE_BYTES + STORE_BYTES // 5)]
        pipe = subprocess.PIPE
        with self.ray.head.popen(
            command, env=self.ray.environment, stdin=pipe, stdout=pipe, stderr=-3, text=True
        ) as it:
            try:
                self.filled = it.stdout.readline().strip() if it.stdout else ""
                if not self.filled:
                    raise BandError("the object stores", "could not be filled")
                yield
            finally:
                it.kill()

    def renew_hurt(self) -> None:
        """Restart the workers that something was done to: it must not touch the next event."""
        for name in self.hurt:
            self.hosts[name].kill()
            self.hosts[name].restart()
            self.ray.join(self.hosts[name])
        self.hurt.clear()


@contextlib.contextmanager
def host_scene() -> Iterator[HostScene]:
    """Three hosts with a Ray over them, and a fourth for a store; they end with the block.

    Raises:
        BandError: this machine cannot have any.
    """
    with hosts("head", *WORKERS, "store") as by_name:
        yield HostScene(by_name)

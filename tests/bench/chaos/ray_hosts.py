"""A Ray over several hosts: a head, workers that join it, a token on every connection, checks that notice a loss."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from agents.environment import ENVIRONMENT
from cluster.sessions.keep_alive import HEALTH
from ensemble.errors import BandError
from tests.bench.chaos.hosts import MEMORY, Host
from tests.bench.checkout import ROOT

PORT = 6379
DASHBOARD_PORT = 8265
TEMP = f"{MEMORY}/ray"
STORE_BYTES = 150 << 20
START_S = 180.0
SHARED_MACHINE = {"RAY_worker_niceness": "0"}
"""Ray lets its workers give way to everything else on a machine (15); several hosts on one share it as equals."""
_GCS = "gcs_server"


class RayHosts:
    """A Ray over several hosts.

    Args:
        head: where the control plane runs; it schedules nothing of its own, so that what plays can be lost.
        redis: where the control plane keeps what it knows; nowhere when absent.
        settings: more of Ray's environment, on every node.
    """

    def __init__(self, head: Host, redis: Redis | None = None, settings: Mapping[str, str] | None = None) -> None:
        self.head = head
        self.address = f"{head.address}:{PORT}"
        self.settings: dict[str, str] = HEALTH | SHARED_MACHINE | dict(settings or {})
        self._redis = redis
        self._token = secrets.token_hex(32)

    @property
    def environment(self) -> dict[str, str]:
        """What a node, or a driver that joins, finds: nothing of the Ray that we may be on ourselves."""
        theirs = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "TMPDIR"))}
        ours = {
            "RAY_AUTH_TOKEN": self._token,
            "RAY_TMPDIR": TEMP,
            "PYTHONPATH": str(ROOT),
            "PYTHONSAFEPATH": "1",
            "TMPDIR": MEMORY,
        }
        kept = {"RAY_REDIS_ADDRESS": self._redis.address} if self._redis else {}
        return theirs | ENVIRONMENT | self.settings | ours | kept

    def start_head(self, *, num_cpus: int = 0, dashboard: bool = False) -> None:
        """Start the control plane.

        Args:
            num_cpus: what may be scheduled beside it.
            dashboard: whether to serve one, on the head's address.

        Raises:
            BandError: Ray did not start; says why.
        """
        address = [f"--dashboard-host={self.head.address}", f"--dashboard-port={DASHBOARD_PORT}"]
        shown = [f"--include-dashboard={str(dashboard).lower()}", *(address if dashboard else [])]
        # Ray takes the password of Redis on its command line, and nowhere else.
        secret = [f"--redis-password={self._redis.password}"] if self._redis else []
        self._start(self.head, ["--head", f"--port={PORT}", *shown, *secret], num_cpus)

    def join(self, host: Host, *, num_cpus: int = 2) -> None:
        """Start a worker.

        Raises:
            BandError: Ray did not start; says why.
        """
        self._start(host, [f"--address={self.address}"], num_cpus)

    def kill_gcs(self) -> tuple[list[str], dict[str, str]]:
        """Kill the control plane's server alone; what to give `start_gcs` to have it again.

        Raises:
            BandError: there is none.
        """
        for process in self.head.processes():
            if process.name() == _GCS:
                command, environment = process.cmdline(), process.environ()
                process.kill()
                return command, environment
        raise BandError(_GCS, f"does not run on {self.head.name}")

    def start_gcs(self, was: tuple[list[str], dict[str, str]]) -> None:
        """Start it again as a supervisor would: the same command."""
        command, environment = was
        self.head.popen(command, env=environment)

    def _start(self, host: Host, how: list[str], num_cpus: int) -> None:
        command = [
            str(Path(sys.executable).parent / "ray"), "start", *how, f"--node-ip-address={host.address}",
            f"--num-cpus={num_cpus}", "--num-gpus=0", f"--object-store-memory={STORE_BYTES}",
            f"--temp-dir={TEMP}", "--disable-usage-stats",
        ]  # fmt: skip
        Path(f"/proc/{host.pid}/root{TEMP}").mkdir(exist_ok=True)
        done = host.run(command, timeout_s=START_S, env=self.environment)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
            raise BandError(f"Ray on {host.name}", f"did not start ({said[-1]})", "see `ensemble doctor`")


class Redis:
    """Where a control plane keeps what it knows, so that it can be killed and started again.

    Args:
        host: where it runs; not one that is going to be lost.
    """

    PORT = 16379

    def __init__(self, host: Host) -> None:
        self.address = f"{host.address}:{self.PORT}"
        self.password = secrets.token_hex(16)
        settings = [f"bind {host.address}", f"port {self.PORT}", f"requirepass {self.password}", 'save ""']
        self._process = host.popen(["redis-server", "-"], stdin=-1, stdout=-3, stderr=-3, text=True)
        assert self._process.stdin is not None
        self._process.stdin.write("\n".join(settings) + "\n")  # a password on the command line is everybody's
        self._process.stdin.close()
        await_port(host, host.address, self.PORT)


def await_port(host: Host, address: str, port: int, patience_s: float = 60.0) -> None:
    """Wait until something on `host` can be connected to.

    Raises:
        BandError: nothing came.
    """
    until = time.monotonic() + patience_s
    knock = ["bash", "-c", f"exec 3<>/dev/tcp/{address}/{port}"]
    while time.monotonic() < until:
        with contextlib.suppress(BandError):
            if host.run(knock, timeout_s=2.0).returncode == 0:
                return
        time.sleep(0.1)
    raise BandError(host.name, f"nothing listens on {address}:{port} after {patience_s:g} s")

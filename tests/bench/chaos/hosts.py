"""Several hosts on one machine: each has its own network, processes, mounts and name, and all hang on one switch.

They are Linux namespaces without names, held by one process each that waits at the end of a pipe. When the process that
made them ends, however it ends, the pipe closes, the kernel ends every process inside, and nothing is left to clear
away. Two sets of hosts at the same time do not see each other. Needs root, util-linux and iproute2.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from ensemble.errors import BandError

NETWORK = "10.77.0"
MEMORY = "/dev/shm"  # noqa: S108  a file system of its own on every host
"""Where a host keeps what is its own: Ray's session, the object store, logs."""
PATIENCE_S = 20.0
"""How long one step of making or ending a host may take."""
_NEEDS = ("unshare", "nsenter", "ip", "bash", "env", "mount")
_SWITCH = "set -e; ip link add br0 type bridge; ip link set br0 up; echo ready; read -r _"
_HOST = f"""set -e
mount -t tmpfs -o size=3g,mode=1777 tmpfs {MEMORY}
printf '%b' "$2" > {MEMORY}/.hosts; mount --bind {MEMORY}/.hosts /etc/hosts
: > {MEMORY}/.resolv; [ ! -e /etc/resolv.conf ] || mount --bind {MEMORY}/.resolv /etc/resolv.conf
hostname "$1"; ip link set lo up; echo ready; read -r _"""


class Inside(subprocess.Popen[Any]):
    """A command on a host. This is the process outside that waits for it; signals go on to the command itself."""

    def send_signal(self, sig: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is not None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self.pid).children() or [psutil.Process(self.pid)]:
                process.send_signal(sig)


class Host:
    """One host.

    Args:
        name: its host name.
        number: the last byte of its address.
        book: the lines of its /etc/hosts.
        switch: the network that all hosts hang on.

    Attributes:
        address: in that network.
    """

    def __init__(self, name: str, number: int, book: str, switch: Space) -> None:
        self.name = name
        self.address = f"{NETWORK}.{number}"
        self._number = number
        self._port = f"p{number}"
        self._book = book
        self._switch = switch
        self._ways_in: list[Inside] = []
        self._space = self._boot()

    @property
    def pid(self) -> int:
        """Of its first process, as seen from outside; `/proc/PID/root` is its file system."""
        return self._space.pid

    @property
    def is_alive(self) -> bool:
        """Whether its first process runs."""
        return self._space.is_alive

    def popen(
        self, command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: str = MEMORY, **how: Any
    ) -> Inside:
        """Start a command on this host; it ends with the host at the latest."""
        entered = ["nsenter", "--target", str(self.pid), "--net", "--mount", "--pid", "--uts", "--"]
        process = Inside([*entered, "env", f"--chdir={cwd}", *command], env=None if env is None else dict(env), **how)
        self._ways_in = [one for one in self._ways_in if one.poll() is None] + [process]
        return process

    def run(self, command: Sequence[str], *, timeout_s: float = 120.0, **how: Any) -> subprocess.CompletedProcess[str]:
        """Run a command to its end.

        Raises:
            BandError: it took too long.
        """
        with self.popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how) as process:
            try:
                out, err = process.communicate(timeout=timeout_s)
            except subprocess.TimeoutExpired as error:
                process.kill()
                raise BandError(self.name, f"did not finish {command[0]} within {timeout_s:g} s") from error
        return subprocess.CompletedProcess(list(command), process.returncode, out, err)

    def processes(self) -> list[psutil.Process]:
        """Everything that runs here but its first process, as seen from outside."""
        mine = _space_of(self.pid)
        others = (process for process in psutil.process_iter() if process.pid != self.pid)
        return [process for process in others if mine and _space_of(process.pid) == mine]

    def kill(self) -> None:
        """End every process at once, as `kill -9` does: the kernel still hangs up on whoever was connected."""
        self._space.strike()
        until = time.monotonic() + PATIENCE_S
        while self._space.is_alive and time.monotonic() < until:
            self._wake_ways_in()
            time.sleep(0.01)
        self._space.end()
        for process in self._ways_in:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE_S)

    def restart(self) -> None:
        """Switch a killed host on again: the same name and address, an empty memory."""
        # What it had not got rid of at its end would keep its network for minutes.
        with contextlib.suppress(BandError):
            self._switch.run("ip", "link", "del", self._port)
        self._space = self._boot()

    def freeze(self) -> None:
        """Stop every process; the host stays on the network and answers nothing."""
        seen: set[int] = set()
        while fresh := [process for process in self.processes() if process.pid not in seen]:
            for process in fresh:
                seen.add(process.pid)
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let every process go on."""
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
        self._wake_ways_in()

    def cut(self) -> None:
        """Pull its cable at the switch: what is sent is lost, and nobody is told."""
        self._switch.run("ip", "link", "set", self._port, "nomaster")

    def heal(self) -> None:
        """Put the cable back."""
        self._switch.run("ip", "link", "set", self._port, "master", "br0")

    def _wake_ways_in(self) -> None:
        """`nsenter` stops itself when what it started is stopped, and would not notice its end."""
        for process in self._ways_in:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGCONT)

    def _boot(self) -> Space:
        space = Space(["--net", "--mount", "--pid", "--uts", "--mount-proc"], _HOST, self.name, self._book)
        try:
            card = ["eth0", "address", f"02:00:00:00:00:{self._number:02x}", "netns", str(space.pid)]
            _run("ip", "link", "add", *card, "type", "veth", "peer", "name", self._port, "netns", str(self._switch.pid))
            self._switch.run("ip", "link", "set", self._port, "master", "br0", "up")
            space.run("ip", "addr", "add", f"{self.address}/24", "dev", "eth0")
            space.run("ip", "link", "set", "eth0", "up")
            # Nobody is there; but Ray asks which address the way out would start from.
            space.run("ip", "route", "add", "default", "via", f"{NETWORK}.254")
        except BaseException:
            space.end()
            raise
        return space


@contextlib.contextmanager
def hosts(*names: str) -> Iterator[dict[str, Host]]:
    """Hosts by name; they end with the block, and all that runs on them.

    Raises:
        BandError: this machine does not let us make any; or one did not start.
    """
    if missing := why_not():
        raise BandError("several hosts on this machine", missing, "run as root, with util-linux and iproute2")
    book = "127.0.0.1 localhost\\n" + "".join(f"{NETWORK}.{number} {name}\\n" for number, name in enumerate(names, 1))
    with contextlib.ExitStack() as stack:
        switch = Space(["--net", "--pid"], _SWITCH)
        stack.callback(switch.end)
        made: dict[str, Host] = {}
        for number, name in enumerate(names, 1):
            made[name] = Host(name, number, book, switch)
            stack.callback(made[name].kill)
        yield made


def why_not() -> str:
    """What keeps this machine from having several hosts; empty when nothing does."""
    if os.geteuid() != 0:
        return "need root"
    if missing := [tool for tool in _NEEDS if shutil.which(tool) is None]:
        return f"need {', '.join(missing)}"
    try:
        switch = Space(["--net", "--pid"], _SWITCH)
        try:
            Host("probe", 1, "", switch).kill()
        finally:
            switch.end()
    except BandError as error:
        return error.problem
    return ""


class Space:
    """Namespaces, for as long as a first process in them waits on our pipe."""

    def __init__(self, kinds: Sequence[str], script: str, *arguments: str) -> None:
        command = ["unshare", *kinds, "--fork", "--kill-child", "bash", "-c", script, "host", *arguments]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        if self._process.stdout.readline() != b"ready\n":
            said = self._process.stderr.read().decode(errors="replace").strip().splitlines() or ["no reason given"]
            self.end()
            raise BandError("a host", f"cannot be made ({said[-1]})", "it takes the right to make namespaces")
        (first,) = psutil.Process(self._process.pid).children()
        self.pid: int = first.pid

    @property
    def is_alive(self) -> bool:
        """Whether the first process runs."""
        return self._process.poll() is None

    def run(self, *command: str) -> None:
        """Run one step in its network."""
        _run("nsenter", "--target", str(self.pid), "--net", *command)

    def strike(self) -> None:
        """Kill the first process: the kernel kills all others, and forgets the rest."""
        with contextlib.suppress(ProcessLookupError):
            if self._process.poll() is None and hasattr(self, "pid"):
                os.kill(self.pid, signal.SIGKILL)

    def end(self) -> None:
        """Kill, and wait until all is gone. May be called again."""
        self.strike()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _space_of(pid: int) -> str:
    """The process namespace that a process lives in; empty when it is gone."""
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:
        return ""


def _run(*command: str) -> None:
    """Run one step.

    Raises:
        BandError: it failed; says why.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    if done.returncode:
        raise BandError("a host's network", f"{' '.join(command[-6:])}: {done.stderr.strip()}")

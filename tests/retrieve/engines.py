"""Engines to hold to one standard: Milvus Lite over TCP, a real Milvus server in a network of its own, a relay to both.

The server from the wheel `milvus==2.3.5` listens on every interface without a password, so it lives in a network
namespace that only this process has a way into: a relay, whose sockets are made on both sides.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

WHEEL = "milvus==2.3.5"
TOKEN = "root:Milvus"
_CLONE_NEWNET = 0x40000000
_SERVE = """
import fcntl, socket, struct, sys
sys.path.insert(0, sys.argv[1])
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:  # bring lo up: SIOCSIFFLAGS, IFF_UP | IFF_RUNNING
    fcntl.ioctl(sock, 0x8914, struct.pack("16sh14x", b"lo", 0x41))
from milvus import MilvusServer
server = MilvusServer()
server.set_base_dir(sys.argv[2])
for part in ("rootCoord", "proxy", "queryCoord", "queryNode", "indexNode", "indexCoord", "dataCoord", "dataNode"):
    server.config.set(part + ".ip", "127.0.0.1")
server.config.set("log.level", "error")
server.config.set("authorization_enabled", True)
server.start()
print(server.listen_port, flush=True)
sys.stdin.read()
server.stop()
"""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def lite_server(folder: Path) -> Iterator[str]:
    """`milvus-lite server` in a process of its own, on loopback."""
    command = [Path(sys.executable).parent / "milvus-lite", "server", "--data-dir", folder, "--host", "127.0.0.1"]
    for _ in range(3):  # somebody else may take the port meanwhile
        port = free_port()
        with subprocess.Popen(
            [*map(str, command), "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as server:
            try:
                if _answers("127.0.0.1", port, server):
                    yield f"http://127.0.0.1:{port}"
                    return
            finally:
                server.kill()
    raise AssertionError("the server did not start")


@contextlib.contextmanager
def real_server(folder: Path) -> Iterator[str]:
    """A Milvus 2.3.5 that asks for `TOKEN`, at an address that only this process relays to it."""
    wheel = folder / "wheel"
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("SKIPPED LOUDLY: no real Milvus without the right to make a network namespace (root and unshare)")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(wheel), WHEEL]
    got = subprocess.run(pip, capture_output=True, text=True, check=False, timeout=300)
    if got.returncode:
        last = (got.stderr.strip().splitlines() or ["no reason given"])[-1]
        pytest.skip(f"SKIPPED LOUDLY: no real Milvus, {WHEEL} cannot be installed: {last}")
    command = ["unshare", "--net", sys.executable, "-c", _SERVE, str(wheel), str(folder / "data")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        if not port:
            pytest.skip(f"SKIPPED LOUDLY: no real Milvus, {WHEEL} does not start here")
        try:
            with Relay(int(port), Path(f"/proc/{server.pid}/ns/net")) as relay:
                yield relay.address
        finally:
            assert server.stdin is not None
            server.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(timeout=10)
            server.kill()


def certified(folder: Path) -> tuple[Path, Path]:
    """A certificate for `localhost` that only who is shown it will trust, and its key."""
    certificate, key = folder / "localhost.pem", folder / "localhost.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command, "-out", str(certificate), "-keyout", str(key)], check=True, capture_output=True)
    return certificate, key


class Relay:
    """Passes connections on to a port of 127.0.0.1, also in another network namespace; can be cut, and speak TLS.

    Args:
        port: where connections go.
        namespace: of the network in which that port is, if it is another.
        certified: certificate and key with which it answers by TLS.
    """

    def __init__(self, port: int, namespace: Path | None = None, certified: tuple[Path, Path] | None = None) -> None:
        self._port, self._namespace = port, namespace
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._tls: ssl.SSLContext | None = None
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        if certified is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*certified)
            self._tls.set_alpn_protocols(["h2"])
            self.address = f"https://localhost:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def cut(self) -> None:
        """Refuse who comes, and hang up on who is there."""
        for sock in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self) -> None:
        if self._namespace is not None:  # this thread alone moves over; its listener was made before
            with self._namespace.open() as file:
                if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._port), timeout=10)
            except OSError:
                return
            self._open += [near, far]
            if self._tls is not None:
                try:
                    near = self._tls.wrap_socket(near, server_side=True)
                except OSError:  # who does not trust us hangs up
                    far.close()
                    continue
                self._open.append(near)
            threading.Thread(target=_pump, args=(near, far), daemon=True).start()


def _pump(near: socket.socket, far: socket.socket) -> None:
    """Carry bytes both ways until either side hangs up."""
    other = {near: far, far: near}
    with contextlib.suppress(OSError, ValueError):
        while True:
            for sock in select.select([near, far], [], [])[0]:
                data = sock.recv(1 << 16)
                if not data:
                    raise OSError
                other[sock].sendall(data)
                while isinstance(sock, ssl.SSLSocket) and sock.pending():
                    other[sock].sendall(sock.recv(1 << 16))
    near.close()
    far.close()


def _answers(host: str, port: int, server: subprocess.Popen[bytes]) -> bool:
    """Wait until somebody answers there; whether somebody does before the server ends."""
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection((host, port), timeout=1).close()
            return True
        time.sleep(0.1)
    return False

"""Whether there is a Ray to join, told at once: its node, its token, and what else may listen at a port."""

from __future__ import annotations

import http.server
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from cluster.sessions import attach
from cluster.sessions.attach import LocalRay, found, joined_ray, the_only_one
from cluster.sessions.noted import Kept
from ensemble.errors import BandError


@pytest.fixture(autouse=True)
def unconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has joined no Ray, though other tests of this one may have started theirs."""
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr("ray.shutdown", lambda: None)


@pytest.fixture
def head() -> Iterator[tuple[str, list[grpc.StatusCode]]]:
    """What answers like the head of a Ray, with the status at the end of the list."""
    status = [grpc.StatusCode.OK]

    def answer(_request: bytes, context: grpc.ServicerContext) -> bytes:
        context.set_code(status[-1])
        return b""

    class Everything(grpc.GenericRpcHandler):
        def service(self, _details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
            return grpc.unary_unary_rpc_method_handler(answer, lambda raw: raw, lambda raw: raw)

    server = grpc.server(ThreadPoolExecutor(1), handlers=[Everything()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}", status
    server.stop(None)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[str]:
    """A process that looks like the node of a Ray."""
    program = tmp_path / "raylet"
    program.write_text("#!/bin/sh\nread _\n")
    program.chmod(0o755)
    address = "127.0.0.1:17"
    with subprocess.Popen([program, "--head", f"--gcs-address={address}"], stdin=subprocess.PIPE) as process:
        yield address
        process.kill()


def reason(place: str) -> str:
    with pytest.raises(BandError) as raised, joined_ray(place):
        pass
    return raised.value.problem


def test_a_ray_that_refuses_our_token_says_so_at_once(head: tuple[str, list[grpc.StatusCode]]) -> None:
    place, status = head
    status.append(grpc.StatusCode.UNAUTHENTICATED)
    assert reason(place) == "refuses our token"


def test_a_ray_whose_node_died_is_not_waited_for(head: tuple[str, list[grpc.StatusCode]]) -> None:
    assert reason(head[0]) == "answers, but has no node on this machine any more"


def test_another_service_at_the_port_is_no_ray(head: tuple[str, list[grpc.StatusCode]]) -> None:
    place, status = head
    status.append(grpc.StatusCode.UNIMPLEMENTED)
    assert reason(place) == "is no Ray, or does not answer (unimplemented)"
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        assert reason(f"127.0.0.1:{web.server_port}").startswith("is no Ray")
        web.shutdown()


def test_a_token_that_cannot_be_read_is_named(
    head: tuple[str, list[grpc.StatusCode]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from ray._raylet import AuthenticationTokenLoader  # type: ignore[attr-defined]

    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "absent"))
    AuthenticationTokenLoader.instance().reset_cache()
    with pytest.raises(BandError, match="Ray's token: cannot be read"), joined_ray(head[0]):
        pass
    monkeypatch.undo()
    AuthenticationTokenLoader.instance().reset_cache()


def test_rays_are_found_by_their_nodes(node: str) -> None:
    assert LocalRay(node, is_ours=True) in found()


def test_ones_own_ray_is_meant_where_others_run_too(monkeypatch: pytest.MonkeyPatch) -> None:
    rays = [LocalRay("127.0.0.1:1", is_ours=True), LocalRay("127.0.0.1:2", is_ours=False)]
    monkeypatch.setattr(attach, "found", lambda: rays)
    monkeypatch.setattr(attach, "answers", lambda _place: True)
    assert the_only_one() == "127.0.0.1:1"
    rays[0] = LocalRay("127.0.0.1:1", is_ours=False)
    with pytest.raises(BandError, match="2 are running here"):
        the_only_one()
    rays[:] = [LocalRay("127.0.0.1:1", is_ours=True), LocalRay("127.0.0.1:2", is_ours=True)]
    with pytest.raises(BandError, match="2 are running here"):
        the_only_one()
    monkeypatch.setattr(attach, "noted", lambda: Kept("127.0.0.1:2", "", ""))
    assert the_only_one() == "127.0.0.1:2", "what `ensemble up` started goes first"

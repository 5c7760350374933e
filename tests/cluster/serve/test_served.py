"""The studio on Ray Serve: what it takes and refuses over a real socket, and that it goes on after it was killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from cluster.serve.guard import MAX_SOCKETS
from ensemble.manifest import MANIFEST, Manifest
from ensemble.rendering.render import render
from tests.cluster.serve.conftest import RunningStudio, end_studio, start_studio
from tests.cluster.serve.studios import OPEN, ended, uploaded

pytestmark = pytest.mark.ray


@contextlib.contextmanager
def owner_of(studio: RunningStudio) -> Iterator[httpx2.Client]:
    headers = {"authorization": f"Bearer {studio.key}"}
    with httpx2.Client(base_url=studio.url, headers=headers, timeout=60, trust_env=False) as client:
        yield client


def test_a_browser_opens_a_session_and_hears_its_render(running_studio: RunningStudio, short_leader_file: Path) -> None:
    with httpx2.Client(base_url=running_studio.url, timeout=60, trust_env=False) as page:
        assert page.get("/api/songs").status_code == 401
        assert page.post("/api/session", json={"token": "wrong"}).status_code == 401
        opened = page.post("/api/session", json={"token": running_studio.key})
        cookie = opened.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        song = uploaded(page, short_leader_file)
        at = running_studio.url.replace("http", "ws") + f"/api/events?song={song}"
        said = {"Cookie": opened.headers["set-cookie"].partition(";")[0]}
        kinds = []
        with connect(at, origin=running_studio.url, additional_headers=said, proxy=None) as events:  # type: ignore[arg-type]
            assert json.loads(events.recv())["type"] == "hello"
            job = page.post(f"/api/songs/{song}/render", json={"sample_rate": 16000}).json()["id"]
            for message in events:
                event = json.loads(message)
                kinds.append(event["type"])
                if event["type"] == "job" and event["job"]["state"] not in OPEN:
                    break
        assert {"desk", "sound", "job"} <= {*kinds}
        assert ended(page, job)["state"] == "done"
        assert len(page.get(f"/api/songs/{song}/sound/v1/take-00/mix").content) > 1000


@pytest.mark.parametrize(
    "headers", [{"origin": "http://evil.example"}, {"host": "evil.example"}, {"authorization": "Bearer wrong"}]
)
def test_strangers_are_refused_on_http_and_sockets(running_studio: RunningStudio, headers: dict[str, str]) -> None:
    with owner_of(running_studio) as client:
        assert client.get("/api/songs", headers=headers).status_code in (401, 403)
        refused = client.post("/api/songs", headers=headers, content=b"RIFF")
        assert set(refused.json()["error"]) == {"code", "message", "cure", "field"}
    at = running_studio.url.replace("http", "ws") + "/api/events"
    said = {"Authorization": f"Bearer {running_studio.key}"} | {name.title(): value for name, value in headers.items()}
    if "host" not in headers:
        with pytest.raises(ConnectionClosed) as closed, connect(at, additional_headers=said, proxy=None) as events:
            events.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code in (4401, 4403)


def test_a_file_of_two_gigabytes_is_refused_before_it_is_sent(running_studio: RunningStudio) -> None:
    host, port = running_studio.url.removeprefix("http://").split(":")
    head = (
        f"POST /api/songs?name=x.wav HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {running_studio.key}\r\n"
        f"Content-Length: {2 << 30}\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=20) as plain:
        plain.sendall(head.encode())
        assert b" 413 " in plain.recv(200).splitlines()[0]


def test_of_a_thousand_sockets_of_one_client_eight_are_kept(running_studio: RunningStudio) -> None:
    at = running_studio.url.replace("http", "ws") + "/api/events"
    said = {"Authorization": f"Bearer {running_studio.key}"}
    few = asyncio.Semaphore(100)

    async def first_word(held: contextlib.AsyncExitStack) -> str | int:
        async with few:
            one = await held.enter_async_context(connect_async(at, additional_headers=said, proxy=None))
            try:
                return str(json.loads(await one.recv())["type"])
            except ConnectionClosed as closed:
                return 0 if closed.rcvd is None else closed.rcvd.code

    async def thousand() -> Counter[str | int]:
        async with contextlib.AsyncExitStack() as held:
            return Counter(await asyncio.gather(*(first_word(held) for _ in range(1000))))

    assert asyncio.run(thousand()) == {"hello": MAX_SOCKETS, 4429: 1000 - MAX_SOCKETS}


def test_a_ray_that_serves_something_already_is_left_alone(running_studio: RunningStudio, tmp_path: Path) -> None:
    family = psutil.Process(running_studio.process.pid).children(recursive=True)
    (raylet,) = (one.cmdline() for one in family if one.name() == "raylet")
    (at,) = (word.partition("=")[2] for word in raylet if word.startswith("--gcs-address="))
    command = [sys.executable, "-m", "cluster", "studio", "--no-browser", "--address", at, "--port", "0"]
    second = subprocess.run(
        [*command, "--data", str(tmp_path)], capture_output=True, text=True, timeout=280, check=False
    )
    assert (second.returncode, second.stdout) == (1, "")
    assert "runs on that Ray already" in second.stderr
    with owner_of(running_studio) as client:
        assert client.get("/api/songs").status_code == 200


def test_nothing_listens_beyond_loopback(running_studio: RunningStudio) -> None:
    family = [psutil.Process(running_studio.process.pid)]
    family += family[0].children(recursive=True)
    listening = [
        one.laddr.ip for process in family for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert {*listening} <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def test_a_renderer_that_dies_is_replaced_and_its_job_is_done(
    running_studio: RunningStudio, short_leader_file: Path, tmp_path: Path
) -> None:
    reference = render(short_leader_file, tmp_path / "reference", report=False)
    family = psutil.Process(running_studio.process.pid).children(recursive=True)
    renderers = [one for one in family if one.name().startswith("ray::ServeRepli") and "renderer" in one.cmdline()[0]]
    assert renderers
    with owner_of(running_studio) as client:
        song = uploaded(client, short_leader_file)
        job = client.post(f"/api/songs/{song}/render", json={}).json()["id"]
        while client.get(f"/api/jobs/{job}").json()["stage"] != "play":
            time.sleep(0.02)
        for one in renderers:
            one.kill()
        assert ended(client, job)["state"] == "done"
        content = client.get(f"/api/songs/{song}/files/v1/{MANIFEST}").content
        assert Manifest.parse(content, "it").takes["take-00"].files == reference.takes["take-00"].files


@pytest.mark.slow
def test_a_killed_server_goes_on_with_the_same_bytes(tmp_path: Path, short_leader_file: Path) -> None:
    reference = render(short_leader_file, tmp_path / "reference", sample_rate=16_000, report=False)
    first = start_studio(tmp_path / "data")
    with owner_of(first) as client:
        songs = [uploaded(client, short_leader_file) for _ in range(5)]
        jobs = [client.post(f"/api/songs/{song}/render", json={"sample_rate": 16000}).json()["id"] for song in songs]
        while all(job["stage"] != "play" and job["state"] in OPEN for job in client.get("/api/jobs").json()):
            time.sleep(0.02)
    family = psutil.Process(first.process.pid).children(recursive=True)
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.communicate()
    psutil.wait_procs(family, timeout=20)
    second = start_studio(tmp_path / "data")
    assert second.key == first.key
    with owner_of(second) as client:
        assert [ended(client, job)["state"] for job in jobs] == ["done"] * 5
        for song in songs:
            content = client.get(f"/api/songs/{song}/files/v1/{MANIFEST}").content
            assert Manifest.parse(content, "it").takes["take-00"].files == reference.takes["take-00"].files
    end_studio(second)

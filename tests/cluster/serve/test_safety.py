"""What the studio refuses: strangers, foreign pages, what is no sound, names that are paths."""

from __future__ import annotations

import http.server
import io
import json
import socket
import sqlite3
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st
from starlette.testclient import TestClient

from cluster.serve import board, guard, launch
from cluster.serve.database import StudioDatabase
from cluster.serve.guard import COOKIE, Bucket
from cluster.serve.launch import checked_port, watch
from ensemble.errors import BandError, OutputError
from tests.cluster.serve.studios import KEY, OWNER, studio_at, uploaded

NAME = "0123456789abcdef"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with studio_at(tmp_path_factory.mktemp("studio"), max_upload_bytes=300_000) as asked:
        yield asked


@pytest.fixture(scope="module")
def song(client: TestClient, short_leader_file: Path) -> str:
    return uploaded(client, short_leader_file)


def zip_bomb() -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("song.wav", bytes(50 << 20))
    return whole.getvalue()


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/songs", {"authorization": ""}, 401),
        ("/api/songs", {"authorization": "Bearer wrong"}, 401),
        ("/api/songs", {"authorization": "", "cookie": f"{COOKIE}=owner.a...0123"}, 401),
        ("/api/songs", {"origin": "http://evil.example"}, 403),
        ("/api/songs", {"origin": "null"}, 403),
        ("/api/songs", {"host": "evil.example"}, 403),
        ("/api/songs", {"host": "studio.evil.example"}, 403),
        ("/api/songs", {"sec-fetch-site": "cross-site"}, 403),
        ("/", {"host": "evil.example"}, 403),
        ("/api/openapi.json", {"authorization": ""}, 401),
        ("/api/health", {"authorization": ""}, 200),
        ("/api/songs", {"origin": "http://studio"}, 200),
    ],
)
def test_who_may_ask_and_from_where(client: TestClient, path: str, headers: dict[str, str], status: int) -> None:
    answer = client.get(path, headers=headers)
    assert answer.status_code == status
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    if status >= 400:
        assert set(answer.json()["error"]) == {"code", "message", "cure", "field"}


def test_a_cookie_is_for_the_browser_alone_and_cannot_be_forged(client: TestClient) -> None:
    page = TestClient(client.app, "http://studio")
    said = page.post("/api/session", json={"token": KEY}).headers["set-cookie"].lower()
    assert "httponly" in said
    assert "samesite=strict" in said
    cookie = page.cookies[COOKIE]
    assert page.get("/api/songs").status_code == 200
    forged = cookie.replace("owner.", "owner.x", 1)
    assert client.get("/api/songs", headers={"authorization": "", "cookie": f"{COOKIE}={forged}"}).status_code == 401
    assert page.get("/api/songs", headers={"origin": "http://evil.example"}).status_code == 403
    assert KEY not in cookie


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "audio"),
        (SVG, 422, "audio"),
        (zip_bomb(), 422, "audio"),
        (b"RIFF\xff\xff\xff\xffWAVEfmt ", 422, "audio"),
        (b"MThd\x00\x00\x00\x06" + bytes(200), 422, "audio"),
        (b"\x00" * 5000, 422, "audio"),
        (bytes(300_001), 413, "too_large"),
    ],
    ids=["nothing", "svg", "zip bomb", "half a wav", "half a midi", "zeros", "too large"],
)
def test_what_is_no_sound_is_refused_in_a_sentence(client: TestClient, content: bytes, status: int, code: str) -> None:
    before = client.get("/api/songs").json()
    answer = client.post("/api/songs", params={"name": "a.wav"}, content=content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert client.get("/api/songs").json() == before


def test_an_upload_that_does_not_say_its_length_is_cut_off(client: TestClient) -> None:
    pieces = (bytes(50_000) for _ in range(20))
    answer = client.post("/api/songs", params={"name": "a.wav"}, content=pieces)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "..\\x.wav", "a\0b.wav", "\u202egnp.wav", "." * 200]
)
def test_names_are_titles_and_never_paths(client: TestClient, short_leader_file: Path, name: str) -> None:
    song = uploaded(client, short_leader_file, name)
    entry = client.get(f"/api/songs/{song}").json()
    assert entry["title"].isprintable()
    assert client.get(f"/api/songs/{song}/upload").content == short_leader_file.read_bytes()
    client.delete(f"/api/songs/{song}")


ESCAPES = ["%2e%2e", "..%2f..%2fstudio.sqlite3", "%2fetc%2fpasswd", "....//", "%00", "take-00%2f..%2f..%2ftoken"]


@pytest.mark.parametrize("escape", ESCAPES)
def test_no_parameter_is_a_way_out(client: TestClient, song: str, escape: str) -> None:
    for path in (
        f"songs/{escape}", f"songs/{escape}/desk", f"songs/{song}/files/v1/{escape}", f"songs/{song}/files/{escape}/x",
        f"songs/{song}/sound/v1/take-00/{escape}", f"songs/{song}/sound/v1/{escape}/bass", f"jobs/{escape}",
        f"songs/{song}/peaks/{escape}/take-00/bass", f"songs/{song}/exports/{escape}",
            f"songs/{song}/desk?take={escape}",
    ):  # fmt: skip
        answer = client.get(f"/api/{path}")
        assert answer.status_code in (404, 422), path
        assert KEY not in answer.text
    assert client.get(f"/page/{escape}").status_code == 404


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("render", {"band": "/etc/passwd"}),
        ("render", {"band": "../bands/rock"}),
        ("render", {"levers": {"style": "/etc/passwd"}}),
        ("redo", {"voice": {"bass": "/etc/passwd"}}),
        ("redo", {"style": "../styles/rock.yaml"}),
        ("redo", {"midi": {"bass": "/etc/passwd"}}),
        ("redo", {"add": [{"name": "x", "instrument": "cello", "role": "bass", "voice": "/etc/passwd"}]}),
        ("redo", {"gain_db": {"bass": "NaN"}}),
        ("redo", {"unknown": 1}),
        ("exports", {"kind": "zip", "take": "../x"}),
    ],
)
def test_orders_name_what_is_shipped_and_no_files(client: TestClient, song: str, what: str, body: Any) -> None:
    answer = client.post(f"/api/songs/{song}/{what}", json=body)
    assert answer.status_code == 422
    assert "passwd" not in answer.json()["error"]["message"].replace("'/etc/passwd'", "")
    assert client.get("/api/jobs").json() == []


def test_a_client_has_only_so_many_jobs(client: TestClient, song: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "MAX_JOBS", 2)
    jobs = [client.post(f"/api/songs/{song}/render", json={}) for _ in range(3)]
    assert [job.status_code for job in jobs] == [202, 202, 429]
    assert jobs[2].headers["retry-after"]
    for job in reversed(jobs[:2]):
        client.delete(f"/api/jobs/{job.json()['id']}")


def test_a_client_that_asks_too_often_is_told_to_wait(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BURST", 5.0)
    monkeypatch.setattr(guard, "REQUESTS_PER_S", 0.0)
    page = TestClient(client.app, "http://studio")
    page.post("/api/session", json={"token": KEY})
    assert [page.get("/api/songs").status_code for _ in range(7)] == [200] * 5 + [429] * 2


def test_a_limit_fills_up_again() -> None:
    bucket = Bucket(1e9, 1.0)
    assert bucket.take()
    assert bucket.take()
    empty = Bucket(0.0, 1.0)
    assert empty.take()
    assert not empty.take()


def test_a_database_that_is_in_use_damaged_or_of_a_later_release_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "studio.sqlite3"
    first = StudioDatabase(path)
    with pytest.raises(OutputError, match="is open in another studio"):
        StudioDatabase(path, patience_s=0.1)
    first.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(OutputError, match="later release"):
        StudioDatabase(path)
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(OutputError, match="cannot be used"):
        StudioDatabase(path)


def test_a_port_that_is_taken_is_told_before_anything_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(BandError, match="name another --port"):
        checked_port(tmp_path / "data", taken.getsockname()[1])
    assert not (tmp_path / "data").exists()
    assert checked_port(tmp_path / "data", 0) > 0


def test_a_studio_that_is_gone_ends_its_command_with_a_way_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "LOST_S", 0.3)
    monkeypatch.setattr(launch, "WATCH_S", 0.02)
    asked = 0

    class Health(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            nonlocal asked
            asked += 1
            self.send_response(200)
            self.end_headers()
            if asked == 3:
                threading.Thread(target=self.server.shutdown).start()

    with http.server.HTTPServer(("127.0.0.1", 0), Health) as studio:
        serving = threading.Thread(target=studio.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        closing = threading.Thread(target=lambda: (serving.join(), studio.server_close()))
        closing.start()
        with pytest.raises(BandError, match="start it again"):
            watch(studio.server_port)
        closing.join()
    assert asked == 3


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def values(schema: dict[str, Any], whole: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that more or less fit a schema."""
    if "$ref" in schema:
        return values(whole["components"]["schemas"][schema["$ref"].rpartition("/")[2]], whole)
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum", [schema.get("const")])) | JSON
    if "anyOf" in schema:
        return st.one_of(*(values(one, whole) for one in schema["anyOf"]))
    if schema.get("type") == "object" and "properties" in schema:
        fields = {name: values(one, whole) for name, one in schema["properties"].items()}
        return st.fixed_dictionaries({}, optional=fields) | JSON
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "string": st.sampled_from(["bass", "C", "| C |", "take-00", "x" * 300, "../x"]) | st.text(max_size=12),
        "integer": st.integers(-3, 20) | st.integers(),
        "number": st.floats(-2, 200) | st.floats(),
        "boolean": st.booleans(),
    }
    if schema.get("type") in kinds:
        return kinds[schema["type"]] | JSON
    return JSON


def test_no_request_makes_it_fail(client: TestClient, song: str) -> None:
    whole = client.get("/api/openapi.json").json()
    asked = [
        (method, path, one)
        for path, methods in whole["paths"].items()
        for method, one in methods.items()
        if path != "/api/songs/{song}" or method != "delete"
    ]
    assert len(asked) > 30

    @hypothesis.settings(max_examples=60, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(st.data())
    def ask(data: st.DataObject) -> None:
        method, path, one = data.draw(st.sampled_from(asked))
        names = {"song": song, "source": "v1", "take": "take-00", "name": "bass", "job": NAME, "share": NAME}
        query: dict[str, str] = {}
        for parameter in one.get("parameters", []):
            name = parameter["name"]
            if parameter["in"] == "path":
                right = st.just(names.get(name, NAME))
                drawn = data.draw(right | st.text("abc./%\0é0123456789", min_size=1, max_size=16))
                path = path.replace(f"{{{name}}}", drawn)
            else:
                query[name] = str(data.draw(values(parameter["schema"], whole)))
        content = b""
        if "requestBody" in one:
            schema = one["requestBody"]["content"].get("application/json", {}).get("schema", {})
            body = json.dumps(data.draw(values(schema, whole))).encode()
            content = data.draw(st.just(body) | st.binary(max_size=40))
        for character in "?#\0":
            path = path.replace(character, "x")
        answer = client.request(
            method, path, params=query, content=content, headers=OWNER | {"content-type": "application/json"}
        )
        assert answer.status_code != 500, answer.text
        assert "Traceback" not in answer.text
        if answer.status_code >= 400 and method != "head":
            assert set(answer.json()["error"]) == {"code", "message", "cure", "field"}

    ask()

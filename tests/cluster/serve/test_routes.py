"""What the studio does, from an upload to an export: the sound is that of `render` and `redo`."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from cluster.serve.storage import StudioStorage
from ensemble.audio.files import read_clip
from ensemble.manifest import MANIFEST, Manifest
from ensemble.output.staging import NEW, PREFIX, PUBLISHED, staging_folders
from ensemble.rendering.edits import Edits
from ensemble.rendering.redo import redo
from ensemble.rendering.render import render
from tests.cluster.serve.studios import OPEN, done, ended, studio_at, uploaded


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The studio's folder."""
    return tmp_path_factory.mktemp("studio")


@pytest.fixture(scope="module")
def client(root: Path) -> Iterator[TestClient]:
    with studio_at(root) as asked:
        yield asked


@pytest.fixture(scope="module")
def song(client: TestClient, short_leader_file: Path) -> str:
    """A song that was rendered, at 16 kHz."""
    name = uploaded(client, short_leader_file)
    done(client, client.post(f"/api/songs/{name}/render", json={"sample_rate": 16000}))
    return name


@pytest.fixture(scope="module")
def reference(short_leader_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same by `render`."""
    out = tmp_path_factory.mktemp("reference") / "out"
    render(short_leader_file, out, sample_rate=16_000, report=False)
    return out


def manifest_of(client: TestClient, song: str, version: int) -> Manifest:
    return Manifest.parse(client.get(f"/api/songs/{song}/files/v{version}/{MANIFEST}").content, "it")


def hashes(manifest: Manifest) -> dict[str, str]:
    return {name: kept.sha256 for name, kept in manifest.takes["take-00"].files.items()}


def test_a_render_and_its_edits_are_those_of_the_commands(client: TestClient, song: str, reference: Path) -> None:
    was = Manifest.read(reference / MANIFEST)
    assert hashes(manifest_of(client, song, 1)) == hashes(was)
    job = done(client, client.post(f"/api/songs/{song}/redo", json={"parts": ["drums"], "seed": 5}))
    assert job["parts"] == ["drums"]
    edited = redo(reference, Edits(parts=("drums",), seed=5), report=False)
    assert hashes(manifest_of(client, song, job["version"])) == hashes(edited)
    assert hashes(edited) != hashes(was)
    undone = done(client, client.post(f"/api/songs/{song}/undo"))
    assert undone["version"] == 1
    again = done(client, client.post(f"/api/songs/{song}/switch", json={"version": job["version"]}))
    assert again["version"] == job["version"]
    listed = client.get(f"/api/songs/{song}/versions").json()
    assert [(one["number"], one["parent"], one["is_current"]) for one in listed] == [(1, None, False), (2, 1, True)]
    done(client, client.post(f"/api/songs/{song}/undo"))


def test_sound_is_that_of_the_files(client: TestClient, song: str, reference: Path) -> None:
    whole = read_clip(reference / "take-00" / "stems" / "bass.wav").samples
    answer = client.get(f"/api/songs/{song}/sound/v1/take-00/bass", params={"start": 16000, "num": 8000})
    sent = np.frombuffer(answer.content, "<i2").reshape(-1, 2).T / 2**15
    assert int(answer.headers["x-total-samples"]) == whole.shape[1]
    assert np.abs(sent - whole[:, 16000:24000]).max() <= 2**-15
    assert np.abs(sent).max() > 0.01
    pairs = np.frombuffer(client.get(f"/api/songs/{song}/peaks/v1/take-00/bass").content, np.int8).reshape(-1, 2)
    assert len(pairs) == -(-whole.shape[1] // 320)
    assert abs(int(pairs[:, 1].max()) - 127 * float(whole.max())) <= 1.0
    assert len(client.get(f"/api/songs/{song}/upload/peaks").content) == 2 * 150
    after = client.get(f"/api/songs/{song}/sound/v1/take-00/bass", params={"start": 2**40})
    assert (after.status_code, after.content) == (200, b"")


def test_files_are_sent_in_ranges(client: TestClient, song: str) -> None:
    at = f"/api/songs/{song}/files/v1/take-00/mix.wav"
    whole = client.get(at)
    part = client.get(at, headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert client.get(at, headers={"range": "bytes=999999999-"}).status_code == 416


def test_the_desk_tells_beats_bars_and_lanes(client: TestClient, song: str) -> None:
    desk = client.get(f"/api/songs/{song}/desk").json()
    assert [lane["name"] for lane in desk["lanes"]] == ["leader", "bass", "rhythm", "drums", "room"]
    assert len(desk["chords"]) == len(desk["beats_s"]) > 2
    assert desk["bars"][0]["chords"][0]["start_s"] == desk["bars"][0]["start_s"]
    assert desk["duration_s"] == pytest.approx(4.0, abs=0.1)
    mix, total = read_lane(client, song, "mix"), np.zeros(1)
    for lane in desk["lanes"]:
        sound = read_lane(client, song, lane["name"]) * 10 ** (lane["level_db"] / 20)
        sound = np.pad(sound, ((0, 0), (0, mix.shape[1] - sound.shape[1])))
        total = total + sound
    assert np.abs(total - mix).max() < 0.02  # what the page plays is the mix, but for its limiter


def read_lane(client: TestClient, song: str, name: str) -> Any:
    content = client.get(f"/api/songs/{song}/sound/v1/take-00/{name}").content
    return np.frombuffer(content, "<i2").reshape(-1, 2).T / 2**15


def test_a_chart_is_read_edited_and_played(client: TestClient, song: str) -> None:
    chart = client.get(f"/api/songs/{song}/chart").json()
    edit = {"text": chart["text"], "bar": 1, "chords": "Dm"}
    edited = client.post(f"/api/songs/{song}/chart/edit", json=edit).json()
    assert "| Dm" in edited["text"]
    job = done(client, client.put(f"/api/songs/{song}/chart", json={"text": edited["text"]}))
    assert client.get(f"/api/songs/{song}/desk").json()["bars"][0]["chords"][0]["name"] == "Dm"
    assert job["base"] == 1
    done(client, client.post(f"/api/songs/{song}/undo"))
    wrong = client.post(f"/api/songs/{song}/chart/validate", json={"text": "| C | Hx |"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "config")
    assert "bar 2" in wrong.json()["error"]["message"]


def test_an_export_is_taken_away(client: TestClient, song: str) -> None:
    job = done(client, client.post(f"/api/songs/{song}/exports", json={"kind": "zip"}))
    answer = client.get(f"/api/songs/{song}/exports/{job['export']}")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as whole:
        assert whole.testzip() is None
        assert any(name.endswith("song.mid") for name in whole.namelist())
    assert 'filename="a song.zip"' in answer.headers["content-disposition"]


def test_two_bars_are_heard_in_another_manner_and_change_nothing(client: TestClient, song: str, tmp_path: Path) -> None:
    before = client.get(f"/api/songs/{song}/versions").json()
    bars = client.get(f"/api/songs/{song}/desk").json()["bars"][-2:]
    heard = []
    for order in ({"band": "rock"}, {"band": "quartet"}):
        job = done(client, client.post(f"/api/songs/{song}/preview", json=order | {"bar": bars[0]["number"]}))
        answer = client.get(f"/api/songs/{song}/exports/{job['export']}")
        assert answer.headers["content-type"] == "audio/wav"
        (tmp_path / "heard.wav").write_bytes(answer.content)
        clip = read_clip(tmp_path / "heard.wav")
        assert clip.num_samples / clip.sample_rate >= bars[-1]["stop_s"] - bars[0]["start_s"] - 0.01
        assert np.abs(clip.samples).max() > 0.1
        heard.append(clip.samples)
    assert not np.array_equal(heard[0], heard[1])
    assert client.get(f"/api/songs/{song}/versions").json() == before
    assert client.post(f"/api/songs/{song}/preview", json={"band": "nobody", "bar": 1}).status_code == 422


def test_a_page_hears_what_happens_and_the_first_sound_before_the_end(
    client: TestClient, short_leader_file: Path
) -> None:
    name = uploaded(client, short_leader_file)
    kinds: list[str] = []
    with client.websocket_connect(f"ws://studio/api/events?song={name}", headers={"origin": "http://studio"}) as socket:
        hello = json.loads(socket.receive_text())
        assert (hello["type"], [one["id"] for one in hello["songs"]]) == ("hello", [name])
        job = client.post(f"/api/songs/{name}/render", json={"sample_rate": 16000}).json()["id"]
        while True:
            event = json.loads(socket.receive_text())
            kinds.append(event["type"])
            if event["type"] == "sound" and 0 < event["available"] < event["total"]:
                at = f"/api/songs/{name}/sound/j{job}/take-00/bass"
                assert len(client.get(at).content) >= 4 * event["available"] > 0
                assert client.get(f"/api/jobs/{job}/desk").json()["beats_s"]
            if event["type"] == "job" and event["job"]["state"] not in OPEN:
                break
    assert kinds.index("desk") < kinds.index("sound")
    assert event["job"]["first_sound_s"] is not None


def test_a_song_goes_on_after_a_renderer_that_was_lost_with_its_machine(
    client: TestClient, root: Path, short_leader_file: Path
) -> None:
    name = uploaded(client, short_leader_file)
    left = StudioStorage(root).song(name).render / f"{PREFIX}elsewhere-1-abcd"
    (left / NEW).mkdir(parents=True)
    (left / PUBLISHED).mkdir()
    done(client, client.post(f"/api/songs/{name}/render", json={"sample_rate": 16000}))
    assert not staging_folders(left.parent)


def test_a_job_is_cancelled_and_leaves_nothing(client: TestClient, short_leader_file: Path) -> None:
    name = uploaded(client, short_leader_file)
    jobs = [client.post(f"/api/songs/{name}/render", json={"seed": seed}).json() for seed in (1, 2)]
    assert [job["place"] for job in jobs] == [None, 1]
    assert client.delete(f"/api/jobs/{jobs[1]['id']}").json()["state"] == "cancelled"
    client.delete(f"/api/jobs/{jobs[0]['id']}")
    assert ended(client, jobs[0]["id"])["state"] == "cancelled"
    assert client.get(f"/api/songs/{name}").json()["version"] is None
    assert client.delete(f"/api/songs/{name}").status_code == 204
    assert client.get(f"/api/songs/{name}").status_code == 404


def test_a_shared_song_is_read_and_nothing_else(client: TestClient, song: str, short_leader_file: Path) -> None:
    other = uploaded(client, short_leader_file)
    link = client.post(f"/api/songs/{song}/shares").json()
    reader = TestClient(client.app, "http://studio")
    assert reader.post("/api/session", json={"share": link["share"]}).json()["song"] == song
    assert [one["id"] for one in reader.get("/api/songs").json()] == [song]
    assert reader.get(f"/api/songs/{song}/desk").status_code == 200
    assert reader.get(f"/api/songs/{other}").status_code == 403
    assert reader.post(f"/api/songs/{song}/undo").status_code == 403
    assert reader.get(f"/api/songs/{song}/shares").status_code == 403
    followed = client.post("/api/session", json={"share": link["share"]})
    assert followed.json()["role"] == "owner", "whoever owns the studio and tries the link stays its owner"
    assert followed.json()["song"] == song
    assert "set-cookie" not in followed.headers
    (entry,) = client.get(f"/api/songs/{song}/shares").json()
    assert client.delete(f"/api/songs/{song}/shares/{entry['id']}").status_code == 204
    assert reader.get(f"/api/songs/{song}/desk").status_code == 401

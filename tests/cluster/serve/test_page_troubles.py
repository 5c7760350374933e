"""The page where something is amiss: each trouble is a sentence with a way on. The studio is one without Ray."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest
import uvicorn
from websockets.sync.client import connect

from cluster.serve import jams
from cluster.serve.app import make_app
from cluster.serve.storage import StudioStorage
from cluster.serve.studio import Studio
from tests.browser import Browser, browser_open, wait_for
from tests.cluster.serve import dying_jam
from tests.cluster.serve.studios import KEY, OWNER, ThreadRenderers, done, uploaded

pytestmark = pytest.mark.slow

WITHOUT_WORKLET = "delete window.AudioWorkletNode; delete window.AudioWorklet"


class Trouble(NamedTuple):
    """A page that is open, and where the studio listens."""

    page: Browser
    root: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def text(self, selector: str) -> str:
        return str(self.page.run(f"document.querySelector({selector!r})?.textContent ?? ''"))

    def is_hidden(self, selector: str) -> bool:
        return bool(self.page.run(f"document.querySelector({selector!r}).hidden"))

    def open(self) -> None:
        """Open the page anew, as its owner."""
        self.page.open("about:blank")
        self.page.open(f"{self.url}/#token={KEY}")
        wait_for(lambda: self.text("#songs"), "the page")

    def client(self) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, headers=OWNER, timeout=60, trust_env=False)


@contextlib.contextmanager
def listening(root: Path, port: int) -> Iterator[None]:
    """A studio in a thread of this process."""
    app = make_app(Studio(StudioStorage(root), ThreadRenderers()), KEY, (f"127.0.0.1:{port}",))
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started, "the studio")
        yield
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def trouble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trouble]:
    root = tmp_path_factory.mktemp("troubles")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the studio takes it too, and nobody else
        probe.bind(("127.0.0.1", 0))
        with browser_open(root / "profile", "--use-fake-device-for-media-stream") as page:
            yield Trouble(page, root / "data", probe.getsockname()[1])


def test_a_denied_microphone_is_told_and_recording_goes_on_once_it_is_allowed(trouble: Trouble) -> None:
    page = trouble.page
    with listening(trouble.root, trouble.port):
        trouble.open()
        permission = {"permission": {"name": "microphone"}, "origin": trouble.url}
        page.tell("Browser.setPermission", setting="denied", **permission)
        page.click("#record")
        wait_for(lambda: "microphone is not allowed" in trouble.text("#notices"), "a sentence")
        assert "drop a file instead" in trouble.text("#notices")
        assert trouble.is_hidden("#recording")
        page.tell("Browser.setPermission", setting="granted", **permission)
        page.run("(document.querySelector('#count-in').value = 0, 0)")
        page.click("#record")
        wait_for(lambda: not trouble.is_hidden("#recording"), "the recording")
        assert trouble.text("#notices") == ""


def test_a_link_opens_its_song_for_reading_in_a_page_that_is_open(trouble: Trouble, short_leader_file: Path) -> None:
    page = trouble.page
    with listening(trouble.root, trouble.port), trouble.client() as client:
        trouble.open()
        song = uploaded(client, short_leader_file, "Waltz.wav")
        link = client.post(f"/api/songs/{song}/shares").json()["share"]
        page.run(f"(location.hash = '#share={link}', 0)")  # the owner tries it
        wait_for(lambda: trouble.text("#title") == "Waltz", "the song")
        assert not page.run("document.querySelector('#song').classList.contains('is-reader')")
        page.tell("Network.clearBrowserCookies")
        page.run(f"(location.hash = '#share={link}', 0)")
        wait_for(lambda: page.run("document.querySelector('#song').classList.contains('is-reader')"), "a reader's page")
        assert trouble.text("#title") == "Waltz"
        assert page.run("[...document.querySelectorAll('.editing')].every(one => !one.offsetParent)")


def test_without_an_audio_worklet_the_finished_mix_is_heard(trouble: Trouble, short_leader_file: Path) -> None:
    page = trouble.page
    with listening(trouble.root, trouble.port), trouble.client() as client:
        song = uploaded(client, short_leader_file)
        done(client, client.post(f"/api/songs/{song}/render", json={"sample_rate": 16000}))
        script = page.tell("Page.addScriptToEvaluateOnNewDocument", source=WITHOUT_WORKLET)
        trouble.open()
        page.run(f"(location.hash = '#/song/{song}', 0)")
        wait_for(lambda: page.run("document.querySelector('#plain').offsetHeight") > 0, "its controls")
        page.run("(document.querySelector('#plain').play(), 0)")
        wait_for(lambda: page.run("document.querySelector('#plain').currentTime") > 0.1, "its sound")
        page.tell("Page.removeScriptToEvaluateOnNewDocument", identifier=script["identifier"])


def test_a_studio_that_is_gone_is_told_and_found_again(trouble: Trouble) -> None:
    with listening(trouble.root, trouble.port):
        trouble.open()
        wait_for(lambda: trouble.is_hidden("#lost"), "a connection")
    wait_for(lambda: not trouble.is_hidden("#lost"), "the loss")
    assert "start ensemble studio again" in trouble.text("#lost")
    time.sleep(0.5)
    with listening(trouble.root, trouble.port):
        wait_for(lambda: trouble.is_hidden("#lost"), "the connection")


FOUND = """(window.found = null, import('/page/jam_sound.js').then(({ chirp, delayOf }) => {
  const rate = 48000, beep = chirp(rate), starts = [5000, 24200, 43400, 62600];
  const sound = new Float32Array(90000), add = (from, value, at) => { sound[from + at] += 0.1 * value; };
  const hear = (from) => {
    sound.forEach((_, at) => { sound[at] = 0.02 * Math.sin(at * at); });
    if (from !== null) for (const start of starts) beep.forEach((value, at) => add(start + from, value, at));
    const pcm = Int16Array.from(sound, (value) => 32767 * value);
    try {
      const pieces = [{ frame: 900, pcm: pcm.slice(900, 40000) }, { frame: 40000, pcm: pcm.slice(40000) }];
      return delayOf(pieces, starts, beep, rate);
    } catch ({ code }) {
      return code;
    }
  };
  window.found = [hear(1824), hear(0), hear(null)];
}), 0)"""


def test_the_round_trip_is_where_the_beeps_come_back_and_nothing_where_they_do_not(trouble: Trouble) -> None:
    with listening(trouble.root, trouble.port):
        trouble.open()
        trouble.page.run(FOUND)
        assert wait_for(lambda: trouble.page.run("window.found"), "the delays") == [0.038, 0.0, "unheard"]


def test_a_jam_that_cannot_be_is_told_with_a_way_on(trouble: Trouble, monkeypatch: pytest.MonkeyPatch) -> None:
    page = trouble.page
    permission = {"permission": {"name": "microphone"}, "origin": trouble.url}
    with listening(trouble.root, trouble.port):
        trouble.open()
        page.run("(location.hash = '#/jam', 0)")
        page.tell("Browser.setPermission", setting="denied", **permission)
        page.click("#jam-start")
        wait_for(lambda: "press Jam again" in trouble.text("#notices"), "a sentence about the microphone")
        assert not trouble.is_hidden("#jam-setup")
        page.click("#jam-measure")
        wait_for(lambda: "Not measured yet" in trouble.text("#jam-trip-words"), "the end of what was not measured")
        assert "Cannot read" not in trouble.text("#notices")
        page.tell("Browser.setPermission", setting="granted", **permission)
        monkeypatch.setattr(jams, "MAX_JAMS", 0)
        page.click("#jam-start")
        wait_for(lambda: "The studio is full" in trouble.text("#notices"), "a full studio")
        wait_for(lambda: not trouble.is_hidden("#jam-setup"), "the way back")
        monkeypatch.undo()
        monkeypatch.setattr(jams.sys, "executable", "/bin/false")
        page.click("#jam-start")
        wait_for(lambda: "process has died" in trouble.text("#notices"), "a process that died")
        script = page.tell("Page.addScriptToEvaluateOnNewDocument", source=WITHOUT_WORKLET)
        trouble.open()
        page.run("(location.hash = '#/jam', 0)")
        page.click("#jam-start")
        wait_for(lambda: "no AudioWorklet" in trouble.text("#notices"), "a sentence about the browser")
        page.tell("Page.removeScriptToEvaluateOnNewDocument", identifier=script["identifier"])


def begin_jam(trouble: Trouble) -> None:
    """Press Jam, and wait for the band."""
    trouble.page.click("#jam-start")
    wait_for(lambda: trouble.text("#jam-words") == "Play: the band listens", "the band")


def open_jam(trouble: Trouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open the page where a microphone is allowed, and a band is there at once."""
    monkeypatch.setattr(jams, "jam_process", dying_jam)
    trouble.page.tell("Browser.setPermission", setting="granted", permission={"name": "microphone"}, origin=trouble.url)
    trouble.open()
    trouble.page.run("(location.hash = '#/jam', 0)")


def test_the_end_of_a_jam_does_not_end_the_next(trouble: Trouble, monkeypatch: pytest.MonkeyPatch) -> None:
    page = trouble.page
    with listening(trouble.root, trouble.port), trouble.client() as client:
        open_jam(trouble, monkeypatch)
        songs = {song["id"] for song in client.get("/api/songs").json()}
        begin_jam(trouble)
        page.click("#jam-stop")
        for place in ("#/", "#/jam"):
            page.run(f"(location.hash = '{place}', 0)")
            wait_for(lambda place=place: trouble.is_hidden("#jam") == (place == "#/"), "the other page")
        begin_jam(trouble)
        first = wait_for(lambda: {song["id"] for song in client.get("/api/songs").json()} - songs, "the first song")
        page.click("#jam-stop")
        last = wait_for(lambda: page.run("location.hash.split('#/song/')[1]"), "the way to the last song")
        assert last not in first


def test_a_jam_that_is_stopped_while_the_studio_is_gone_is_kept(
    trouble: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = trouble.page
    with listening(trouble.root, trouble.port):
        open_jam(trouble, monkeypatch)
        begin_jam(trouble)
    wait_for(lambda: "connection is lost" in trouble.text("#jam-warnings"), "the loss")
    page.click("#jam-stop")
    assert "Nothing was played" not in trouble.text("#notices")
    with listening(trouble.root, trouble.port), trouble.client() as client:
        song = wait_for(lambda: page.run("location.hash.split('#/song/')[1]"), "the way to the song")
        assert client.get(f"/api/songs/{song}").json()["title"] == "Jam that was cut off"


SLOW_AND_SEEN = """(
  (fetch, media) => {
    const open = media.getUserMedia.bind(media);
    window.fetch = async (...asked) => { await new Promise((done) => setTimeout(done, 200)); return fetch(...asked); };
    media.getUserMedia = async (wanted) => window.heard = await open(wanted);
  })(window.fetch, navigator.mediaDevices)"""


def test_who_leaves_before_the_band_has_come_is_not_recorded(trouble: Trouble, monkeypatch: pytest.MonkeyPatch) -> None:
    page = trouble.page
    with listening(trouble.root, trouble.port):
        open_jam(trouble, monkeypatch)
        page.run(SLOW_AND_SEEN)
        page.click("#jam-start")
        wait_for(lambda: page.run("Boolean(window.heard)"), "the microphone")
        page.run("(location.hash = '#/', 0)")
        wait_for(lambda: page.run("heard.getTracks().every((one) => one.readyState === 'ended')"), "its end")
        assert not trouble.is_hidden("#jam-setup")


def test_who_has_a_link_watches_a_session(trouble: Trouble) -> None:
    page = trouble.page
    address = f"ws://127.0.0.1:{trouble.port}/api/jam"
    with (
        listening(trouble.root, trouble.port),
        trouble.client() as client,
        connect(address, additional_headers=OWNER, proxy=None) as session,
    ):
        session.send(json.dumps({"band": "rock", "sample_rate": 16_000}))
        told = json.loads(session.recv())
        if told["type"] != "ready":
            pytest.skip(f"SKIPPED LOUDLY: {told['error']['message']}")
        song = told["jam"]
        link = client.post(f"/api/songs/{song}/shares").json()["share"]
        page.tell("Network.clearBrowserCookies")
        page.open("about:blank")
        page.open(f"{trouble.url}/#share={link}")
        for first in range(0, 6_400, 1_600):
            session.send(first.to_bytes(4, "little") + bytes(3_200))
        wait_for(lambda: trouble.text("#jam-words") == "The band listens", "the stage")
        assert page.run("[...document.querySelectorAll('#jam .editing')].every(one => !one.offsetParent)")
        session.send(json.dumps({"kind": "end"}))
        wait_for(lambda: "not kept" in trouble.text("#jam-words"), "the end of a session that was too short")
        assert client.get(f"/api/songs/{song}").status_code == 404

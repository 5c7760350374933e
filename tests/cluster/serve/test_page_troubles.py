"""The page where something is amiss: each trouble is a sentence with a way on. The studio is one without Ray."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest
import uvicorn

from cluster.serve.app import make_app
from cluster.serve.storage import StudioStorage
from cluster.serve.studio import Studio
from tests.browser import Browser, browser_open, wait_for
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
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with browser_open(root / "profile", "--use-fake-device-for-media-stream") as page:
        yield Trouble(page, root / "data", port)


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

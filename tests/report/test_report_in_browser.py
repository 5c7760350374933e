"""The report in a real browser: it plays, mutes and solos, and its console stays quiet."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ensemble import render

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--autoplay-policy=no-user-gesture-required",
    "--window-size=1200,1600",
)  # fmt: skip


class Browser:
    """As much of the WebDriver protocol as these tests speak (W3C WebDriver, sections 8, 10 and 13)."""

    def __init__(self, port: int, profile: Path) -> None:
        self._root = f"http://127.0.0.1:{port}"
        options = {"args": [*FLAGS, f"--user-data-dir={profile}"]}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        answer = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._root += f"/session/{answer['sessionId']}"

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self._root + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def open(self, page: Path) -> None:
        self._ask("POST", "/url", {"url": page.resolve().as_uri()})

    def run(self, script: str) -> Any:
        return self._ask("POST", "/execute/sync", {"script": f"return {script}", "args": []})

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self._ask("POST", "/se/log", {"type": "browser"})]

    def close(self) -> None:
        self._ask("DELETE", "")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    driver = shutil.which("chromedriver")
    if driver is None:
        pytest.skip("SKIPPED LOUDLY: chromedriver is missing (apt install chromium chromium-driver)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen([driver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: reachable(port), "chromedriver")
            one = Browser(port, tmp_path_factory.mktemp("profile"))
            yield one
            one.close()
        finally:
            process.terminate()


def reachable(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/status", timeout=5).close()
    except (urllib.error.URLError, OSError):
        return False
    return True


def wait_for(condition: Any, what: str, limit_s: float = 20.0) -> None:
    until = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until, f"{what} did not come within {limit_s} s"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def page(browser: Browser, short_leader_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Browser:
    out = tmp_path_factory.mktemp("report") / "out"
    render(short_leader_file, out, sample_rate=16_000)
    browser.open(out / "report.html")
    return browser


def seconds(page: Browser) -> float:
    minutes, rest = page.run("document.getElementById('time').textContent").split(":")
    return 60 * float(minutes) + float(rest)


def levels(page: Browser) -> dict[str, float]:
    rows = page.run(
        "[...document.querySelectorAll('.track')].map(row => [row.querySelector('h3').textContent, row.dataset.level])"
    )
    return {name.strip(): float(level) for name, level in rows}


def click(page: Browser, selector: str) -> None:
    page.run(f"document.querySelector({selector!r}).click()")


def test_play_moves_the_clock_and_pause_stops_it(page: Browser) -> None:
    click(page, "#play")
    wait_for(lambda: seconds(page) > 0.5, "half a second of playing")
    click(page, "#play")
    here = seconds(page)
    time.sleep(0.5)
    assert seconds(page) == here


def test_the_mix_sounds_first_and_the_stems_when_asked(page: Browser) -> None:
    assert {name for name, level in levels(page).items() if level > 0} == {"mix"}
    click(page, "input[name=hear][value=stems]")
    assert {name for name, level in levels(page).items() if level > 0} == {"leader", "bass", "rhythm", "drums"}


def test_a_loop_comes_back_to_its_first_bar(page: Browser) -> None:
    click(page, "#loop")
    page.run("(document.getElementById('loop-to').value = 1, 0)")
    page.run("document.getElementById('loop-to').dispatchEvent(new Event('change'))")
    start, end = (float(page.run(f"document.getElementById('region').style.{side}")[:-1]) for side in ("left", "width"))
    duration = float(page.run("document.getElementById('seek').max"))
    last = (start + end) / 100 * duration
    click(page, "[data-bar='1']")
    page.run("window.heard = [], 0")
    page.run("setInterval(() => heard.push(Number(document.getElementById('seek').value)), 50)")
    wait_for(lambda: page.run("heard.some((at, n) => n && at < heard[n - 1] - 0.3)"), "the loop's second time")
    assert page.run("Math.max(...heard)") < last + 0.2
    click(page, "#play")
    click(page, "#loop")
    assert page.run("document.getElementById('region').hidden")


def test_the_corrected_chart_can_be_saved(page: Browser) -> None:
    assert page.run("document.getElementById('chart-text').value").startswith("title: short")
    page.run("HTMLAnchorElement.prototype.click = function() { window.saved = [this.download, this.href]; }")
    click(page, "#save-chart")
    name, address = page.run("saved")
    assert name == "song.chart"
    assert address.startswith("blob:")


def test_mute_and_solo(page: Browser) -> None:
    click(page, "button.mute[aria-label='Mute bass']")
    assert levels(page)["bass"] == 0
    click(page, "button.solo[aria-label='Solo drums']")
    assert {name for name, level in levels(page).items() if level > 0} == {"drums"}


def test_the_console_stays_quiet(page: Browser) -> None:
    assert [said for said in page.complaints() if not said.startswith("chrome:")] == []  # the browser's own pages

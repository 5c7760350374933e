"""Headless Chromium for tests of pages."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--autoplay-policy=no-user-gesture-required",
    "--window-size=1200,1600",
)  # fmt: skip


class Browser:
    """As much of the WebDriver protocol as our tests speak (W3C WebDriver, sections 8, 10 and 13)."""

    def __init__(self, port: int, profile: Path, *flags: str, downloads: Path | None = None) -> None:
        self._root = f"http://127.0.0.1:{port}"
        kept = {} if downloads is None else {"prefs": {"download.default_directory": str(downloads)}}
        options = {"args": [*FLAGS, *flags, f"--user-data-dir={profile}"], **kept}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        answer = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._root += f"/session/{answer['sessionId']}"

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self._root + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def open(self, address: str) -> None:
        self._ask("POST", "/url", {"url": address})

    def run(self, script: str) -> Any:
        return self._ask("POST", "/execute/sync", {"script": f"return {script}", "args": []})

    def click(self, selector: str) -> None:
        self.run(f"document.querySelector({selector!r}).click()")

    def tell(self, command: str, **params: Any) -> Any:
        """Speak to the developer tools."""
        return self._ask("POST", "/goog/cdp/execute", {"cmd": command, "params": params})

    def picture(self) -> bytes:
        return base64.b64decode(self._ask("GET", "/screenshot"))

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self._ask("POST", "/se/log", {"type": "browser"})]

    def close(self) -> None:
        self._ask("DELETE", "")


@contextlib.contextmanager
def browser_open(profile: Path, *flags: str, downloads: Path | None = None) -> Iterator[Browser]:
    """Lend a browser; a machine without one skips the test."""
    driver = shutil.which("chromedriver")
    if driver is None:
        pytest.skip("SKIPPED LOUDLY: chromedriver is missing (apt install chromium chromium-driver)")
    with subprocess.Popen(
        [driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            told = (re.search(r"on port ([1-9]\d*)", line) for line in process.stdout)
            one = Browser(int(next(filter(None, told))[1]), profile, *flags, downloads=downloads)
            yield one
            one.close()
        finally:
            process.terminate()


def wait_for(condition: Callable[[], Any], what: str, limit_s: float = 60.0) -> Any:
    """Wait until a condition holds, and return what it gave."""
    until = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < until, f"{what} did not come within {limit_s} s"
        time.sleep(0.1)
    return found

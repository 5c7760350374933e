"""Whether a jam in the studio drops sound, in headless Chromium with a fake microphone on a studio of its own.

    python -m tests.bench.jam [--seconds 60]

prints as JSON how long the band took to be ready, the round trip, how long before it sounded the band's sound was there
(at least), how much of it came too late, and what the manifest of the session says.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
import wave
from pathlib import Path

import httpx2

from ensemble.audio.files import read_clip
from ensemble.leaders import leader_path
from tests.browser import Browser, browser_open, wait_for
from tests.cluster.serve.conftest import RunningStudio, end_studio, start_studio

FIGURES = re.compile(r"round trip (\d+) ms .*the band is here (-?\d+) ms before it sounds; ([\d.]+) s of it came too")


def microphone(path: Path) -> tuple[str, ...]:
    """Flags with which a browser hears the bundled guitar, again and again."""
    heard = read_clip(leader_path())
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, heard.sample_rate, 0, "NONE", ""))
        file.writeframes((heard.samples[0] * 32767).astype("<i2").tobytes())
    fake = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
    return (*fake, f"--use-file-for-fake-audio-capture={path}")


def jam(studio: RunningStudio, page: Browser, seconds: float) -> dict[str, object]:
    """Play for some seconds, and say how it went."""

    def text(selector: str) -> str:
        return str(page.run(f"document.querySelector({selector!r})?.textContent ?? ''"))

    page.open(f"{studio.url}/#token={studio.key}")
    wait_for(lambda: text("#songs"), "the page")
    page.run("(location.hash = '#/jam', 0)")
    wait_for(lambda: text("#jam-first-style"), "the tab")
    begun_s = time.monotonic()
    page.click("#jam-start")
    wait_for(lambda: text("#jam-players") or text("#notices"), "the band", 60)
    if refused := text("#notices"):
        raise SystemExit(refused)
    ready_s = time.monotonic() - begun_s
    found: list[re.Match[str]] = []
    while time.monotonic() - begun_s < ready_s + seconds:
        found += filter(None, [FIGURES.search(text("#jam-figures"))])
        time.sleep(0.1)
    page.click("#jam-stop")
    wait_for(lambda: text("#live"), "the song", 120)
    song = page.run("location.hash.split('/').at(-1)")
    answer = httpx2.get(f"{studio.url}/api/songs/{song}/desk", headers={"authorization": f"Bearer {studio.key}"})
    return {
        "ready_s": round(ready_s, 1),
        "round_trip_ms": int(found[-1][1]),
        "ahead_least_ms": min(int(one[2]) for one in found),
        "missed_s": float(found[-1][3]),
        **answer.json()["live"],
    }


def main() -> None:
    """Start a studio, play, print."""
    parser = argparse.ArgumentParser(description="Whether a jam in the studio drops sound.")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to play")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ensemble-jam-") as name:
        studio = start_studio(Path(name) / "data")
        try:
            with browser_open(Path(name) / "profile", *microphone(Path(name) / "microphone.wav")) as page:
                print(json.dumps(jam(studio, page, given.seconds)))
        finally:
            end_studio(studio)


if __name__ == "__main__":
    main()

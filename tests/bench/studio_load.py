"""How the studio bears many clients at once: each uploads a song, has it rendered, and goes on editing its chart.

    python -m tests.bench.studio_load [--clients 20] [--edits 6]

starts a studio on a Ray of its own on this machine, and prints a table: how long answers take while it renders, whether
a request was lost, whether places in the queue are right, and how even the clients are served.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import numpy as np

from ensemble.audio.files import read_clip, write_clip
from ensemble.leaders import leader_path

OPEN = ("queued", "running")
SONG_S = 3.0
PAUSE_S = 1.0
CHORDS = ("C", "F", "G7", "Am")


class Client(NamedTuple):
    """One browser."""

    http: httpx2.AsyncClient
    took_s: dict[str, list[float]]
    """How long each kind of request took, of all clients."""
    lost: list[str]
    """Requests that were not answered as they should be."""

    async def ask(self, kind: str, method: str, path: str, **more: Any) -> Any:
        """Ask, and note how long it took."""
        began_s = time.perf_counter()
        try:
            answer = await self.http.request(method, path, **more)
        except httpx2.HTTPError as error:
            self.lost.append(f"{kind}: {type(error).__name__}")
            raise
        self.took_s[kind].append(time.perf_counter() - began_s)
        if answer.status_code >= 400:
            self.lost.append(f"{kind}: {answer.status_code} {answer.text[:200]}")
        return answer

    async def ended(self, job: str) -> dict[str, Any]:
        """A job once it has ended."""
        while True:
            found: dict[str, Any] = (await self.ask("job", "GET", f"/api/jobs/{job}")).json()
            if found["state"] not in OPEN:
                return found
            await asyncio.sleep(PAUSE_S)


async def live_one(client: Client, key: str, song_file: bytes, num_edits: int) -> float:
    """What one client does; the seconds until its first render was done."""
    began_s = time.perf_counter()
    await client.ask("session", "POST", "/api/session", json={"token": key})
    song = (await client.ask("upload", "POST", "/api/songs?name=song.wav", content=song_file)).json()["id"]
    order = {"sample_rate": 16000}
    job = (await client.ask("order", "POST", f"/api/songs/{song}/render", json=order)).json()["id"]
    if (await client.ended(job))["state"] != "done":
        client.lost.append("a render failed")
    first_s = time.perf_counter() - began_s
    chart = (await client.ask("chart", "GET", f"/api/songs/{song}/chart")).json()["text"]
    jobs = []
    for number in range(num_edits):
        edit = {"text": chart, "bar": 1, "chords": CHORDS[number % len(CHORDS)]}
        chart = (await client.ask("edit text", "POST", f"/api/songs/{song}/chart/edit", json=edit)).json()["text"]
        jobs.append((await client.ask("edit", "PUT", f"/api/songs/{song}/chart", json={"text": chart})).json()["id"])
        await client.ask("sound", "GET", f"/api/songs/{song}/sound/v1/take-00/bass?num=16000")
        await asyncio.sleep(PAUSE_S)
    for job in jobs:
        if (await client.ended(job))["state"] != "done":
            client.lost.append("an edit failed")
    return first_s


async def watch(http: httpx2.AsyncClient, wrong: list[int], depths: list[int]) -> None:
    """Look at the queue again and again: the places of the jobs that wait are 1, 2, 3 ..."""
    while True:
        jobs = (await http.get("/api/jobs")).json()
        places = sorted(job["place"] for job in jobs if job["state"] == "queued")
        depths.append(len(places))
        wrong.append(int(places != list(range(1, len(places) + 1))))
        await asyncio.sleep(0.5)


async def measure(url: str, key: str, song_file: bytes, num_clients: int, num_edits: int) -> dict[str, Any]:
    """Let all clients live at once."""
    took_s: dict[str, list[float]] = defaultdict(list)
    lost: list[str] = []
    wrong: list[int] = []
    depths: list[int] = []
    owner = httpx2.AsyncClient(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=60, trust_env=False)
    pages = [httpx2.AsyncClient(base_url=url, timeout=60, trust_env=False) for _ in range(num_clients)]
    looking = asyncio.create_task(watch(owner, wrong, depths))
    began_s = time.perf_counter()
    firsts_s = await asyncio.gather(
        *(live_one(Client(page, took_s, lost), key, song_file, num_edits) for page in pages)
    )
    wall_s = time.perf_counter() - began_s
    looking.cancel()
    for page in (owner, *pages):
        await page.aclose()
    return {
        "took_s": took_s, "lost": lost, "wrong_places": sum(wrong), "looks": len(wrong), "deepest": max(depths),
        "first_render_s": firsts_s, "wall_s": wall_s,
    }  # fmt: skip


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--edits", type=int, default=6)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        clip = read_clip(leader_path())
        song = Path(name) / "song.wav"
        write_clip(song, clip.span(0, round(SONG_S * clip.sample_rate)))
        command = [sys.executable, "-m", "cluster", "studio", "--no-browser", "--address", "local", "--port", "0"]
        studio = subprocess.Popen([*command, "--data", f"{name}/data"], stdout=subprocess.PIPE, text=True)
        assert studio.stdout is not None
        url, _, key = studio.stdout.readline().strip().partition("/#token=")
        try:
            found = asyncio.run(measure(url, key, song.read_bytes(), asked.clients, asked.edits))
        finally:
            studio.send_signal(signal.SIGINT)
            studio.communicate(timeout=60)
    print(f"{asked.clients} clients, {found['wall_s']:.0f} s, up to {found['deepest']} jobs waiting")
    print("| request | number | median ms | 95 % ms | longest ms |\n|---|---|---|---|---|")
    for kind, seconds in sorted(found["took_s"].items()):
        p50, p95, longest = np.percentile(np.array(seconds) * 1000, [50, 95, 100])
        print(f"| {kind} | {len(seconds)} | {p50:.0f} | {p95:.0f} | {longest:.0f} |")
    first_s = np.array(found["first_render_s"])
    print(f"lost or refused: {len(found['lost'])} {found['lost'][:3]}")
    print(f"wrong places: {found['wrong_places']} of {found['looks']} looks at the queue")
    print(f"first render of a client: {first_s.min():.0f} to {first_s.max():.0f} s")
    return int(bool(found["lost"] or found["wrong_places"]))


if __name__ == "__main__":
    sys.exit(main())

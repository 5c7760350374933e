"""The studio on several hosts: network namespaces of this machine (it needs root), a core each, over one folder.

    python -m tests.bench.studio_nodes

renders two songs of 20 s at once, and prints how soon a second renderer was there; then four more, kills the host of a
renderer in the midst of its song, and prints whether every song was finished with the bytes of a render without Ray.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ensemble.leaders import leader_path
from ensemble.manifest import MANIFEST, Manifest
from ensemble.rendering.render import render
from tests.bench.chaos.hosts import Host, hosts
from tests.bench.chaos.ray_hosts import RayHosts
from tests.cluster.serve.studios import OPEN

WORKERS = ("one", "two")
RENDERER, PAGES = "ServeReplica:studio:renderer", "ServeReplica:studio:studio"
PATIENCE_S = 300.0


class Asker:
    """Asks the studio from its head: it listens on loopback there.

    Args:
        head: where it listens.
        address: as it was printed.
    """

    def __init__(self, head: Host, address: str) -> None:
        self._head = head
        self._url, _, self._key = address.partition("/#token=")

    def ask(self, path: str, *more: str) -> Any:
        """The answer to a request, with more options of curl."""
        command = ["curl", "--silent", "--show-error", "--header", f"Authorization: Bearer {self._key}", *more]
        return json.loads(self._head.run([*command, f"{self._url}/api/{path}"]).stdout)

    def upload(self, path: Path) -> str:
        """The id of a new song."""
        return str(self.ask("songs?name=song.wav", "--data-binary", f"@{path}")["id"])

    def render(self, song: str) -> str:
        """The id of a render that was asked for."""
        return str(self.ask(f"songs/{song}/render", "--json", "{}")["id"])

    def num_played(self) -> int:
        """How many songs are played at this moment."""
        return sum(job["stage"] == "play" for job in self.ask("jobs"))


def holding(room: dict[str, Host], what: str) -> list[str]:
    """The hosts on which a replica of this kind runs."""
    return [
        name for name in WORKERS if room[name].is_alive
        and any(process.cmdline() and what in process.cmdline()[0] for process in room[name].processes())
    ]  # fmt: skip


def waited(condition: Any, what: str) -> Any:
    """What a condition gives, once it gives something."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.1)
    raise TimeoutError(f"{what} did not come within {PATIENCE_S:g} s")


def ended(studio: Asker, jobs: list[str]) -> str:
    """How jobs have ended."""
    found = [
        waited(lambda job=job: (one := studio.ask(f"jobs/{job}"))["state"] not in OPEN and one, "an end")
        for job in jobs
    ]
    return ", ".join(one["state"] if one["error"] is None else one["error"]["message"] for one in found)


def measure(room: dict[str, Host], studio: Asker, root: Path) -> bool:
    """Render, kill, and print; whether all bytes are right."""
    songs = [studio.upload(leader_path()) for _ in range(6)]
    print(f"renderers before there is work: {len(holding(room, RENDERER))}")
    began_s = time.monotonic()
    jobs = [studio.render(song) for song in songs[:2]]
    waited(lambda: len(holding(room, RENDERER)) == len(WORKERS), "a second renderer")
    print(f"a second one is started {time.monotonic() - began_s:.1f} s after two songs came")
    print(f"they are: {ended(studio, jobs)}")
    jobs = [studio.render(song) for song in songs[2:]]
    waited(lambda: studio.num_played() == len(WORKERS), "two songs that are played at once")
    victim = next((name for name in WORKERS if name not in holding(room, PAGES)), WORKERS[0])
    room[victim].kill()
    killed_s = time.monotonic()
    print(f"of four more, one is played on each host; {victim} is killed")
    how = ended(studio, jobs)
    print(f"they are, {time.monotonic() - killed_s:.1f} s later: {how}")
    expected = render(leader_path(), root / "reference", report=False).takes["take-00"].files
    folders = [root / "data" / "songs" / song / "render" / MANIFEST for song in songs]
    is_equal = all(Manifest.read(path).takes["take-00"].files == expected for path in folders)
    print(f"bytes of all against a render without Ray: {'equal' if is_equal else 'NOT EQUAL'}")
    return is_equal


def main() -> int:
    """Measure, and print."""
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, hosts("head", *WORKERS) as room:
        ray = RayHosts(room["head"])
        ray.start_head()
        for worker in WORKERS:
            ray.join(room[worker], num_cpus=1)
        options = ["--no-browser", "--address", ray.address, "--data", f"{name}/data", "--renderers", "2"]
        command = [sys.executable, "-m", "cluster", "studio", *options]
        with room["head"].popen(command, env=ray.environment, stdout=subprocess.PIPE, text=True) as studio:
            try:
                assert studio.stdout is not None
                address = studio.stdout.readline().strip()
                return int(not measure(room, Asker(room["head"], address), Path(name)))
            finally:
                room["head"].kill()


if __name__ == "__main__":
    sys.exit(main())

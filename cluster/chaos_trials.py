"""What takes more than one render: a store that goes away, a disk that is full, a driver that dies."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import soundfile

from cluster.chaos_events import MOMENT
from cluster.chaos_row import Row, fresh, judged
from cluster.hosts import MEMORY
from cluster.marked_render import Wanted
from cluster.ray_hosts import await_port
from cluster.scenes import HostScene
from ensemble.corpus import corpus_paths
from ensemble.errors import BandError

STORE_PORT = 19530
RECORDINGS, RECORDING_S = 3, 30
EXTEND_S = 6.0


class RetrievalServer:
    """A Milvus Lite that answers on the network of a scene's hosts, with a few recordings in it.

    Args:
        scene: it runs on the host `store`.
        folder: for the recordings and the ledger.
    """

    def __init__(self, scene: HostScene, folder: Path) -> None:
        self._scene = scene
        self._host = scene.room["store"]
        self._process = self._start()
        self.uri = f"http://{self._host.address}:{STORE_PORT}"
        self.ledger = str(folder / "ledger")
        music = folder / "music"
        music.mkdir()
        for path in corpus_paths()[:RECORDINGS]:
            samples, rate = soundfile.read(path, frames=RECORDING_S * soundfile.info(path).samplerate)
            soundfile.write(music / f"{path.stem}.flac", samples, rate)
        command = [
            sys.executable, "-m", "cluster", "index", "add", str(music), "--index", self.uri, "--ledger", self.ledger,
            "--local", "--licence", "CC0-1.0",
        ]  # fmt: skip
        done = scene.room["head"].run(command, env=scene.ray.environment, timeout_s=300.0)
        if done.returncode:
            raise BandError("the retrieval server", f"could not be filled ({done.stderr.strip().splitlines()[-1:]})")

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        """Start it again on what it had."""
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        server = [str(Path(sys.executable).parent / "milvus-lite"), "server", "--data-dir", f"{MEMORY}/milvus"]
        command = [*server, "--host", self._host.address, "--port", str(STORE_PORT)]
        process = self._host.popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        await_port(self._host, self._host.address, STORE_PORT)
        return process


@contextlib.contextmanager
def retrieval_server(scene: HostScene, folder: Path) -> Iterator[RetrievalServer]:
    """Lend one."""
    server = RetrievalServer(scene, folder)
    try:
        yield server
    finally:
        server.kill()


def retrieval_server_gone(scene: HostScene, leader: str, folder: Path) -> Iterator[Row]:
    """The store's server dies before it is asked, and after it has answered."""
    folder.mkdir()
    with retrieval_server(scene, folder) as server:
        wanted: Wanted = {
            "leader": leader, "extend_s": EXTEND_S, "uri": server.uri, "ledger": server.ledger, "look": False,
        }  # fmt: skip
        undisturbed = scene.start({**wanted, "out": str(folder / "undisturbed")})
        expected = undisturbed.end()
        row = fresh("retrieval_server_gone_playing", undisturbed.stall_s)
        watched = scene.start({**wanted, "out": str(folder / "playing")})
        try:
            watched.until("play", MOMENT)
            server.kill()
            judged(row, watched, expected)
            row["said"] = "killed after its answer"
        except BandError as error:
            row["said"] = str(error)
        yield row
        server.restart()
        row = fresh("retrieval_server_gone_asking", undisturbed.stall_s)
        watched = scene.start({**wanted, "out": str(folder / "asking")})
        try:
            before = watched.until("listen")
            server.kill()
            line = watched.failure()
            row["stall_s"] = round(watched.marks[-1]["at"] - before["at"], 3)
            row["said"], row["is_good"] = f"ended with: {line}", "\n" not in line
        except BandError as error:
            row["said"] = str(error)
        yield row

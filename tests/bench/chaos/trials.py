"""What takes more than one render: a store that goes away, a disk that is full, a driver that dies."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import soundfile

from ensemble.corpus import corpus_pieces
from ensemble.errors import BandError
from tests.bench.chaos.events import MOMENT
from tests.bench.chaos.hosts import MEMORY
from tests.bench.chaos.marked_render import BLOCK_FRAMES, Wanted
from tests.bench.chaos.ray_hosts import await_port
from tests.bench.chaos.row import Row, fresh, judged
from tests.bench.chaos.scenes import HostScene, Scene
from tests.bench.chaos.small_disk import small_disk
from tests.bench.chaos.watched import Watched

STORE_PORT = 19530
RECORDINGS, RECORDING_S = 3, 30
EXTEND_S = 6.0
SMALL, LARGE = "6m", "64m"
"""A disk that is full before the stems are there, and one that is not."""


class RetrievalServer:
    """A Milvus Lite that answers on the network of a scene's hosts, with a few recordings in it.

    Args:
        scene: it runs on the host `store`.
        folder: for the recordings and the ledger.
    """

    def __init__(self, scene: HostScene, folder: Path) -> None:
        self._scene = scene
        self._host = scene.hosts["store"]
        self._process = self._start()
        self.uri = f"http://{self._host.address}:{STORE_PORT}"
        self.ledger = str(folder / "ledger")
        music = folder / "music"
        music.mkdir()
        for path in (piece.path for piece in corpus_pieces()[:RECORDINGS]):
            samples, rate = soundfile.read(path, frames=RECORDING_S * soundfile.info(path).samplerate)
            soundfile.write(music / f"{path.stem}.flac", samples, rate)
        command = [
            sys.executable, "-m", "cluster", "index", "add", str(music), "--index", self.uri, "--ledger", self.ledger,
            "--local", "--licence", "CC0-1.0",
        ]  # fmt: skip
        done = scene.hosts["head"].run(command, env=scene.ray.environment, timeout_s=300.0)
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
    """A filled server that ends with the block."""
    server = RetrievalServer(scene, folder)
    try:
        yield server
    finally:
        server.kill()


def driver_killed(scene: Scene, leader: str, folder: Path, usual_s: float, expected: dict[str, Any]) -> Iterator[Row]:
    """The driver, which asks for every block and writes every file, dies; another one resumes what it left."""
    row = fresh("driver_killed", usual_s)
    wanted: Wanted = {"leader": leader, "out": str(folder)}
    try:
        watched = scene.start(wanted)
        watched.until("play", MOMENT)
        watched.process.kill()
        last = watched.last()
        again = scene.start({"out": str(folder), "resume": True})
        first = again.until("play")
        row["said"] = f"resumed by another process; the last delivered frame was {last['done']}"
        judged(row, again, expected)
        row["stall_s"] = round(first["at"] - last["at"], 3)
        row["blocks_replayed"] = max(0, (last["done"] - first["done"]) // BLOCK_FRAMES + 1)
    except BandError as error:
        row["said"] = str(error)
    yield row


def full_disk(_scene: Scene, leader: str, folder: Path, usual_s: float, expected: dict[str, Any]) -> Iterator[Row]:
    """The disk is full in mid-render, which ends with one line; when there is space again, another resumes it."""
    row = fresh("full_disk", usual_s)
    folder.mkdir()
    out = str(folder / "out")
    try:
        with small_disk(folder, SMALL) as disk:

            def on_disk(command: list[str], complaints: IO[str]) -> subprocess.Popen[str]:
                pipe = subprocess.PIPE
                return disk.popen(command, stdin=pipe, stdout=pipe, stderr=complaints, text=True)

            watched = Watched(on_disk, {"leader": leader, "out": out, "look": False})
            line = watched.failure()
            disk.grow(LARGE)
            again = Watched(on_disk, {"out": out, "resume": True, "look": False})
            first = again.until("play")
            row["said"] = f"ended with: {line}; resumed at frame {first['done']}"
            judged(row, again, expected)
            row["is_good"] = bool(row["hashes_equal"]) and "\n" not in line
    except BandError as error:
        row["said"] = str(error)
    yield row


def retrieval_server_gone(
    scene: HostScene, leader: str, folder: Path, _usual_s: float, _expected: dict[str, Any]
) -> Iterator[Row]:
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


Trial = Callable[[Any, str, Path, float, dict[str, Any]], Iterator[Row]]
"""On a scene: with a leader, in a new folder; beside the longest wait and the manifest of an undisturbed render."""
ANYWHERE: dict[str, Trial] = {"driver_killed": driver_killed, "full_disk": full_disk}
ON_HOSTS: dict[str, Trial] = {"retrieval_server_gone": retrieval_server_gone}

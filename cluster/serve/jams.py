"""`Jams`: sessions with players who play now, each in a process of its own that may die."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from agents.node_check import python_path
from cluster.serve import jam_process
from cluster.serve.hub import Event, Hub
from cluster.serve.jam_models import JamEnd, JamOrder
from cluster.serve.jam_process import END, HEAD_BYTES, LEVER, NEWS, ORDER, READY, REFUSED, SOUND, framed
from cluster.serve.models import Refusal
from cluster.serve.refusals import DISK_FULL, FAILED, StudioError, absent, is_full, refusal_for
from cluster.serve.storage import StudioStorage, new_name
from ensemble.errors import EnsembleError, printable
from ensemble.events import emit

MAX_JAMS = 8
"""More are refused before their cost is measured; `check_cost` refuses sooner where the machine is busy."""
DIED = Refusal(code="died", message="The band's process has died.", cure="begin again")
KEPT_FRAMES = 100
"""What a page that has gone away would have to be sent at most: twenty seconds of the band."""
ENDING_S = 2.0
"""A process that has said its last ends by itself within this time, or is killed."""
_LAST_BYTES = 4096
"""Of what a process that died has said, the last line is looked for in so many."""


class Jam:
    """One session.

    Args:
        order: what is asked for.
        client: who plays, as the queue knows it.

    Attributes:
        id: of the session, and of the song that comes of it.
        end: how it went, once it has ended well.
        refusal: why it did not.
    """

    def __init__(self, order: JamOrder, client: str) -> None:
        self.id, self.order, self.client = new_name(), order, client
        self.end: JamEnd | None = None
        self.refusal: Refusal | None = DIED
        self._ready: Event | None = None
        self._stdin: asyncio.StreamWriter | None = None
        self._page: asyncio.Queue[bytes | Event] | None = None

    async def run(self, recording: Path, tell: Callable[[Event], None]) -> None:
        """Have it played until it ends.

        Args:
            recording: of the player; written meanwhile.
            tell: called with what everybody may know.
        """
        with tempfile.TemporaryFile() as said:
            status = await self._run(recording, tell, said)
            if self.end is None and self.refusal is DIED:
                emit("studio jam died", level=logging.WARNING, jam=self.id, status=status, said=_last_line(said))

    async def _run(self, recording: Path, tell: Callable[[Event], None], said: BinaryIO) -> int:
        """Have a process play it; its status."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", jam_process.__name__, str(recording), start_new_session=True,
            env=dict(os.environ) | {"PYTHONPATH": python_path()}, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=said,
        )  # fmt: skip
        self._stdin, out = process.stdin, process.stdout
        try:
            self._send(ORDER, self.order.model_dump_json().encode())
            while out is not None:
                head = await out.readexactly(HEAD_BYTES)
                content = await out.readexactly(int.from_bytes(head[1:], "little"))
                self._take(head[:1], content, tell)
        except asyncio.IncompleteReadError:
            with contextlib.suppress(TimeoutError):  # it has ended
                await asyncio.wait_for(process.wait(), ENDING_S)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        return process.returncode or 0

    def _take(self, letter: bytes, content: bytes, tell: Callable[[Event], None]) -> None:
        """Pass on what the process says."""
        if letter == SOUND:
            self.tell(content)
        elif letter == NEWS:
            tell({"type": "jam", "song": self.id, **json.loads(content)})
        elif letter == READY:
            self._ready = {"type": "ready", "jam": self.id, **json.loads(content)}
            self.tell(self._ready)
        elif letter == REFUSED and self._ready is None:
            self.refusal = Refusal.model_validate_json(content)
        elif letter == REFUSED:
            self.tell({"type": "refused", "error": json.loads(content)})
        elif letter == END:
            self.end, self.refusal = JamEnd.model_validate_json(content), None

    @contextmanager
    def played_from(self) -> Iterator[asyncio.Queue[bytes | Event]]:
        """Lend what the page in which the player plays is to be sent; the page that came last has it."""
        page = asyncio.Queue[bytes | Event](KEPT_FRAMES)
        self._page = page
        if self._ready is not None:
            self.tell(self._ready)
        try:
            yield page
        finally:
            if self._page is page:
                self._page = None

    def tell(self, what: bytes | Event) -> None:
        """Send to the page in which the player plays; one that takes nothing misses sound, but no event."""
        if self._page is None or (self._page.full() and isinstance(what, bytes)):
            return
        if self._page.full():
            self._page.get_nowait()
        self._page.put_nowait(what)

    async def hear(self, placed: bytes) -> None:
        """Sound comes: where it begins, and the samples; wait until the band has room for it."""
        self._send(SOUND, placed)
        if self._stdin is not None:
            with contextlib.suppress(ConnectionError):  # the process has ended
                await self._stdin.drain()

    def pull(self, kind: str, argument: str) -> None:
        """The player asks for something; see `lever_at`."""
        self._send(LEVER, json.dumps([kind, argument]).encode())

    def finish(self) -> None:
        """The player has ended."""
        self._send(END, b"")

    def leave(self, page: asyncio.Queue[bytes | Event]) -> None:
        """The page was closed; that ends the session, unless another page has it by now."""
        if self._page is page:
            self.finish()

    def _send(self, letter: bytes, content: bytes) -> None:
        if self._stdin is not None and not self._stdin.is_closing():
            self._stdin.write(framed(letter, content))


class Jams:
    """All sessions. Everything runs in one event loop.

    Args:
        storage: holds the files.
        hub: tells the pages.
        keep: called with a session that has ended and its recording; says whether a song was made of it.
    """

    def __init__(self, storage: StudioStorage, hub: Hub, keep: Callable[[Jam, Path], Awaitable[bool]]) -> None:
        self._storage, self._hub, self._keep = storage, hub, keep
        self._jams: dict[str, Jam] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, order: JamOrder, client: str) -> Jam:
        """Begin a session; what comes of it is told to its player.

        Raises:
            StudioError: there are too many already.
        """
        if len(self._jams) >= MAX_JAMS:
            raise StudioError(503, "full", "The studio is full.", "wait until another session has ended")
        jam = Jam(order, client)
        self._jams[jam.id] = jam
        self._tasks[jam.id] = asyncio.create_task(self._run(jam))
        return jam

    def jam(self, name: str) -> Jam:
        """A session that is played.

        Raises:
            StudioError: there is none of this name.
        """
        if name not in self._jams:
            raise absent("session")
        return self._jams[name]

    def is_live(self, name: str) -> bool:
        """Whether a song is being played now."""
        return name in self._jams

    async def close(self) -> None:
        """End everything; what was recorded is there for the next start."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _run(self, jam: Jam) -> None:
        """Play a session, and make a song of it."""
        ended: Event = {"type": "jam_ended", "song": jam.id, "is_kept": False}
        try:
            recording = self._storage.recording(jam.id)
            self._storage.order_of(jam.id).write_text(jam.order.model_dump_json(), encoding="utf-8")
            await jam.run(recording, lambda event: self._hub.publish(jam.id, ("jam", jam.id), event))
            ended["error"] = jam.refusal
            ended["is_kept"] = await self._keep(jam, recording)
        except EnsembleError as error:
            ended["error"] = jam.refusal or refusal_for(error)
        except OSError as error:
            ended["error"] = DISK_FULL if is_full(error) else FAILED
        finally:
            del self._jams[jam.id], self._tasks[jam.id]
            jam.tell(ended)
            self._hub.publish(jam.id, ("jam", jam.id), ended)


def _last_line(said: BinaryIO) -> str:
    said.seek(max(said.seek(0, os.SEEK_END) - _LAST_BYTES, 0))
    return printable(said.read().decode(errors="replace").strip().rpartition("\n")[2])

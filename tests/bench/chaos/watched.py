"""A render that is watched from outside: where it is, how long each block let wait, what came of it."""

from __future__ import annotations

import contextlib
import itertools
import json
import queue
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from typing import IO, Any

from ensemble.errors import BandError
from tests.bench.chaos.marked_render import Wanted
from tests.bench.checkout import program

RENDER_S = 240.0
ENDING_S = 20.0
PROGRAM = program("tests.bench.chaos.marked_render")
Starter = Callable[[list[str], IO[str]], subprocess.Popen[str]]
"""Starts a command with pipes; its standard error goes into the file."""
Mark = dict[str, Any]
"""One line of the render: `at` (seconds of the monotonic clock), `stage`, and what belongs to the stage."""


def here(command: list[str], complaints: IO[str]) -> subprocess.Popen[str]:
    """Start a render on this machine itself."""
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=complaints, text=True)


class Watched:
    """One render.

    Args:
        start: starts the command, with pipes.
        wanted: what to render.

    Attributes:
        marks: that were waited for.
        counted_from: the moment (of the monotonic clock) from which on stalls are counted.
    """

    def __init__(self, start: Starter, wanted: Wanted) -> None:
        self.marks: list[Mark] = []
        self.counted_from = 0.0
        self._complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115  as long as the render is watched
        self.process = start(PROGRAM, self._complaints)
        self._marks: queue.Queue[Mark | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._say(json.dumps(wanted))

    def until(self, stage: str, done: int = 0, patience_s: float = RENDER_S) -> Mark:
        """Wait for a stage, and in it for so much to be done.

        Raises:
            BandError: it ended before, or did not come so far in time.
        """
        until = time.monotonic() + patience_s
        while True:
            try:
                mark = self._marks.get(timeout=max(until - time.monotonic(), 0.0))
            except queue.Empty:
                self.process.kill()
                was = self.marks[-1]["stage"] if self.marks else "nothing"
                raise BandError("the render", f"did not come to {stage!r} in {patience_s:g} s (last: {was})") from None
            if mark is None:
                raise BandError("the render", f"ended before {stage!r} ({self._last_words()})")
            self.marks.append(mark)
            if mark["stage"] == stage and mark.get("done", 0) >= done:
                return mark

    def go_on(self) -> None:
        """Let it go on from where it waits."""
        self._say("")

    def actors(self) -> list[dict[str, Any]]:
        """Each actor's name, host and pid; waits until they have loaded."""
        actors: list[dict[str, Any]] = self.until("loaded")["actors"]
        return actors

    def end(self) -> dict[str, Any]:
        """The manifest; waits for it."""
        manifest: dict[str, Any] = self.until("done")["manifest"]
        self.close()
        return manifest

    def failure(self) -> str:
        """The line that it fails with; waits for it."""
        line: str = self.until("failed")["line"]
        self.close()
        return line

    def close(self) -> None:
        """End it, if it has not ended, and close its pipes."""
        if self.marks and self.marks[-1]["stage"] in ("done", "failed"):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(ENDING_S)
        self.process.kill()
        self.process.wait()
        self._reader.join(ENDING_S)
        for pipe in (self.process.stdin, self.process.stdout, self._complaints):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    @property
    def stall_s(self) -> float:
        """The longest time from one delivered block to the next, of those that are counted."""
        delivered = [mark["at"] for mark in self.marks if mark["stage"] == "play" and mark["at"] >= self.counted_from]
        return max((after - before for before, after in itertools.pairwise(delivered)), default=0.0)

    def last(self) -> Mark:
        """The last mark of one that has ended; waits for the end."""
        self.process.wait()
        with contextlib.suppress(BandError):
            self.until("", patience_s=ENDING_S)
        self.close()
        return self.marks[-1]

    def since(self, stage: str, moment: float) -> float:
        """How long after a moment a stage came."""
        at: float = next(mark["at"] for mark in self.marks if mark["stage"] == stage)
        return at - moment

    def _last_words(self) -> str:
        """The line it failed with, or the last one it complained with."""
        if self.marks and "line" in self.marks[-1]:
            return str(self.marks[-1]["line"])
        self._complaints.seek(0)
        lines = self._complaints.read().strip().splitlines()
        return lines[-1] if lines else f"after {self.marks[-1]['stage']}" if self.marks else "before it said anything"

    def _say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._marks.put(json.loads(line))
        self._marks.put(None)


def hashes(manifest: dict[str, Any]) -> dict[str, str]:
    """Every file of every take, and what it hashes to."""
    takes: dict[str, Any] = manifest["takes"]
    return {f"{take}/{name}": file["sha256"] for take, made in takes.items() for name, file in made["files"].items()}

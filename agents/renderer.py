"""An actor that renders leaders of a batch, one at a time, with the whole band in its process."""

from __future__ import annotations

import hashlib
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from agents.node_check import check_packages
from agents.status import Reporter, Status
from ensemble.band import LocalBand, Promise
from ensemble.errors import AudioError, EnsembleError, OutputError, VoiceError
from ensemble.events import Events
from ensemble.manifest import MANIFEST
from ensemble.output.remote import is_url, located
from ensemble.output.staging import clear_after, holds_only_staging, left_by_dead, writer
from ensemble.perform import RETRIEVE_S, Pace
from ensemble.plan import RenderPlan, RenderRequest
from ensemble.play.warm import compile_kernels
from ensemble.rendering.render import render_request
from ensemble.rendering.request import weights_of
from ensemble.rendering.session import BandFactory
from ensemble.threads import one_thread
from ensemble.types.continuation import Continuation, ContinuationQuery
from ensemble.types.music import Heard
from ensemble.wire import pack, unpack

_PREFIX = "ensemble-batch-"


class Task(NamedTuple):
    """One leader, and what is made of it."""

    leader: str
    """An absolute path, or a URL."""
    size_bytes: int
    """Where it is a path."""
    out: str
    """The folder or URL to fill."""
    request: str
    """`RenderRequest` as JSON."""
    force: bool
    """Whether another render there is replaced."""
    block_frames: int
    """How the work is cut up; never changes the sound."""
    report: bool = True
    """Whether `report.html` is written, too."""


class Rendered(NamedTuple):
    """What came of it."""

    duration_s: float
    wall_s: float
    manifest_sha256: str


class Renderer(Reporter):
    """Renders leaders. The same task leaves the same files on any actor.

    Args:
        number: of this actor in its pool.
        rates: that will be rendered at, in Hz.
        mark: a file in the output folder, which must be there on this node; empty where the output is a URL.
        retrieval: the actor that owns the store of recordings; None if no leader is extended.
    """

    def __init__(self, number: int, rates: Sequence[int], mark: str = "", retrieval: Any = None) -> None:
        self._rates = rates
        self._mark = mark
        self._retrieval = retrieval
        self._status = Status(f"renderer {number}", "renderer")

    def ready(self) -> str:
        """Check this node, compile, and remove what killed renderers left here.

        Returns:
            The name that this process writes under: `staging.writer`.

        Raises:
            BandError: other people's packages run here.
            OutputError: the output folder is not on this node.
        """
        check_packages()
        if self._mark and not Path(self._mark).exists():
            folder, cure = str(Path(self._mark).parent), "name a folder that every node sees, or a URL"
            raise OutputError(folder, f"is not what it is elsewhere on {socket.gethostname()}", cure)
        for left in left_by_dead(Path(tempfile.gettempdir()), _PREFIX):
            shutil.rmtree(left, ignore_errors=True)
        compile_kernels(self._rates)
        return writer()

    def render(self, task: Task, content: bytes | None = None) -> Rendered:
        """Render one leader.

        Args:
            task: what, where to, how.
            content: the leader's file; None where it is read on this node.

        Raises:
            EnsembleError: see `ensemble.rendering.render.render`; AudioError where the leader is not on this node.
        """
        with _temporary() as folder:
            leader: str | Path = task.leader if is_url(task.leader) else Path(task.leader)
            if content is not None:
                leader = folder / Path(task.leader).name
                leader.write_bytes(content)
            elif isinstance(leader, Path):
                _check_here(leader, task.size_bytes)
            done = render_task(task, leader, partial(_Consulting, retrieval=self._retrieval))
        self._status.count("renderer", round(100 * done.duration_s), done.wall_s)
        return done


def render_task(task: Task, leader: str | Path, band_factory: BandFactory = LocalBand) -> Rendered:
    """Do one task in this process.

    Raises:
        EnsembleError: see `ensemble.rendering.render.render`; VoiceError where this node has other voices.
    """
    began = time.monotonic()
    request = RenderRequest.model_validate_json(task.request)
    if weights_of(request.band, is_live=request.live is not None) != request.weights_sha256:
        raise VoiceError(request.band.name, f"has other voices on {socket.gethostname()}", "give every node the same")
    place = located(task.out)
    begins_again = isinstance(place, Path) and holds_only_staging(place)  # of a batch that was broken off
    try:
        with one_thread():
            manifest = render_request(
                request, leader, task.out, force=task.force or begins_again, band_factory=band_factory,
                pace=Pace(block_frames=task.block_frames), events=Events(), report=task.report,
            )  # fmt: skip
    except EnsembleError as error:
        if isinstance(place, Path):
            clear_after(place, writer())  # what is kept to go on from would be in the way of the next leader
        error.kept_in = ""
        raise
    return Rendered(manifest.execution.duration_s, time.monotonic() - began, manifest_sha256(task.out))


def manifest_sha256(out: str) -> str:
    """Of the manifest of a render, at a path or a URL."""
    place = located(out)
    written = (place / MANIFEST).read_bytes() if isinstance(place, Path) else place.read(MANIFEST)
    return hashlib.sha256(written).hexdigest()


class _Consulting(LocalBand):
    """The band in this process; what comes next is asked of the actor that owns the store."""

    def __init__(self, plan: RenderPlan, retrieval: Any) -> None:
        super().__init__(plan)
        self._retrieval = retrieval

    def retrieve(self, heard: Promise[Heard], query: ContinuationQuery) -> Promise[tuple[Continuation, ...]]:
        """Find what could come next, best first."""
        if self._retrieval is None:
            return super().retrieve(heard, query)
        from agents.ray_errors import wait_for

        asked = self._retrieval.retrieve.remote(pack(heard.token), pack(query))
        found, _ = wait_for(asked, "retrieval", RETRIEVE_S, if_lost="render again")
        continuations: tuple[Continuation, ...] = unpack(found, tuple)
        return self._keep(continuations)


def _check_here(leader: Path, size_bytes: int) -> None:
    try:
        found = leader.stat().st_size
    except (OSError, ValueError):
        found = -1
    if found != size_bytes:
        problem = f"is not on {socket.gethostname()}" if found < 0 else f"is another file on {socket.gethostname()}"
        raise AudioError(str(leader), problem, "put it where every node sees it, or at a URL")


@contextmanager
def _temporary() -> Iterator[Path]:
    """A folder for everything temporary. Its name says whose it is: if we are killed, the next renderer removes it."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{writer()}-") as name:
        tempfile.tempdir = name
        try:
            yield Path(name)
        finally:
            tempfile.tempdir = before


def clear_temporary(dead: str) -> None:
    """Remove the temporary folder of a killed renderer of this host; on another host the next renderer does."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if left.name.startswith(f"{_PREFIX}{dead}-"):
            shutil.rmtree(left, ignore_errors=True)

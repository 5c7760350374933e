"""What a renderer does for one job: renders, edits, goes to a version, or exports, in a song's folder."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from cluster.serve.jam_models import JamEnd
from cluster.serve.models import ExportOrder, JobKind, PreviewOrder, Refusal, RenderOrder, SwitchOrder
from cluster.serve.preview import play_preview
from cluster.serve.refusals import DISK_FULL, absent, is_full
from cluster.serve.storage import SongFolder
from cluster.serve.take_desks import TakeDesks
from ensemble.band import LocalBand
from ensemble.errors import EnsembleError
from ensemble.events import Events
from ensemble.export.export import SUFFIXES, export
from ensemble.files.replace import write_whole
from ensemble.manifest import MANIFEST, Manifest
from ensemble.output.staging import clear, is_resumable, staging_folders, take_over
from ensemble.perform import Pace
from ensemble.plan import Extension, RenderPlan
from ensemble.rendering import redo as redoing
from ensemble.rendering.edits import Edits
from ensemble.rendering.history import History
from ensemble.rendering.live_run import is_replayed
from ensemble.rendering.render import render, render_request, resume
from ensemble.takes import AS_GIVEN
from ensemble.types.music import Arrangement, Heard

PATIENCE_S = 600.0
"""How long a renderer that was lost may go on with a song before another takes it for stuck."""
_LOOK_S = 0.2


class WorkOrder(NamedTuple):
    """One job for a renderer."""

    job: str
    """Its name."""
    folder: str
    """The song's folder, on the renderer's disk."""
    kind: JobKind
    """What to do."""
    request: dict[str, Any]
    """What is asked for: `RenderOrder`, `Edits` and so on as JSON."""
    title: str
    """The song's name for people."""


class WorkResult(NamedTuple):
    """What came of a job."""

    state: Literal["done", "failed", "cancelled"]
    """How it ended."""
    version: int | None = None
    """The version that lies there now; None where none does."""
    band: str | None = None
    """The name of its band."""
    export: str | None = None
    """The name of the file that was written."""
    error: Refusal | None = None
    """Why it failed."""


class WorkNews(NamedTuple):
    """What a renderer tells while it works."""

    stage: str
    """What is being done; `desk` once what was heard is written down."""
    done: int = 0
    """How much of it is done."""
    total: int = 0
    """How much there is to do."""
    parts: tuple[str, ...] | None = None
    """The parts that an edit plays again, where that was just found out."""


class _Cancelled(BaseException):
    """Raised inside a render that nobody wants any more; it leaves nothing to go on from."""


def work(order: WorkOrder, tell: Callable[[WorkNews], None]) -> WorkResult:
    """Do a job; the same again, where a renderer was lost in the midst of it, or after its end.

    Args:
        order: what and where.
        tell: called with everything that happens meanwhile.
    """
    song = SongFolder(Path(order.folder))
    try:
        with _alone(song):
            take_over(song.render)  # of renderers that were lost, maybe with their machines
            return _Work(order, song, tell).done()
    except _Cancelled:
        for left in staging_folders(song.render):
            clear(left, song.render)
        return WorkResult("cancelled", *_lies(song))
    except EnsembleError as error:
        said = Refusal(code=error.code, message=f"{_shown(error.what, song)}: {error.problem}", cure=error.cure)
        is_full_disk = isinstance(error.__cause__, OSError) and is_full(error.__cause__)
        return WorkResult("failed", *_lies(song), error=DISK_FULL if is_full_disk else said)
    except OSError as error:
        said = Refusal(code="output", message=f"A file cannot be written ({error.strerror}).", cure=DISK_FULL.cure)
        return WorkResult("failed", *_lies(song), error=DISK_FULL if is_full(error) else said)


class _Work:
    """One call of `work`, by the only renderer that has the song."""

    def __init__(self, order: WorkOrder, song: SongFolder, tell: Callable[[WorkNews], None]) -> None:
        self._order, self._song, self._tell = order, song, tell
        self._begun = song.jobs / f"{order.job}.begun"
        self._events = Events(progress=self._progress, arranged=self._arranged)
        self._desks = song.desks_of_job(order.job)
        self._is_again = False

    def done(self) -> WorkResult:
        """Do what is not done yet."""
        self._progress("load", 0, 1)
        if self._order.kind == "export":
            return self._exported()
        if self._order.kind == "preview":
            return self._previewed()
        before = _sha256(self._song.render / MANIFEST)
        self._is_again = self._begun.exists()
        if not self._is_again:
            write_whole(self._begun, before.encode())
        if before == self._begun.read_text(encoding="ascii"):  # else it was published, and its renderer lost after that
            getattr(self, f"_{self._order.kind}")()
        if self._order.kind == "jam":
            self._note_how_it_went()
        current = History(self._song.render).keep()
        desks = self._song.desks(current.number)
        if self._desks.exists():
            self._desks.replace(desks)
        return WorkResult("done", *_lies(self._song))

    def _render(self) -> None:
        if self._has_resumed():
            return
        out, asked = self._song.render, RenderOrder.model_validate(self._order.request)
        extension = None if asked.extend_s is None else Extension(extend_s=asked.extend_s, top_k=asked.takes)
        render(
            self._song.upload, out, band=asked.band, seed=asked.seed, sample_rate=asked.sample_rate,
            levers=asked.levers, transpose=asked.transpose, overrides=asked.overrides, extension=extension,
            force=True, report=False, events=self._events,
        )  # fmt: skip
        for left in self._song.path.glob("version-*.desk"):
            left.unlink()

    def _has_resumed(self) -> bool:
        """Go on with a render that was begun, if there is one."""
        if self._is_again and any(map(is_resumable, staging_folders(self._song.render))):
            with contextlib.suppress(EnsembleError):  # of another release, say: it is rendered from the beginning
                resume(self._song.render, report=False, events=self._events)
                return True
        return False

    def _jam(self) -> None:
        if not self._has_resumed():
            request = JamEnd.model_validate(self._order.request).request
            render_request(
                request, self._song.upload, self._song.render, force=True, band_factory=LocalBand, pace=Pace(),
                events=self._events, report=False,
            )  # fmt: skip

    def _note_how_it_went(self) -> None:
        """Write into the manifest how the session went, and whether its recording gave the same again."""
        path, end = self._song.render / MANIFEST, JamEnd.model_validate(self._order.request)
        if end.facts is None:
            return
        manifest = Manifest.read(path)
        is_equal = is_replayed(end.samples_sha256, manifest)
        manifest.model_copy(update={"live": end.facts.model_copy(update={"replay_equal": is_equal})}).write(path)

    def _redo(self) -> None:
        out, edits = self._song.render, Edits.model_validate(self._order.request)
        self._tell(WorkNews("read", 0, 1, tuple(redoing.dry_run(out, edits).parts)))
        redoing.redo(out, edits, force=True, report=False, events=self._events)

    def _undo(self) -> None:
        redoing.undo(self._song.render)

    def _switch(self) -> None:
        redoing.switch(self._song.render, SwitchOrder.model_validate(self._order.request).version)

    def _exported(self) -> WorkResult:
        asked = ExportOrder.model_validate(self._order.request)
        suffix = ".zip" if asked.kind == "stems" else SUFFIXES[asked.kind]
        target = self._song.export(self._order.job, suffix)
        if not target.exists():
            export(self._song.render, asked.kind, target, take=asked.take, from_bar_one=asked.from_bar_one)
        return WorkResult("done", *_lies(self._song), export=target.name)

    def _previewed(self) -> WorkResult:
        for left in (*self._song.exports.glob("*.wav"), *self._song.exports.glob("preview-*/")):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        version, band = _lies(self._song)
        if version is None:
            raise absent("version")
        heard = TakeDesks.read(self._song.desks(version)).takes[AS_GIVEN]
        target = self._song.export(self._order.job, ".wav")
        events = Events(progress=lambda _, done, total: self._progress("preview", done, total))
        play_preview(self._song.render, heard, PreviewOrder.model_validate(self._order.request), target, events)
        return WorkResult("done", version, band, export=target.name)

    def _progress(self, stage: str, done: int, total: int) -> None:
        if self._song.cancelled(self._order.job).exists():
            raise _Cancelled
        self._tell(WorkNews(stage, done, total))

    def _arranged(self, plan: RenderPlan, takes: Mapping[str, tuple[Heard, Arrangement]]) -> None:
        TakeDesks.of(plan, takes, self._order.title).write(self._desks)
        self._tell(WorkNews("desk"))


def _lies(song: SongFolder) -> tuple[int | None, str | None]:
    """The version that lies in a song's folder, and the name of its band."""
    try:
        current = History(song.render).current()
        band = Manifest.read(song.render / MANIFEST).plan.request.band.name
    except (OSError, EnsembleError):
        return None, None
    return (None if current is None else current.number), band


@contextlib.contextmanager
def _alone(song: SongFolder) -> Iterator[None]:
    """Hold the song; a renderer that was lost with it is waited for."""
    until = time.monotonic() + PATIENCE_S
    with song.lock.open("wb") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(_LOOK_S)
        yield


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return "none"


def _shown(what: str, song: SongFolder) -> str:
    """What an error is about, without the place of the studio's folders."""
    return what.replace(f"{song.path}/", "").replace(str(song.path), "the song")

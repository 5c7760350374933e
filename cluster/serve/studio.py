"""`Studio`: the songs, their jobs, and who does them. It decides; renderers work, `app` speaks HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

from cluster.serve.database import JobRow, ShareRow, SongRow, StudioDatabase
from cluster.serve.hub import Hub
from cluster.serve.intake import Intake, suffix_of
from cluster.serve.models import (
    MAX_TITLE,
    Health,
    JobKind,
    NewShare,
    Refusal,
    SongEntry,
    StudioJob,
    StudioLimits,
    VersionEntry,
)
from cluster.serve.places import Growth, SoundPlaces
from cluster.serve.queue import JobQueue, QueuedJob
from cluster.serve.renderers import TRIES, Renderers
from cluster.serve.storage import StudioStorage, new_name
from cluster.serve.work import WorkNews, WorkOrder, WorkResult
from ensemble.audio.files import MAX_DURATION_S, MIN_DURATION_S
from ensemble.errors import BandError, EnsembleError, printable
from ensemble.events import emit
from ensemble.rendering.history import History

DATABASE = "studio.sqlite3"
MAX_UPLOAD_BYTES = 600 << 20
MAX_JOBS = 20
MAX_UPLOADS = 4
"""At a time."""
SNIFFED_BYTES = 4096
_SHARE_BYTES = 18


class StudioError(EnsembleError, code="studio"):
    """A request that cannot be met: of something that is not there, or at the wrong moment.

    Args:
        status: of the HTTP answer.
        reason: a code for programs.
        sentence: what is wrong.
        cure: what to do.
    """

    def __init__(self, status: int, reason: str, sentence: str, cure: str = "") -> None:
        super().__init__(reason, sentence, cure)
        self.args = (status, reason, sentence, cure)
        self.status, self.reason = status, reason


def absent(what: str) -> StudioError:
    """The error for something that is not there."""
    return StudioError(404, "not_found", f"There is no such {what}.")


class Studio:
    """Songs and jobs. Everything runs in one event loop.

    Args:
        storage: holds the files.
        renderers: do the jobs.
        max_upload_bytes: of one upload.
    """

    def __init__(self, storage: StudioStorage, renderers: Renderers, max_upload_bytes: int = MAX_UPLOAD_BYTES) -> None:
        self.storage, self._renderers = storage, renderers
        self.database = StudioDatabase(storage.root / DATABASE)
        self.hub = Hub()
        self.limits = StudioLimits(
            max_upload_bytes=max_upload_bytes, min_duration_s=MIN_DURATION_S, max_duration_s=MAX_DURATION_S,
            max_jobs=MAX_JOBS,
        )  # fmt: skip
        self.places = SoundPlaces(storage, self.database)
        self._queue, self._jobs = JobQueue(), dict[str, JobRow]()
        self._news: dict[str, WorkNews] = {}
        self._shown_places: dict[str, int] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._intake, self._uploads = Intake(), asyncio.Semaphore(MAX_UPLOADS)
        self._is_closing = False

    def start(self) -> None:
        """Go on with what a killed server has left."""
        for job in self.database.open_jobs():
            waiting = job._replace(state="queued")
            self._jobs[job.id] = waiting
            self._queue.add(QueuedJob(job.id, job.song, job.client))
        self._intake.prepare()
        self._fill()

    async def close(self) -> None:
        """Give nothing out any more; what runs is done again, or goes on, after the next start."""
        self._is_closing = True
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._intake.close()
        self.database.close()

    # --- songs

    def song_row(self, name: str) -> SongRow:
        """A song, as it is kept.

        Raises:
            StudioError: there is none of this name.
        """
        song = self.database.song(name)
        if song is None:
            raise absent("song")
        return song

    def song(self, name: str) -> SongEntry:
        """A song, as it is shown."""
        return self._entry(self.song_row(name))

    def songs(self, sees: Callable[[str], bool]) -> list[SongEntry]:
        """All songs that somebody sees, the newest first."""
        return [self._entry(song) for song in self.database.songs() if sees(song.id)]

    def _entry(self, song: SongRow) -> SongEntry:
        last = self.database.last_job(song.id)
        return SongEntry(
            id=song.id, title=song.title, created_at=song.created_at, duration_s=song.duration_s,
            num_channels=song.num_channels, sample_rate=song.sample_rate, is_score=song.is_score,
            version=song.version, band=song.band,
            jobs=tuple(self.shown(job) for job in self._jobs.values() if job.song == song.id),
            failed=None if last is None else last.error, shares=len(self.database.shares(song.id)),
        )  # fmt: skip

    async def add_song(self, name: str, content: AsyncIterator[bytes]) -> SongEntry:
        """Take a song in.

        Args:
            name: of the file that was uploaded; it gives the title.
            content: the file.

        Raises:
            AudioError: it cannot be followed.
            StudioError: too much is uploaded at the moment.
            OSError: the disk is full.
        """
        if self._uploads.locked():
            raise StudioError(429, "busy", "Several files are being uploaded already.", "try again in a minute")
        async with self._uploads:
            with self.storage.incoming(".part") as part, self.storage.incoming(".peaks") as peaks:
                beginning = b""
                with part.open("wb") as file:
                    async for piece in content:
                        beginning += piece[: SNIFFED_BYTES - len(beginning)]
                        await asyncio.to_thread(file.write, piece)
                suffix = suffix_of(name, beginning)
                with self.storage.incoming(suffix) as upload:
                    part.rename(upload)
                    facts = await self._intake.measure(upload, peaks)
                    title = printable(name).rpartition(".")[0].strip()[:MAX_TITLE] or "song"
                    song = SongRow(new_name(), title, _now(), suffix, *facts, None, None)
                    folder = self.storage.song(song.id)
                    folder.make()
                    upload.rename(folder.upload_as(suffix))
                    peaks.rename(folder.upload_peaks)
        self.database.add_song(song)
        self._publish_song(song.id)
        return self.song(song.id)

    def rename(self, name: str, title: str) -> SongEntry:
        """Give a song another title."""
        self.song_row(name)
        self.database.rename(name, printable(title).strip() or "song")
        self._publish_song(name)
        return self.song(name)

    async def remove(self, name: str) -> None:
        """Remove a song; what runs of it is stopped first."""
        self.song_row(name)
        for job in [job for job in self._jobs.values() if job.song == name]:
            self.cancel(job.id)
        self.database.remove_song(name)
        self.hub.publish(name, ("song", name), {"type": "deleted", "song": name})
        await asyncio.gather(*(self._tasks[job.id] for job in self._jobs.values() if job.song == name))
        await asyncio.to_thread(self.storage.remove, name)

    def versions(self, name: str) -> list[VersionEntry]:
        """The versions of a song."""
        song = self.song_row(name)
        kept = History(self.storage.song(name).render).versions
        return [VersionEntry(**one.model_dump(), is_current=one.number == song.version) for one in kept]

    # --- links

    def share(self, name: str) -> NewShare:
        """Make a link by which a song may be read."""
        self.song_row(name)
        token = secrets.token_urlsafe(_SHARE_BYTES)
        self.database.add_share(ShareRow(new_name(), name, _now()), _sha256(token))
        self._publish_song(name)
        return NewShare(share=token, url=f"/#share={token}")

    def unshare(self, name: str, share: str) -> None:
        """Take a link away."""
        if not self.database.remove_share(name, share):
            raise absent("link")
        self._publish_song(name)

    def shared_by(self, token: str) -> ShareRow | None:
        """The link with this token."""
        return self.database.share_of(_sha256(token))

    # --- jobs

    def submit(
        self, song: str, kind: JobKind, request: dict[str, Any], client: str, *, words: str = "",
        parts: tuple[str, ...] | None = None,
    ) -> StudioJob:  # fmt: skip
        """Queue a job.

        Raises:
            StudioError: there is no such song, nothing is rendered yet, or the client has too many jobs.
        """
        row = self.song_row(song)
        is_first = kind == "render"
        if not is_first and row.version is None and not self._is_expected(song):
            raise StudioError(409, "conflict", "Nothing is rendered of this song yet.", "render it first")
        if self._queue.num_of(client) >= MAX_JOBS:
            raise StudioError(429, "busy", f"You have {MAX_JOBS} jobs in the queue.", "wait for one of them")
        job = JobRow(new_name(), song, client, kind, request, "queued", _now(), words=words, parts=parts)
        self.database.add_job(job)
        self._jobs[job.id] = job
        self._queue.add(QueuedJob(job.id, song, client))
        self._fill()
        self._publish_places()
        self._publish_job(job.id)
        return self.shown(self._jobs[job.id])

    def job(self, name: str) -> JobRow:
        """A job.

        Raises:
            StudioError: there is none of this name.
        """
        found = self._jobs.get(name) or self.database.job(name)
        if found is None:
            raise absent("job")
        return found

    def jobs(self, sees: Callable[[str], bool]) -> list[StudioJob]:
        """What runs and what waits, in the order of the queue."""
        shown = [self.shown(job) for job in self._jobs.values() if sees(job.song)]
        return sorted(shown, key=lambda job: job.place or 0)

    def cancel(self, name: str) -> StudioJob:
        """Stop a job, or take it out of the queue."""
        job = self.job(name)
        if name not in self._jobs:
            return self.shown(job)
        if self._queue.drop(name):
            self._end(name, WorkResult("cancelled", self.song_row(job.song).version))
        else:
            self.storage.song(job.song).cancelled(name).touch()
        return self.shown(self.job(name))

    def health(self) -> Health:
        """How the studio is."""
        return Health(
            state="ready", renderers=self._renderers.num_slots, queued=self._queue.num_waiting,
            running=self._queue.num_running,
        )  # fmt: skip

    def shown(self, job: JobRow) -> StudioJob:
        """A job, as it is shown."""
        news = self._news.get(job.id)
        return StudioJob(
            id=job.id, song=job.song, kind=job.kind, state=job.state, place=self._queue.places().get(job.id),
            stage=None if news is None else news.stage, done=0 if news is None else news.done,
            total=0 if news is None else news.total, words=job.words,
            edits=job.request if job.kind == "redo" else None, parts=job.parts, error=job.error, base=job.base,
            version=job.version, export=job.export, created_at=job.created_at, started_at=job.started_at,
            ended_at=job.ended_at, first_sound_s=job.first_sound_s,
        )  # fmt: skip

    def growth(self, job: JobRow) -> Growth | None:
        """How far a job that runs has played; None where it does not run."""
        if job.state != "running":
            return None
        news = self._news.get(job.id)
        played = news.done if news is not None and news.stage == "play" else 0
        return Growth(job.base, played, is_played=news is not None and news.stage in ("mix", "write"))

    # --- inside

    def _is_expected(self, song: str) -> bool:
        """Whether a render of a song is queued or runs."""
        return any(job.song == song and job.kind == "render" for job in self._jobs.values())

    def _fill(self) -> None:
        """Begin jobs while renderers are free."""
        while not self._is_closing and self._queue.num_running < self._renderers.num_slots:
            found = self._queue.take()
            if found is None:
                return
            song = self.database.song(found.song)
            self._write(self._jobs[found.id]._replace(
                state="running", started_at=_now(), base=None if song is None else song.version,
            ))  # fmt: skip
            self._tasks[found.id] = asyncio.create_task(self._run(found.id))

    async def _run(self, name: str) -> None:
        """Have a job done."""
        job = self._jobs[name]
        folder, began_s = self.storage.song(job.song), time.monotonic()
        row = self.database.song(job.song)
        title = "song" if row is None else row.title
        order = WorkOrder(name, str(folder.path), job.kind, job.request, title)
        result: WorkResult | None = None
        self._publish_job(name)
        for is_last in [False] * (TRIES - 1) + [True]:
            try:
                async for told in self._renderers.work(order):
                    if isinstance(told, WorkNews):
                        self._hear(name, told, began_s)
                    else:
                        result = told
                break
            except BandError as error:
                emit("studio renderer lost", job=name)
                if is_last:
                    said = Refusal(code="ray", message=f"The renderer died {TRIES} times at this.", cure=error.cure)
                    result = WorkResult("failed", None if row is None else row.version, error=said)
        self._end(name, result or WorkResult("failed", error=Refusal(code="ray", message="The renderer said nothing.")))

    def _hear(self, name: str, news: WorkNews, began_s: float) -> None:
        """Note what a renderer tells, and tell the pages."""
        job = self._jobs[name]
        if news.stage == "desk":
            self.hub.publish(job.song, ("desk", name), {"type": "desk", "job": name, "song": job.song})
            return
        self._news[name] = news
        growth = self.growth(job)
        if news.stage in ("play", "mix") and growth is not None:
            for take, available, total in self.places.progress(job.song, growth):
                if available and job.first_sound_s is None:
                    job = job._replace(first_sound_s=round(time.monotonic() - began_s, 3))
                    self._jobs[name] = job
                event = {"type": "sound", "job": name, "song": job.song, "take": take, "available": available}
                self.hub.publish(job.song, ("sound", name, take), event | {"total": total})
        self._publish_job(name)

    def _end(self, name: str, result: WorkResult) -> None:
        """Note what came of a job, and begin the next."""
        job = self._jobs.pop(name)
        self._news.pop(name, None)
        self._tasks.pop(name, None)
        self._queue.end(name)
        made = result.version if result.state == "done" and job.kind != "export" else None
        ended = job._replace(
            state=result.state,
            ended_at=_now(),
            version=made,
            export=result.export,
            error=result.error,
        )
        self.database.write_job(ended)
        if made is not None and result.band is not None:
            self.database.set_version(job.song, made, result.band)
        for left in (self.storage.song(job.song).cancelled(name), self.storage.song(job.song).desks_of_job(name)):
            left.unlink(missing_ok=True)
        self._fill()
        self.hub.publish(job.song, ("job", name), {"type": "job", "job": self.shown(ended)})
        self._publish_places()
        self._publish_song(job.song)

    def _write(self, job: JobRow) -> None:
        self._jobs[job.id] = job
        self.database.write_job(job)

    def _publish_job(self, name: str) -> None:
        job = self._jobs[name]
        self.hub.publish(job.song, ("job", name), {"type": "job", "job": self.shown(job)})

    def _publish_places(self) -> None:
        """Tell of every job whose place has changed."""
        places = self._queue.places()
        for name, place in places.items():
            if self._shown_places.get(name) != place:
                self._publish_job(name)
        self._shown_places = places

    def _publish_song(self, name: str) -> None:
        with contextlib.suppress(StudioError):  # removed meanwhile
            self.hub.publish(name, ("song", name), {"type": "song", "song": self.song(name)})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

"""`JobBoard`: what is asked for, in which order it is done, and what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from cluster.serve.database import JobRow, StudioDatabase, now
from cluster.serve.hub import Hub
from cluster.serve.models import Health, JobFacts, JobKind, Refusal, StudioJob
from cluster.serve.places import Growth, SoundPlaces
from cluster.serve.queue import JobQueue, QueuedJob
from cluster.serve.refusals import FAILED, StudioError, absent
from cluster.serve.renderers import PAUSES_S, TRIES, Renderers
from cluster.serve.storage import StudioStorage, new_name
from cluster.serve.work import WorkNews, WorkOrder, WorkResult
from ensemble.errors import BandError
from ensemble.events import emit

MAX_JOBS = 20
"""Queued or running, of one client."""
_FIRST = ("render", "jam")
"""Jobs that need nothing that was rendered before."""
_ASIDE = ("export", "preview")
"""Jobs that make no version."""


class JobBoard:
    """All jobs. Everything runs in one event loop.

    Args:
        storage: holds the files.
        database: keeps the jobs.
        places: finds sound.
        hub: tells the pages.
        renderers: do the jobs.
        on_song: called with the name of a song that a job has changed.
    """

    def __init__(
        self, storage: StudioStorage, database: StudioDatabase, places: SoundPlaces, hub: Hub, renderers: Renderers,
        on_song: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._storage, self._database, self._places = storage, database, places
        self._hub, self._renderers, self._on_song = hub, renderers, on_song
        self._queue, self._jobs = JobQueue(), dict[str, JobRow]()
        self._news: dict[str, WorkNews] = {}
        self._shown_places: dict[str, int] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_closing = False

    def start(self) -> None:
        """Go on with what a killed server has left."""
        for job in self._database.open_jobs():
            self._jobs[job.id] = _with(job, state="queued")
            self._queue.add(QueuedJob(job.id, job.song, job.client))
        self._fill()

    async def close(self) -> None:
        """Give nothing out any more; what runs is done again, or goes on, after the next start."""
        self._is_closing = True
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def of_song(self, song: str) -> list[StudioJob]:
        """What is queued or runs of a song, in order."""
        return [self.shown(job) for job in self._jobs.values() if job.song == song]

    async def stop(self, song: str) -> None:
        """Cancel everything of a song, and wait until nothing runs."""
        running = [self._tasks[job.id] for job in self._jobs.values() if job.song == song and job.id in self._tasks]
        for job in self.of_song(song):
            self.cancel(job.id)
        await asyncio.gather(*running)

    def submit(self, song: str, kind: JobKind, request: dict[str, Any], client: str, *, words: str = "") -> StudioJob:
        """Queue a job.

        Raises:
            StudioError: there is no such song, nothing is rendered yet, or the client has too many jobs. What was
                played is always rendered, for only this request gives the same again.
        """
        row = self._database.song(song)
        if row is None:
            raise absent("song")
        if kind not in _FIRST and row.version is None and not self._is_expected(song):
            raise StudioError(409, "conflict", "Nothing is rendered of this song yet.", "render it first")
        if kind != "jam" and self._queue.num_of(client) >= MAX_JOBS:
            raise StudioError(429, "busy", f"You have {MAX_JOBS} jobs in the queue.", "wait for one of them")
        job = JobRow(
            id=new_name(), song=song, client=client, kind=kind, request=request, state="queued", created_at=now(),
            words=words,
        )  # fmt: skip
        self._database.add_job(job)
        self._jobs[job.id] = job
        self._queue.add(QueuedJob(job.id, song, client))
        self._fill()
        self._publish_places()
        self._publish_job(job.id)
        return self.shown(self._jobs[job.id])

    def row(self, name: str) -> JobRow:
        """A job, as it is kept.

        Raises:
            StudioError: there is none of this name.
        """
        found = self._jobs.get(name) or self._database.job(name)
        if found is None:
            raise absent("job")
        return found

    def shown_to(self, sees: Callable[[str], bool]) -> list[StudioJob]:
        """What runs and what waits, in the order of the queue."""
        shown = [self.shown(job) for job in self._jobs.values() if sees(job.song)]
        return sorted(shown, key=lambda job: job.place or 0)

    def cancel(self, name: str) -> StudioJob:
        """Stop a job, or take it out of the queue."""
        job = self.row(name)
        if name not in self._jobs:
            return self.shown(job)
        if self._queue.drop(name):
            self._end(name, WorkResult("cancelled"))
        else:
            self._storage.song(job.song).cancelled(name).touch()
        return self.shown(self.row(name))

    def health(self) -> Health:
        """How the studio is."""
        return Health(
            renderers=self._renderers.num_slots, queued=self._queue.num_waiting, running=self._queue.num_running
        )

    def shown(self, job: JobRow) -> StudioJob:
        """A job, as it is shown."""
        news = self._news.get(job.id)
        return StudioJob(
            **{name: getattr(job, name) for name in JobFacts.model_fields}, place=self._queue.places().get(job.id),
            stage=None if news is None else news.stage, done=0 if news is None else news.done,
            total=0 if news is None else news.total, edits=job.request if job.kind == "redo" else None,
        )  # fmt: skip

    def growth(self, job: JobRow) -> Growth | None:
        """How far a job that runs has played; None where it does not run."""
        if job.state != "running":
            return None
        news = self._news.get(job.id)
        played = news.done if news is not None and news.stage == "play" else 0
        return Growth(job.base, played, is_played=news is not None and news.stage in ("mix", "write"))

    def _is_expected(self, song: str) -> bool:
        """Whether a render of a song is queued or runs."""
        return any(job.song == song and job.kind in _FIRST for job in self._jobs.values())

    def _fill(self) -> None:
        """Begin jobs while renderers are free."""
        while not self._is_closing and self._queue.num_running < self._renderers.num_slots:
            found = self._queue.take()
            if found is None:
                return
            song = self._database.song(found.song)
            base = None if song is None else song.version
            self._jobs[found.id] = _with(self._jobs[found.id], state="running", started_at=now(), base=base)
            self._database.write_job(self._jobs[found.id])
            self._tasks[found.id] = asyncio.create_task(self._run(found.id))

    async def _run(self, name: str) -> None:
        """Have a job done."""
        job = self._jobs[name]
        folder, began_s = self._storage.song(job.song), time.monotonic()
        row = self._database.song(job.song)
        title = "song" if row is None else row.title
        order = WorkOrder(name, str(folder.path), job.kind, job.request, title)
        result: WorkResult | None = None
        self._publish_job(name)
        for pause_s in (*PAUSES_S, None):
            try:
                async for told in self._renderers.work(order):
                    if isinstance(told, WorkNews):
                        self._hear(name, told, began_s)
                    else:
                        result = told
                break
            except BandError as error:
                emit("studio renderer lost", job=name)
                if pause_s is not None:
                    await asyncio.sleep(pause_s)
                else:
                    said = Refusal(code="ray", message=f"The renderer died {TRIES} times at this.", cure=error.cure)
                    result = WorkResult("failed", None if row is None else row.version, error=said)
            except Exception as error:  # noqa: BLE001  a job that nobody follows would keep its song for ever
                emit("studio job failed", job=name, error=type(error).__name__)
                result = WorkResult("failed", None if row is None else row.version, error=FAILED)
                break
        self._end(name, result or WorkResult("failed", error=Refusal(code="ray", message="The renderer said nothing.")))

    def _hear(self, name: str, news: WorkNews, began_s: float) -> None:
        """Note what a renderer tells, and tell the pages."""
        job = self._jobs[name]
        if news.stage == "desk":
            self._hub.publish(job.song, ("desk", name), {"type": "desk", "job": name, "song": job.song})
            return
        if news.parts is not None:
            job = self._jobs[name] = _with(job, parts=news.parts)
        self._news[name] = news
        growth = self.growth(job)
        if news.stage in ("play", "mix") and growth is not None:
            with contextlib.suppress(FileNotFoundError):  # the render is published at this moment
                self._tell_of_sound(job, growth, began_s)
        self._publish_job(name)

    def _tell_of_sound(self, job: JobRow, growth: Growth, began_s: float) -> None:
        """Tell the pages how much of every take can be fetched."""
        for take, available, total in self._places.progress(job.song, growth):
            if available and job.first_sound_s is None:
                job = self._jobs[job.id] = _with(job, first_sound_s=round(time.monotonic() - began_s, 3))
            event = {"type": "sound", "job": job.id, "song": job.song, "take": take, "available": available}
            self._hub.publish(job.song, ("sound", job.id, take), event | {"total": total})

    def _end(self, name: str, result: WorkResult) -> None:
        """Note what came of a job, and begin the next."""
        job = self._jobs.pop(name)
        self._news.pop(name, None)
        self._tasks.pop(name, None)
        self._queue.end(name)
        made = result.version if result.state == "done" and job.kind not in _ASIDE else None
        ended = _with(job, state=result.state, ended_at=now(), version=made, export=result.export, error=result.error)
        self._database.write_job(ended)
        if made is not None and result.band is not None:
            self._database.set_version(job.song, made, result.band)
        for left in (self._storage.song(job.song).cancelled(name), self._storage.song(job.song).desks_of_job(name)):
            left.unlink(missing_ok=True)
        self._fill()
        self._hub.publish(job.song, ("job", name), {"type": "job", "job": self.shown(ended)})
        self._publish_places()
        self._on_song(job.song)

    def _publish_job(self, name: str) -> None:
        job = self._jobs[name]
        self._hub.publish(job.song, ("job", name), {"type": "job", "job": self.shown(job)})

    def _publish_places(self) -> None:
        """Tell of every job whose place has changed."""
        places = self._queue.places()
        for name, place in places.items():
            if self._shown_places.get(name) != place:
                self._publish_job(name)
        self._shown_places = places


def _with(job: JobRow, **changes: Any) -> JobRow:
    return job.model_copy(update=changes)

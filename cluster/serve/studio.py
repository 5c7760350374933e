"""`Studio`: the songs, their links, and the board of their jobs. It decides; `app` speaks HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from cluster.serve.archive import StudioArchive
from cluster.serve.board import MAX_JOBS, JobBoard
from cluster.serve.database import ShareRow, SongRow, StudioDatabase, now
from cluster.serve.hub import Hub
from cluster.serve.intake import Intake, suffix_of
from cluster.serve.jam_models import JamEnd, JamOrder
from cluster.serve.jam_process import end_of
from cluster.serve.jams import Jam, Jams
from cluster.serve.models import MAX_TITLE, NewShare, SongEntry, StudioLimits, VersionEntry
from cluster.serve.places import SoundPlaces
from cluster.serve.refusals import StudioError, absent
from cluster.serve.renderers import Renderers
from cluster.serve.storage import DATABASE, StudioStorage, new_name
from ensemble.audio.files import MAX_DURATION_S, MIN_DURATION_S
from ensemble.errors import AudioError, EnsembleError, printable
from ensemble.events import emit
from ensemble.rendering.history import History

MAX_UPLOAD_BYTES = 600 << 20
MAX_UPLOADS, MAX_DECODED = 64, 2
"""So many files are received, and decoded, at a time."""
SNIFFED_BYTES = 4096
_SHARE_BYTES = 18
_NOBODY = "nobody"
"""Whom the queue takes for the player of a session that was cut off with its studio."""


class Studio:
    """Songs and links. Everything runs in one event loop.

    Args:
        storage: holds the files.
        renderers: do the jobs.
        max_upload_bytes: of one upload.
        archive: keeps the files elsewhere, too.
    """

    def __init__(
        self, storage: StudioStorage, renderers: Renderers, max_upload_bytes: int = MAX_UPLOAD_BYTES,
        archive: StudioArchive | None = None,
    ) -> None:  # fmt: skip
        self.storage, self._archive = storage, archive
        self.database = StudioDatabase(storage.root / DATABASE)
        self.hub = Hub()
        self.limits = StudioLimits(
            max_upload_bytes=max_upload_bytes, min_duration_s=MIN_DURATION_S, max_duration_s=MAX_DURATION_S,
            max_jobs=MAX_JOBS,
        )  # fmt: skip
        self.places = SoundPlaces(storage)
        self.board = JobBoard(storage, self.database, self.places, self.hub, renderers, self._publish_song)
        self.jams = Jams(storage, self.hub, self._keep_jam)
        self._intake = Intake()
        self._keeping: asyncio.Task[None] | None = None
        self._finding: asyncio.Task[None] | None = None
        self._uploads, self._decoding = asyncio.Semaphore(MAX_UPLOADS), asyncio.Semaphore(MAX_DECODED)

    def start(self) -> None:
        """Go on with what a killed server has left."""
        self._intake.prepare()
        self.board.start()
        self._finding = asyncio.create_task(self._keep_left())
        if self._archive is not None:
            self._keeping = asyncio.create_task(self._archive.keep(self.database))

    async def close(self) -> None:
        """Give nothing out any more; what runs is done again, or goes on, after the next start."""
        await self.jams.close()
        await self.board.close()
        tasks = [task for task in (self._keeping, self._finding) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
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
            **song.model_dump(exclude={"suffix"}), jobs=tuple(self.board.of_song(song.id)),
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
            raise StudioError(429, "busy", "Many files are being uploaded already.", "try again in a minute")
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
                    title = printable(name).rpartition(".")[0].strip()[:MAX_TITLE] or "song"
                    return await self._take_in(new_name(), title, upload, peaks)

    async def _take_in(self, name: str, title: str, upload: Path, peaks: Path) -> SongEntry:
        """Make a song of a file."""
        async with self._decoding:
            facts = await self._intake.measure(upload, peaks)
        song = SongRow(id=name, title=title, created_at=now(), suffix=upload.suffix, **facts._asdict())
        self.storage.song(name).begin(upload, peaks)
        self.database.add_song(song)
        self._publish_song(name)
        return self.song(name)

    async def _keep_jam(self, jam: Jam, recording: Path) -> bool:
        """Make a song of a session, and have it rendered from its recording; whether there is one."""
        if not (_is_there(recording) if jam.end is None else (jam.end.kept_s or 0.0) >= MIN_DURATION_S):
            self._forget_jam(recording)
            return False
        title = f"Jam with the {jam.order.band.replace('_', ' ')} band"
        await self._keep_recording(recording, title, jam.end or self._end_of(recording), jam.client)
        return True

    def _end_of(self, recording: Path) -> JamEnd | None:
        """What gives again what was played in a session that was cut off; None where this release cannot tell."""
        try:
            order = JamOrder.model_validate_json(self.storage.order_of(recording.stem).read_bytes())
            return end_of(order, recording)
        except (EnsembleError, OSError, ValueError) as error:
            emit("studio jam unplayable", jam=recording.stem, error=type(error).__name__)
            return None

    async def _keep_left(self) -> None:
        """Make songs of what was recorded in sessions that a killed server has left, and forget the others."""
        for recording in self.storage.recordings():
            moved = self.storage.song(recording.stem).upload
            try:
                if _is_there(recording) or _is_there(moved):
                    await self._keep_recording(recording, "Jam that was cut off", self._end_of(recording), _NOBODY)
                else:
                    self._forget_jam(recording)
            except AudioError:
                self._forget_jam(recording)
            except (OSError, StudioError) as error:
                emit("studio jam left", jam=recording.stem, error=type(error).__name__)  # until the next start

    async def _keep_recording(self, recording: Path, title: str, end: JamEnd | None, client: str) -> None:
        """Make a song of a recording, and have it played again; where nobody knows how, it is like an upload."""
        if self.database.song(recording.stem) is None:
            moved = self.storage.song(recording.stem).upload  # there where the studio was killed right here before
            with self.storage.incoming(".peaks") as peaks:
                await self._take_in(recording.stem, title, recording if _is_there(recording) else moved, peaks)
        if end is not None:
            self.board.submit(recording.stem, "jam", end.model_dump(mode="json"), client)
        self.storage.forget_jam(recording.stem)

    def _forget_jam(self, recording: Path) -> None:
        self.storage.forget_jam(recording.stem)
        self.database.remove_song(recording.stem)  # the links to it

    async def has_kept(self, jam: str) -> bool:
        """Whether a session has become a song; soon after a start, once what was left of sessions is looked through."""
        if self._finding is not None:
            await asyncio.wait([self._finding])
        return self.database.song(jam) is not None

    def rename(self, name: str, title: str) -> SongEntry:
        """Give a song another title."""
        self.song_row(name)
        self.database.rename(name, printable(title).strip() or "song")
        self._publish_song(name)
        return self.song(name)

    async def remove(self, name: str) -> None:
        """Remove a song; what runs of it is stopped first."""
        self.song_row(name)
        await self.board.stop(name)
        self.database.remove_song(name)
        self.hub.publish(name, ("song", name), {"type": "deleted", "song": name})
        await asyncio.to_thread(self.storage.remove, name)
        self._note(name)

    def versions(self, name: str) -> list[VersionEntry]:
        """The versions of a song."""
        song = self.song_row(name)
        kept = History(self.storage.song(name).render).versions
        edits = self.database.edits_of(name)
        return [
            VersionEntry(**one.model_dump(), changes=edits.get(one.number), is_current=one.number == song.version)
            for one in kept
        ]

    # --- links

    def share(self, name: str) -> NewShare:
        """Make a link by which a song may be read, also while it is played."""
        if not self.jams.is_live(name):
            self.song_row(name)
        token = secrets.token_urlsafe(_SHARE_BYTES)
        self.database.add_share(ShareRow(new_name(), name, now()), _sha256(token))
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

    def _note(self, name: str) -> None:
        if self._archive is not None:
            self._archive.note(name)

    def _publish_song(self, name: str) -> None:
        self._note(name)
        with contextlib.suppress(StudioError):  # removed meanwhile
            self.hub.publish(name, ("song", name), {"type": "song", "song": self.song(name)})


def _is_there(recording: Path) -> bool:
    """Whether it is there: for those who must not wait for a disk."""
    return recording.exists()


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

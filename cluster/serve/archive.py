"""A studio at a URL: songs are worked on in a folder, and kept at the URL, from which another machine goes on.

At the URL each file is kept under its digest, and a numbered list says which of them the songs are made of. Files are
put there before the list that names them, and taken away after it: the newest whole list always names a whole studio.
A store locks nothing. So each looks for the newest list just before it writes one and again before it takes anything
away, and whoever takes a URL over skips numbers: what an earlier studio is just writing never becomes the newest.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from cluster.serve.database import StudioDatabase
from cluster.serve.storage import DATABASE, StudioStorage
from ensemble.config import Settings
from ensemble.errors import OutputError
from ensemble.events import emit
from ensemble.files.digest import file_digest
from ensemble.files.replace import write_whole
from ensemble.output.remote import RemoteFolder, located
from ensemble.output.staging import staging_folders
from ensemble.settings.user_folder import user_folder

WRITER = "writer"
"""The file here that says as who this folder writes at the URL."""
FILES, LISTS = "files", "lists"
RETRY_S = 30.0
TAKEN_OVER = 1000
"""Numbers from the last list of a studio to the first of the one that takes over."""
_DIGITS = 12

Stamp = tuple[int, int]
"""Size in bytes and time of change in ns of a file."""


class KeptList(Settings):
    """What is kept at a URL."""

    writer: str
    """The folder that has written it."""
    database: str | None
    """Digest of the list of songs and jobs; None before the first is kept."""
    songs: dict[str, dict[str, str]]
    """Of every song, the digest of each file by its name from the song's folder."""

    def digests(self) -> set[str]:
        """Of all files that it names."""
        found = {digest for files in self.songs.values() for digest in files.values()}
        return found if self.database is None else found | {self.database}


class StudioArchive:
    """Keeps at a URL what lies in the studio's folder. One studio writes a URL at a time.

    Args:
        storage: the folder.
        place: the URL.
    """

    def __init__(self, storage: StudioStorage, place: RemoteFolder) -> None:
        self._storage, self._place = storage, place
        self._files, self._lists = place.below(FILES), place.below(LISTS)
        self._own = ""
        self._there: set[str] = set()
        """Digests of the files that are whole at the URL."""
        self._known: dict[Path, tuple[Stamp, str]] = {}
        """The digest of each file here, as long as it has its stamp."""
        self._noted: set[str] = set()
        self._is_noted = asyncio.Event()

    def fetch(self) -> None:
        """Make the folder that of the URL, unless it has written there last. What lay in it is put aside.

        Raises:
            OutputError: the URL cannot be read or written, another studio writes there just now, or the disk is full.
        """
        self._place.check_rights()
        writer = self._storage.root / WRITER
        self._own = writer.read_text(encoding="ascii") if writer.is_file() else ""
        last, kept = self._newest()
        if kept is None or kept.writer != self._own:
            kept = kept or KeptList(writer="", database=None, songs={})
            if kept.database is not None:
                self._bring(last, kept)
            self._own = secrets.token_hex(8)
            last = self._write_list(last, TAKEN_OVER, kept.model_copy(update={"writer": self._own}))
            write_whole(writer, self._own.encode())
        names = self._files.names()
        self._there = names & kept.digests()
        self._check_newest(last)
        self._remove(names - self._there)  # of a studio that was killed

    def note(self, song: str) -> None:
        """Say that a song has changed, or is gone."""
        self._noted.add(song)
        self._is_noted.set()

    async def keep(self, database: StudioDatabase) -> None:
        """Write what has changed, again and again, until cancelled."""
        self._noted |= self._songs()
        self._is_noted.set()
        while True:
            await self._is_noted.wait()
            self._is_noted.clear()
            songs, self._noted = self._noted, set()
            try:
                await asyncio.to_thread(self.save, songs, database.content())
            except (OutputError, OSError) as error:  # a file was replaced meanwhile, or the URL is not to be reached
                emit("studio not kept", error=str(error))
                self._noted |= songs
                await asyncio.sleep(RETRY_S)
                self._is_noted.set()

    def finish(self) -> None:
        """Write all that is not there yet, once the studio has ended.

        Raises:
            OutputError: the URL cannot be written, or another studio writes there.
            OSError: the folder cannot be read.
        """
        _, kept = self._newest()
        self._there = set() if kept is None else self._files.names() & kept.digests()  # a replica has written meanwhile
        with contextlib.closing(StudioDatabase(self._storage.root / DATABASE)) as database:
            self.save(self._songs(), database.content())

    def save(self, songs: Iterable[str], database: bytes) -> None:
        """Write files that are new, then the list that names them, and take away what it names no more.

        Args:
            songs: those that have changed.
            database: the list of songs and jobs.

        Raises:
            OutputError: the URL cannot be written, another studio writes there, or a file has changed meanwhile.
            OSError: a file is gone meanwhile.
        """
        last, kept = self._newest()
        if kept is None or kept.writer != self._own:
            raise self._refused()
        here = self._songs()
        listed = kept.songs | {song: self._put_song(song) for song in sorted(here.intersection(songs))}
        digest = hashlib.sha256(database).hexdigest()
        if digest not in self._there:
            self._files.write(digest, database)
        now = KeptList(writer=self._own, database=digest, songs={song: listed[song] for song in here & listed.keys()})
        self._write_list(last, 1, now)
        self._remove(self._there - now.digests())
        self._there = now.digests()

    def _songs(self) -> set[str]:
        return {one.name for one in self._storage.songs.iterdir()}

    def _put_song(self, song: str) -> dict[str, str]:
        """Put the files of a song there, but what is being written; the digest of each by its name."""
        folder = self._storage.song(song)
        written = (folder.lock, *staging_folders(folder.render))
        found: dict[str, str] = {}
        for path in sorted(folder.path.rglob("*")):
            if path.is_file() and not any(path.is_relative_to(one) for one in written):
                found[path.relative_to(folder.path).as_posix()] = self._put(path)
        return found

    def _put(self, path: Path) -> str:
        """Put a file there, unless it is, and return its digest."""
        stamp = _stamp(path)
        known, digest = self._known.get(path, (None, ""))
        if known != stamp:
            digest = file_digest(path)
        if digest not in self._there:
            self._files.put(digest, path)
        if _stamp(path) != stamp:
            raise OutputError(path.name, "has changed while it was kept", "it is kept again in a moment")
        self._there.add(digest)
        self._known[path] = stamp, digest
        return digest

    def _bring(self, last: str, kept: KeptList) -> None:
        """Put what is kept into the place of what lies here."""
        with self._storage.replaced() as fetched:
            names = {f"songs/{song}/{name}": sha for song, files in kept.songs.items() for name, sha in files.items()}
            for name, digest in sorted({**names, DATABASE: kept.database or ""}.items()):
                if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                    raise OutputError(self._place.what, "names a file outside of its songs", "name another URL")
                target = fetched / name
                target.parent.mkdir(parents=True, exist_ok=True)
                self._files.copy_here(digest, target)
                if file_digest(target) != digest:
                    raise OutputError(self._place.what, f"its {name} is damaged", "put that file there again")
            self._check_newest(last)

    def _remove(self, digests: Iterable[str]) -> None:
        for digest in digests:
            with contextlib.suppress(OutputError):  # it is tried again at the next start
                self._files.remove(digest)

    def _newest(self) -> tuple[str, KeptList | None]:
        """The last list that is whole, and its name; none, and number 0, where none is."""
        for name in sorted(self._lists.names(), reverse=True):
            with contextlib.suppress(ValueError):  # whoever wrote it was killed
                return name, KeptList.model_validate_json(self._lists.read(name))
        return "0" * _DIGITS, None

    def _check_newest(self, name: str) -> None:
        """Refuse to go on where another studio has written a list after this one."""
        if self._newest()[0] != name:
            raise self._refused()

    def _refused(self) -> OutputError:
        return OutputError(self._place.what, "is written by another studio", "end one of them")

    def _write_list(self, last: str, step: int, kept: KeptList) -> str:
        """Write a list so many numbers after the last, and take the earlier ones away; its name."""
        self._check_newest(last)
        name = f"{int(last[:_DIGITS]) + step:0{_DIGITS}d}-{kept.writer}.json"
        self._lists.write(name, kept.model_dump_json().encode())
        self._check_newest(name)
        for earlier in self._lists.names():
            if earlier < name:
                with contextlib.suppress(OutputError):  # the newest counts
                    self._lists.remove(earlier)
        return name


def store_at(url: str) -> RemoteFolder:
    """The store at a URL.

    Raises:
        OutputError: the protocol is unknown or needs a package, or what is there does not last or is a folder here.
    """
    place = located(url)
    if isinstance(place, Path):
        raise OutputError(str(place), "is a folder, which keeps nothing besides", "name it as the studio's data")
    if place.is_of_this_process:
        raise OutputError(place.what, "ends with this process", "name a folder, or the URL of a store")
    return place


def archive_at(storage: StudioStorage, place: RemoteFolder) -> StudioArchive:
    """What keeps a studio at a URL, once its folder is that of the URL.

    Raises:
        OutputError: it cannot be reached, or the disk is full.
    """
    archive = StudioArchive(storage, place)
    try:
        archive.fetch()
    except OSError as error:
        raise OutputError(str(storage.root), str(error.strerror), "make room there") from error
    return archive


def working_folder(data: str | None) -> tuple[Path, str | None]:
    """The folder in which songs are worked on, and the URL at which they are kept, if it is one.

    Args:
        data: a folder or a URL; None for the user's own folder.

    Raises:
        OutputError: the URL's protocol is unknown, needs a package, or reaches nothing that lasts.
        OSError: the user's folder cannot be made.
    """
    if data is None:
        return user_folder("state") / "studio", None
    place = located(data)
    if isinstance(place, Path):
        return place, None
    store_at(data)
    return user_folder("state") / "studio-at" / hashlib.sha256(data.encode()).hexdigest()[:16], data


def _stamp(path: Path) -> Stamp:
    known = path.stat()
    return known.st_size, known.st_mtime_ns

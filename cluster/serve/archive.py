"""A studio at a URL: songs are worked on in a folder, and kept at the URL, from which another machine goes on."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from pathlib import Path, PurePosixPath

from cluster.serve.database import StudioDatabase
from cluster.serve.storage import DATABASE, StudioStorage
from ensemble.errors import OutputError
from ensemble.events import emit
from ensemble.files.private import user_folder
from ensemble.files.replace import write_whole
from ensemble.output.remote import RemoteFolder, located
from ensemble.output.staging import staging_folders

WRITER = "writer"
"""Names the folder that has written last; in the folder and at the URL."""
KEPT = "kept.json"
"""What of every song is at the URL: sizes and times of the files here."""
SONGS = "songs"
RETRY_S = 30.0

Stamps = dict[str, list[int]]
"""Size in bytes and time of change in ns of each file, by its name from the song's folder."""


class StudioArchive:
    """Keeps at a URL what lies in the studio's folder. One studio writes a URL at a time.

    Args:
        storage: the folder.
        place: the URL.
    """

    def __init__(self, storage: StudioStorage, place: RemoteFolder) -> None:
        self._storage, self._place = storage, place
        self._kept_file = storage.root / KEPT
        self._kept: dict[str, Stamps] = {}
        self._own = b""
        self._noted: set[str] = set()
        self._is_noted = asyncio.Event()

    def fetch(self) -> None:
        """Make the folder that of the URL, unless it has written there last. What lay in it is put aside.

        Raises:
            OutputError: the URL cannot be read or written, or the disk is full.
        """
        self._place.check_rights()
        names, writer = self._place.names(), self._storage.root / WRITER
        self._own = writer.read_bytes() if writer.is_file() else b""
        if WRITER in names and self._place.read(WRITER) == self._own:
            kept = json.loads(self._kept_file.read_bytes()) if self._kept_file.is_file() else {}
            self._kept = {
                song: {name: stamp for name, stamp in files.items() if f"{SONGS}/{song}/{name}" in names}
                for song, files in kept.items()
            }
            return
        if DATABASE in names:
            with self._storage.replaced() as fetched:
                for name in sorted(names):
                    if ".." not in PurePosixPath(name).parts and (name == DATABASE or name.startswith(f"{SONGS}/")):
                        (fetched / name).parent.mkdir(parents=True, exist_ok=True)
                        self._place.copy_here(name, fetched / name)
            self._kept = {song.name: self._stamps(song.name) for song in self._storage.songs.iterdir()}
        self._write_kept()
        self._own = secrets.token_hex(8).encode()
        self._place.write(WRITER, self._own)
        write_whole(writer, self._own)

    def note(self, song: str) -> None:
        """Say that a song has changed, or is gone."""
        self._noted.add(song)
        self._is_noted.set()

    async def keep(self, database: StudioDatabase) -> None:
        """Write what has changed, again and again, until cancelled."""
        for song in {one.name for one in self._storage.songs.iterdir()} | set(self._kept):
            self.note(song)
        while True:
            await self._is_noted.wait()
            self._is_noted.clear()
            songs, self._noted = self._noted, set()
            try:
                await asyncio.to_thread(self._save, songs, database.content())
            except (OutputError, OSError) as error:  # a file was replaced meanwhile, or the URL is not to be reached
                emit("studio not kept", error=str(error))
                self._noted |= songs
                await asyncio.sleep(RETRY_S)
                self._is_noted.set()

    def _save(self, songs: set[str], database: bytes) -> None:
        """Write files that are new, then the list, and take away those that are gone."""
        if self._place.read(WRITER) != self._own:
            raise OutputError(self._place.what, "is written by another studio", "end one of them")
        gone, now_kept = list[str](), dict(self._kept)
        for song in sorted(songs):
            here, kept = self._stamps(song), self._kept.setdefault(song, {})
            at = self._place.below(f"{SONGS}/{song}")
            for name in sorted(name for name in here if here[name] != kept.get(name)):
                at.put(name, self._storage.song(song).path / name)
                kept[name] = here[name]
            gone += [f"{SONGS}/{song}/{name}" for name in kept.keys() - here.keys()]
            now_kept[song] = here
        self._place.write(DATABASE, database)
        for name in set(gone) & self._place.names() if gone else ():
            self._place.remove(name)
        self._kept = {song: files for song, files in now_kept.items() if files}
        self._write_kept()

    def _stamps(self, song: str) -> Stamps:
        """The files of a song, but what is being written."""
        folder = self._storage.song(song)
        written = staging_folders(folder.render)
        found: Stamps = {}
        for path in folder.path.rglob("*"):
            if path.is_file() and path != folder.lock and not any(path.is_relative_to(one) for one in written):
                known = path.stat()
                found[path.relative_to(folder.path).as_posix()] = [known.st_size, known.st_mtime_ns]
        return found

    def _write_kept(self) -> None:
        write_whole(self._kept_file, json.dumps(self._kept).encode())


def archive_at(storage: StudioStorage, url: str) -> StudioArchive | None:
    """What keeps a studio at a URL, once its folder is that of the URL; None for a folder, which needs none.

    Raises:
        OutputError: it cannot be reached, or the disk is full.
    """
    place = located(url)
    if isinstance(place, Path):
        return None
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
    if place.is_of_this_process:
        raise OutputError(place.what, "ends with this process", "name a folder, or the URL of a store")
    return user_folder("state") / "studio-at" / hashlib.sha256(data.encode()).hexdigest()[:16], data

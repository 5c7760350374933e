"""Where the studio keeps its files: one folder for each song, on a disk that every renderer sees."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ensemble.errors import OutputError
from ensemble.files.replace import write_whole
from ensemble.output.publish import refused
from ensemble.output.staging import NEW, staging_folders

KEY_FILE = "token"
DATABASE = "studio.sqlite3"
_UPLOAD = "upload"
_KEY_BYTES = 24


class SongFolder:
    """The files of one song. No name in it comes from a user.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.render = path / "render"
        """What `render` and `redo` write."""
        self.exports = path / "exports"
        """A file for each export, named after its job."""
        self.jobs = path / "jobs"
        """What a renderer notes of each job."""
        self.lock = path / "lock"
        """Locked by the renderer that works on the song."""

    @property
    def upload(self) -> Path:
        """The file that was uploaded."""
        return next(iter(sorted(self.path.glob(f"{_UPLOAD}.*"))), self.path / _UPLOAD)

    def upload_as(self, suffix: str) -> Path:
        """Where an upload with this ending belongs."""
        return self.path / f"{_UPLOAD}{suffix}"

    @property
    def upload_peaks(self) -> Path:
        """The peaks of that file."""
        return self.path / "upload-peaks"

    def export(self, job: str, suffix: str) -> Path:
        """The file that an export writes."""
        return self.exports / f"{job}{suffix}"

    def cancelled(self, job: str) -> Path:
        """A file that tells a renderer to stop."""
        return self.jobs / f"{job}.cancelled"

    def desks(self, version: int) -> Path:
        """What was heard for a version: `TakeDesks`."""
        return self.path / f"version-{version}.desk"

    def desks_of_job(self, job: str) -> Path:
        """What was heard by a job that runs."""
        return self.jobs / f"{job}.desk"

    def unpublished(self) -> Path | None:
        """The render that is being written, which grows; None where none is."""
        found = [one / NEW for one in staging_folders(self.render) if (one / NEW).is_dir()]
        return max(found, key=lambda path: path.stat().st_mtime, default=None)

    def begin(self, upload: Path, peaks: Path) -> None:
        """Make the folder, and move the upload and its peaks there.

        Raises:
            OSError: the disk is full.
        """
        for folder in (self.path, self.exports, self.jobs):
            folder.mkdir(exist_ok=True)
        upload.rename(self.upload_as(upload.suffix))
        peaks.rename(self.upload_peaks)


class StudioStorage:
    """All songs, and the studio's key.

    Args:
        root: the folder; made if absent.

    Raises:
        OutputError: it cannot be written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.songs = self.root / "songs"
        self._incoming, self._played = self.root / "incoming", self.root / "jams"
        try:
            self.songs.mkdir(parents=True, exist_ok=True)
            self.root.chmod(0o700)
            shutil.rmtree(self._incoming, ignore_errors=True)  # uploads that a killed server left
            self._incoming.mkdir()
            self._played.mkdir(exist_ok=True)
        except OSError as error:
            raise refused(self.root, error) from error

    def song(self, name: str) -> SongFolder:
        """The folder of a song, by the name that `new_name` gave it."""
        return SongFolder(self.songs / name)

    def recording(self, jam: str) -> Path:
        """Where a session is recorded; it stays there until it is a song."""
        return self._played / f"{jam}.wav"

    def order_of(self, jam: str) -> Path:
        """Where it is written what the player of a session asked for beforehand."""
        return self._played / f"{jam}.json"

    def forget_jam(self, jam: str) -> None:
        """Remove what a session has left."""
        for left in self._played.glob(f"{jam}.*"):
            left.unlink()

    def recordings(self) -> list[Path]:
        """The recordings of sessions that were cut off, each named like its session; some may be songs already."""
        return sorted({left.with_suffix(".wav") for left in self._played.iterdir()})

    @contextmanager
    def incoming(self, suffix: str) -> Iterator[Path]:
        """Lend a new file for an upload; what is left of it is removed."""
        path = self._incoming / f"{new_name()}{suffix}"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    @contextmanager
    def replaced(self) -> Iterator[Path]:
        """Lend a new folder for songs and a list, which then take the place of those here; these are put aside.

        Raises:
            OSError: the disk is full.
        """
        fetched = self.root / "fetched"
        shutil.rmtree(fetched, ignore_errors=True)  # of a process that was killed here
        (fetched / self.songs.name).mkdir(parents=True)
        yield fetched
        aside = self.root / f"aside-{new_name()}"
        aside.mkdir()
        for path in (*self.root.glob(f"{DATABASE}*"), self.songs):  # the list first: a folder with songs is kept
            path.rename(aside / path.name)
        (fetched / self.songs.name).rename(self.songs)
        (fetched / DATABASE).rename(self.root / DATABASE)
        fetched.rmdir()
        if not any((aside / self.songs.name).iterdir()):
            shutil.rmtree(aside)

    def remove(self, name: str) -> None:
        """Remove a song with everything that was made of it."""
        shutil.rmtree(self.songs / name, ignore_errors=True)


def new_name() -> str:
    """A name that nobody guesses: 16 hexadecimal digits."""
    return secrets.token_hex(8)


def studio_key(root: Path) -> str:
    """The studio's token, made when it is first asked for; only this user can read its file.

    Raises:
        OutputError: the folder cannot be written.
    """
    path = root / KEY_FILE
    try:
        root.mkdir(parents=True, exist_ok=True)
        if not path.is_file():
            old_mask = os.umask(0o077)
            try:
                write_whole(path, secrets.token_urlsafe(_KEY_BYTES).encode())
            finally:
                os.umask(old_mask)
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise OutputError(str(path), f"cannot be used ({error})", "name another folder with --data") from error

"""Places at URLs: whatever fsspec reaches. A render is put up whole, its manifest last.

A URL may hold a name and a password, or a signed query: nothing but `shown` of it is ever said or kept.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ensemble.audio.files import printable
from ensemble.errors import OutputError, VerifyError
from ensemble.manifest import MANIFEST, Manifest
from ensemble.output.staging import is_ours

PROBE = ".ensemble-probe"
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_HAVE_FOLDERS = {"sftp", "ssh", "ftp", "smb", "hdfs", "webhdfs", "arrow_hdfs"}
"""Where a folder must be made before a file is put in. Object stores must not be asked: they would make buckets."""


def is_url(place: str | Path) -> bool:
    """Whether something is said to lie at a URL, rather than at a path."""
    return isinstance(place, str) and _URL.match(place) is not None


def shown(place: str | Path) -> str:
    """A path, or a URL without what may be secret in it, on one line."""
    if not is_url(place):
        return printable(place)
    try:
        parts = urlsplit(str(place))
    except ValueError:
        return f"{str(place).partition('://')[0]}://..."
    return printable(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")


def located(place: str | Path) -> Path | RemoteFolder:
    """A path, or what lies at a URL; `file://` is a path.

    Raises:
        OutputError: the protocol is unknown, its package is absent, or it cannot be reached.
    """
    if not is_url(place):
        return Path(place)
    what = shown(place)
    if "::" in str(place):
        raise OutputError(what, "is a chain of file systems", "name one")
    from fsspec.core import url_to_fs

    try:
        fs, root = url_to_fs(str(place))
    except ImportError as error:
        raise OutputError(what, f"its protocol needs a package ({error})", "install that on every node") from error
    except Exception as error:  # every protocol has its own
        raise OutputError(what, f"cannot be reached ({reason_of(error)})", "check the URL") from error
    protocols = {fs.protocol} if isinstance(fs.protocol, str) else set(fs.protocol)
    return Path(root) if "file" in protocols else RemoteFolder(fs, str(root), what, protocols)


class RemoteFolder:
    """A folder at a URL.

    Args:
        fs: fsspec's file system.
        root: the folder, as that file system names it.
        what: the URL as it may be said.
        protocols: the file system's names.
    """

    def __init__(self, fs: Any, root: str, what: str, protocols: set[str]) -> None:
        self.what = what
        self._fs = fs
        self._root = root.rstrip("/")
        self._protocols = protocols
        self._has_folders = bool(protocols & _HAVE_FOLDERS)
        self.is_of_this_process = "memory" in protocols

    def names(self) -> set[str]:
        """Every file below, by its name from here.

        Raises:
            OutputError: it cannot be listed.
        """
        with self._told("be listed"):
            self._fs.invalidate_cache()
            try:
                found = self._fs.find(self._root)
            except FileNotFoundError:
                return set()
        start = len(self._root.lstrip("/")) + 1
        return {path.lstrip("/")[start:] for path in found if path.lstrip("/") != self._root.lstrip("/")}

    def read(self, name: str) -> bytes:
        """One file.

        Raises:
            OutputError: it is not there, or cannot be read.
        """
        with self._told("be read"):
            content: bytes = self._fs.cat_file(self._at(name))
        return content

    def open(self) -> Any:
        """The file that lies at the URL itself, to be read as a stream. Raises whatever its protocol does."""
        return self._fs.open(self._root, "rb")

    def write(self, name: str, content: bytes) -> None:
        """Write one small file.

        Raises:
            OutputError: it cannot be written.
        """
        with self._told("be written"):
            self._make_folder(name)
            self._fs.pipe_file(self._at(name), content)

    def put(self, name: str, source: Path) -> None:
        """Put one file up.

        Raises:
            OutputError: it cannot be written.
        """
        with self._told("be written"):
            self._make_folder(name)
            self._fs.put_file(str(source), self._at(name))

    def remove(self, name: str) -> None:
        """Take one file away.

        Raises:
            OutputError: it is not there, or cannot be taken away.
        """
        with self._told("be replaced"):
            self._fs.rm_file(self._at(name))

    def copy_here(self, name: str, target: Path) -> None:
        """Bring one file.

        Raises:
            OutputError: it cannot be read, or not be kept.
        """
        with self._told("be read"):
            self._fs.get_file(self._at(name), str(target))

    def check_rights(self) -> None:
        """Write a file of a few bytes and take it away: better now than after the music was played.

        Raises:
            OutputError: nothing can be written here.
        """
        self.write(PROBE, b"may be deleted\n")
        with contextlib.suppress(Exception):  # some may write and not delete
            self._fs.rm_file(self._at(PROBE))

    def earlier(self, *, force: bool) -> set[str]:
        """What of an earlier render lies here, if it may be replaced.

        Raises:
            OutputError: something is here (without `force`), or it is no render.
        """
        present = {name for name in self.names() if not name.startswith(".")}
        if present and not force:
            raise OutputError(self.what, "exists and is not empty", "name another, or add --force to replace a render")
        ours = {name for name in present if is_ours(name.partition("/")[0])}
        if ours and self.manifest() is None:
            cure = "name another folder; --force replaces renders only"
            raise OutputError(self.what, f"holds {min(ours)}, and no render's manifest", cure)
        return ours

    def manifest(self) -> Manifest | None:
        """Of the render that lies here, if one does."""
        try:
            return Manifest.parse(self.read(MANIFEST), self.what)
        except (OutputError, VerifyError):
            return None

    def publish(self, folder: Path, earlier: set[str]) -> None:
        """Put a render up: files first, the manifest last. If that fails, nothing of it stays.

        An earlier one is taken away before: no manifest ever stands beside files that are not its own.

        Raises:
            OutputError: a file cannot be written.
        """
        for name in sorted(earlier, key=lambda name: name != MANIFEST):
            self.remove(name)
        self._put(folder, files_below(folder))

    def add(self, folder: Path, names: set[str]) -> None:
        """Put up more files of a render that is there, and its manifest again. If that fails, none of them stays.

        Raises:
            OutputError: a file cannot be written.
        """
        self._put(folder, names)
        self.write(MANIFEST, (folder / MANIFEST).read_bytes())

    def _put(self, folder: Path, names: set[str]) -> None:
        done: list[str] = []
        try:
            for name in sorted(names, key=lambda name: (name == MANIFEST, name)):
                done.append(name)
                self.put(name, folder / name)
        except BaseException:
            for name in reversed(done):
                with contextlib.suppress(Exception):  # it may be the reason why we are here
                    self._fs.rm_file(self._at(name))
            raise

    def clear_after(self) -> None:
        """Take away what somebody put up who was killed before the manifest.

        Raises:
            OutputError: that cannot be done.
        """
        names = self.names()
        if MANIFEST not in names:
            for name in names:
                if is_ours(name.partition("/")[0]):
                    self.remove(name)

    def below(self, name: str) -> RemoteFolder:
        """A folder in this one."""
        return RemoteFolder(self._fs, self._at(name), f"{self.what.rstrip('/')}/{printable(name)}", self._protocols)

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _make_folder(self, name: str) -> None:
        if self._has_folders:
            self._fs.makedirs(self._at(name).rpartition("/")[0], exist_ok=True)

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # every protocol has its own
            raise OutputError(
                self.what, f"cannot {what} ({reason_of(error)})", "check the URL and your rights"
            ) from error


def files_below(folder: Path) -> set[str]:
    """Every file below a folder, by its name from there."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def reason_of(error: BaseException) -> str:
    """What went wrong, without addresses: they may hold what is secret."""
    said = getattr(error, "strerror", None) or next(iter(str(error).strip().splitlines()), "")
    return " ".join(re.sub(r"\S*://\S*", "...", f"{type(error).__name__} {said}".strip()).split())[:160]

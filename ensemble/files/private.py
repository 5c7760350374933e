"""Folders of this user alone: temporary ones short enough for Unix sockets."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_IN_USE = "in-use"
"""A file that a folder's process keeps locked."""
SOCKET_BYTES = 107
"""The longest path of a Unix socket."""
_RANDOM_BYTES = 8
"""Of the name of a folder that `tempfile` makes."""


def socket_folder(prefix: str, below_bytes: int) -> Path:
    """A new private folder for Unix sockets: in the usual place for temporary files, or in one with a shorter path.

    Args:
        prefix: of its name.
        below_bytes: the longest path of a socket in it, from the folder on.

    Raises:
        OSError: no place is short enough and can be written.
    """
    reason = OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), tempfile.gettempdir())
    for place in temporary_places():
        if len(os.fsencode(place)) + 1 + len(prefix) + _RANDOM_BYTES + below_bytes <= SOCKET_BYTES:
            try:
                return Path(tempfile.mkdtemp(prefix=prefix, dir=place))
            except OSError as error:
                reason = error
    raise reason


def temporary_places() -> Iterator[Path]:
    """Where temporary files may lie: where the environment says first."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    yield from dict.fromkeys(Path(place) for place in (tempfile.gettempdir(), runtime, "/tmp", "/dev/shm") if place)  # noqa: S108


@contextlib.contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Keep a folder from `remove_left`, until the block or this process ends; other namespaces see it, too."""
    with (folder / _IN_USE).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def remove_left(prefix: str) -> None:
    """Remove folders of ours whose names begin with `prefix` and that no process has `in_use` any more."""
    for place in temporary_places():
        for folder in place.glob(f"{prefix}*"):
            with contextlib.suppress(OSError):  # in use, never used, or another process removes it, too
                if folder.lstat().st_uid == os.getuid():
                    with (folder / _IN_USE).open("rb") as lock:
                        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        shutil.rmtree(folder, ignore_errors=True)

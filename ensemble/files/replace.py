"""Files that are whole or not there: what was written before survives a full disk and a killed process."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ensemble.errors import OutputError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Lend a name beside `path` to write to; at the end that file takes the place of `path` at once.

    After an error the new file is removed, and what was at `path` stays.

    Raises:
        OSError: the new file cannot be put there.
    """
    short = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]  # a name may be as long as names can be
    aside = path.with_name(f".{short}.{os.getpid()}.part")
    try:
        yield aside
        aside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):  # its folder is a file, or may not be entered: nothing was written then
            aside.unlink()
        raise


def linked(source: Path, target: Path) -> None:
    """Let a new name stand for the same file; where the file system has no links, it is copied.

    Raises:
        OSError: it cannot be written.
    """
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def write_through(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on the disk.

    Raises:
        OSError: it cannot be written.
    """
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all; on return it is on the disk.

    Raises:
        OSError: it cannot be written; what was there is unharmed.
    """
    with replacing(path) as aside:
        write_through(aside, content)


def write_output(path: Path, content: bytes, cure: str = "make room, then --resume") -> None:
    """Write a file that a user asked for, whole or not at all, into a folder that is made if absent.

    Args:
        path: of the file.
        content: all of it.
        cure: what the user is told to do where it cannot be written.

    Raises:
        OutputError: there is no room, or no permission; what was there is unharmed.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        raise OutputError(str(path), f"cannot be written ({error.strerror})", cure) from error

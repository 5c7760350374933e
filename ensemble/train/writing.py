"""Files that are whole or not there: what was written before survives a full disk and a killed process."""

from __future__ import annotations

import os
from pathlib import Path

from ensemble.errors import OutputError


def write_atomically(path: Path, content: bytes, cure: str = "make room, then --resume") -> None:
    """Replace a file at once, or not at all. A file has one writer at a time.

    Args:
        path: of the file; its folder is made if absent.
        content: all of it.
        cure: what the user is told to do where it cannot be written.

    Raises:
        OutputError: there is no room, or no permission; what was there is unharmed.
    """
    aside = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(aside, path)  # noqa: PTH105  atomic on one file system
    except OSError as error:
        _forget(aside)
        raise OutputError(str(path), f"cannot be written ({error.strerror})", cure) from error


def _forget(aside: Path) -> None:
    try:
        aside.unlink(missing_ok=True)
    except OSError:  # its folder is a file, or may not be entered: then there is nothing to clear away
        return

"""A score file's bytes, or one line that says why there are none."""

from __future__ import annotations

import stat
from pathlib import Path

from ensemble.audio.files import printable
from ensemble.errors import DataError

MAX_BYTES = 16 * 2**20
"""The longest symphony takes less; more is another kind of file."""


def read_score_bytes(path: Path) -> bytes:
    """Read a whole file.

    Raises:
        DataError: there is none, it is no plain file, is empty or far too large, or may not be read.
    """
    what = printable(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise DataError(what, "is not a file", "name a score")
        if status.st_size > MAX_BYTES:
            raise DataError(what, f"takes {status.st_size / 2**20:.0f} MiB", "a melody takes a few kilobytes")
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(what, "there is no such file", "check the path") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise DataError(what, f"cannot be read ({reason})", "check its permissions") from error
    if not content:
        raise DataError(what, "is empty", "export it again")
    return content

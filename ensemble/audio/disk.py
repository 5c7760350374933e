"""A full disk, in the words of the operating system: libsndfile has its own, and sometimes none."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import soundfile

_FULL_BELOW_BYTES = 1 << 20


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what libsndfile says while it writes `path` into an `OSError` that names it.

    Raises:
        OSError: no room is left (ENOSPC), or the file cannot be written (EIO).
    """
    try:
        yield
    except (soundfile.LibsndfileError, AssertionError) as error:  # soundfile asserts that everything was written
        free = shutil.disk_usage(path.parent).free if path.parent.is_dir() else _FULL_BELOW_BYTES
        number = errno.ENOSPC if free < _FULL_BELOW_BYTES else errno.EIO
        raise OSError(number, os.strerror(number), str(path)) from error

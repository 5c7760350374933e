"""Turns write errors of libsndfile, which do not say that the disk is full, into errors of the operating system."""

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
    """Turn an error of libsndfile that is raised inside the block into an `OSError` that names `path`.

    Raises:
        OSError: the disk is full (ENOSPC), or the file cannot be written (EIO).
    """
    try:
        yield
    except (soundfile.LibsndfileError, AssertionError) as error:  # soundfile asserts that everything was written
        free = shutil.disk_usage(path.parent).free if path.parent.is_dir() else _FULL_BELOW_BYTES
        number = errno.ENOSPC if free < _FULL_BELOW_BYTES else errno.EIO
        raise OSError(number, os.strerror(number), str(path)) from error

"""Opens sound files of any name, and says of libsndfile's write errors whether the disk is full."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import soundfile

_FULL_BELOW_BYTES = 1 << 20


def sound_file(path: Path, *form: Any, **more: Any) -> soundfile.SoundFile:
    """Open a sound file; soundfile itself fails where the bytes of a name are not UTF-8.

    Args:
        path: of the file.
        form: as soundfile.SoundFile takes it: mode, rate, channels.
        more: further arguments of soundfile.SoundFile.

    Raises:
        soundfile.LibsndfileError: it cannot be opened.
    """
    return soundfile.SoundFile(os.fsencode(path), *form, **more)


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

"""Where this user's caches, data and states lie on this system."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Literal

import platformdirs


def user_folder(kind: Literal["cache", "data", "state"]) -> Path:
    """Where this user's caches, data or states lie; it may be absent.

    Raises:
        OSError: there is no home folder.
    """
    found = {
        "cache": platformdirs.user_cache_path,
        "data": platformdirs.user_data_path,
        "state": platformdirs.user_state_path,
    }[kind]
    try:
        return found("ensemble", appauthor=False).expanduser()
    except RuntimeError as error:  # a user without a name, and HOME is not set
        cure = f"set HOME or XDG_{kind.upper()}_HOME"
        raise OSError(errno.ENOENT, f"no home folder is known; {cure}", "~") from error

"""The Ray that `ensemble up` started last, as it is noted for this user."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from ensemble.files.private import user_folder


class Kept(NamedTuple):
    """A Ray that was started by `up`."""

    address: str
    """HOST:PORT."""
    dashboard: str
    """A URL."""
    folder: str
    """Of its session, and the TMPDIR of its processes."""
    session_id: int = 0
    """The POSIX session that `up` started it in; 0 where an older release did not note it."""
    fresh: bool = False
    """Whether this call started it."""


def note_path() -> Path:
    """The file in which `up` notes what it started."""
    return user_folder("state") / "up.json"


def noted() -> Kept | None:
    """What `up` started last; None if it has been ended."""
    try:
        return Kept(**json.loads(note_path().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None

"""The Ray that `ensemble up` started last, as it is noted for this user, and who uses it.

Whoever uses it holds a lock in its folder, which goes with the process, however that ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ensemble.settings.user_folder import user_folder


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
    idle_s: float = 0.0
    """It ends by itself when nothing has used it for so long; 0: it stays."""
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


def lock_of(ray: Kept) -> Path:
    """The file that is locked by who uses a Ray; it was changed last when it was last known to be used."""
    return Path(ray.folder) / "used"


@contextlib.contextmanager
def used(ray: Kept) -> Iterator[None]:
    """Keep a Ray inside the block from being ended because nobody uses it."""
    with contextlib.ExitStack() as held:
        with contextlib.suppress(FileNotFoundError):  # it has just been ended
            lock = held.enter_context(lock_of(ray).open("ab"))
            fcntl.flock(lock, fcntl.LOCK_SH)
            held.callback(os.utime, lock.fileno())
        yield

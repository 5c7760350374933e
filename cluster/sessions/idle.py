"""The end of a Ray that `ensemble render --keep-warm` left behind: when nothing has used it for so long. A program."""

from __future__ import annotations

import fcntl
import os
import sys
import time

from cluster.sessions.keep_alive import alone, end_noted
from cluster.sessions.noted import lock_of, noted

LOOK_S = 1.0


def end_when_idle(folder: str) -> None:
    """Wait until nobody has used the Ray of this folder for as long as its note says, and end it."""
    while (ray := noted()) is not None and ray.folder == folder and ray.idle_s:
        with alone(), lock_of(ray).open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.utime(lock.fileno())  # somebody uses it, and may be killed without a word
            if time.time() - os.fstat(lock.fileno()).st_mtime > ray.idle_s:
                end_noted()
                return
        time.sleep(LOOK_S)


if __name__ == "__main__":
    end_when_idle(sys.argv[1])

"""A gauge that is not set again is forgotten by Ray after two of its reports: somebody has to repeat it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

PERIOD_S = 1.0
"""Ray reports once a second at the most."""


class Heartbeat:
    """Calls a function every second, from now on until it is stopped or the process ends.

    Args:
        beat: must be quick, and may be called from another thread.
    """

    def __init__(self, beat: Callable[[], None]) -> None:
        self._beat = beat
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Call no more; on return the last call is done."""
        self._is_over.set()
        self._thread.join(timeout=PERIOD_S)

    def _run(self) -> None:
        while not self._is_over.wait(PERIOD_S):
            with contextlib.suppress(Exception):  # Ray may be gone, and a gauge is no reason to end
                self._beat()

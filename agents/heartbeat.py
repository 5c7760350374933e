"""A thread that sets gauges again and again: Ray forgets one that was not set between two of its reports."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

PERIOD_S = 1.0
"""Ray reports once a second at the most."""


class Heartbeat:
    """Calls a function every second, from now on until it is stopped or the process ends.

    Args:
        beat: called in another thread; must be quick.
    """

    def __init__(self, beat: Callable[[], None]) -> None:
        self._beat = beat
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop; the last call has ended on return."""
        self._is_over.set()
        self._thread.join(timeout=PERIOD_S)

    def _run(self) -> None:
        while not self._is_over.wait(PERIOD_S):
            with contextlib.suppress(Exception):  # Ray may be gone, and a gauge is no reason to end
                self._beat()

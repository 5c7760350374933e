"""Which beats open bars, while the music goes on."""

from __future__ import annotations

import numpy as np

FORGETS = 0.97
"""What is kept of the evidence from beat to beat."""
LEADS_BY, LEADS_LEAST = 1.3, 0.4
"""Another beat opens bars from here on where so many times as much, and so much more, speaks for it."""


class LiveBars:
    """Adds up what speaks for each place in the bar.

    Args:
        beats_per_bar: beats in a bar.
    """

    def __init__(self, beats_per_bar: int) -> None:
        self._evidence = np.zeros(beats_per_bar)
        self._beat = 0
        self.offset = 0
        """Beats that open bars are this one and every `beats_per_bar` before and after it."""

    def hear_beat(self, downbeat: float) -> None:
        """Add the next beat.

        Args:
            downbeat: how probable a beat that opens a bar is there.
        """
        self._evidence *= FORGETS
        self._evidence[self._beat % len(self._evidence)] += downbeat
        self._beat += 1
        best, now = float(self._evidence.max()), float(self._evidence[self.offset])
        if best > LEADS_BY * now and best > now + (LEADS_LEAST if self._beat > len(self._evidence) else 0.0):
            self.offset = int(np.argmax(self._evidence))

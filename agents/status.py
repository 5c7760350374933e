"""What an actor has done, for `ensemble status` and for the metrics of the Ray dashboard."""

from __future__ import annotations

import os
import socket
import time

from ensemble.clock import FRAME_RATE_HZ

_BLOCK_SECONDS = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0]


class Status:
    """Counts blocks, frames and seconds of work; exports them as `ray_ensemble_*` metrics."""

    def __init__(self, name: str, role: str) -> None:
        from ray.util.metrics import Counter, Histogram

        self.name = name
        self._role = role
        self._since = time.time()
        self._blocks = 0
        self._frames = 0
        self._busy_s = 0.0
        self._block_counter = Counter("ensemble_blocks_total", "Blocks played", tag_keys=("part",))
        self._block_seconds = Histogram(
            "ensemble_block_seconds", "Seconds of work per block", boundaries=_BLOCK_SECONDS, tag_keys=("part",)
        )

    def count(self, part: str, num_frames: int, busy_s: float) -> None:
        """One block more."""
        self._blocks += 1
        self._frames += num_frames
        self._busy_s += busy_s
        self._block_counter.inc(tags={"part": part})
        self._block_seconds.observe(busy_s, tags={"part": part})

    def describe(self) -> dict[str, object]:
        """Everything a person asks: who, what, where, how much, how fast."""
        played_s = self._frames / FRAME_RATE_HZ
        return {
            "name": self.name,
            "role": self._role,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "up_s": round(time.time() - self._since, 1),
            "blocks": self._blocks,
            "music_s": round(played_s, 2),
            "realtime_factor": round(played_s / self._busy_s, 1) if self._busy_s else None,
        }

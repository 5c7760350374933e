"""What an actor has done: for `ensemble status`, for its metrics and for its log."""

from __future__ import annotations

import os
import socket
import time
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence

import psutil

from agents.gauges import Metrics, gpu_bytes
from agents.heartbeat import Heartbeat
from agents.log_files import open_logbook, render_id
from ensemble import events
from ensemble.clock import FRAME_RATE_HZ

RECENT_BLOCKS = 200
"""Percentiles and the real-time factor are those of the last so many."""


class Status:
    """Counts blocks, frames and seconds of work, exports them as metrics, and logs every block.

    Args:
        name: the parts that the actor plays, or what it is.
        role: what it does, in words.
        instruments: by part.
    """

    def __init__(self, name: str, role: str, instruments: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.role = role
        self._instruments = dict(instruments or {})
        self._metrics = Metrics()
        self._since = time.time()
        self._blocks = 0
        self._frames = 0
        self._busy_s = 0.0
        self._recent: dict[str, deque[tuple[int, float]]] = defaultdict(lambda: deque(maxlen=RECENT_BLOCKS))
        self._process = psutil.Process()
        self._heartbeat = Heartbeat(self._repeat)
        open_logbook(self.name)
        events.emit("seated", part=name, role=role)

    def count(self, part: str, num_frames: int, busy_s: float, where: events.Position | None = None) -> None:
        """Count a block.

        Args:
            part: whose.
            num_frames: of music.
            busy_s: that it took.
            where: which block of what, where that is known.
        """
        self._blocks += 1
        self._frames += num_frames
        self._busy_s += busy_s
        self._recent[part].append((num_frames, busy_s))
        self._metrics.block_seconds.observe(busy_s, tags=self._tags(part))
        take, block = (where.take, where.block) if where else (None, None)
        events.emit("block", part=part, take=take, block=block, frames=num_frames, busy_s=round(busy_s, 6))

    def stage(self, name: str, busy_s: float) -> None:
        """Count work that is no block: listening, arranging, retrieving."""
        self._busy_s += busy_s
        self._metrics.stage_seconds.observe(busy_s, tags={"stage": name})
        events.emit(name, part=self.name, busy_s=round(busy_s, 6))

    def describe(self) -> dict[str, object]:
        """What `ensemble status` shows: who, what, where, how much, how fast."""
        recent = [block for blocks in list(self._recent.values()) for block in list(blocks)]
        busy = sorted(busy_s for _, busy_s in recent)
        return {
            "name": self.name,
            "role": self.role,
            "render": render_id(),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "gpu": _gpu(),
            "up_s": round(time.time() - self._since, 1),
            "blocks": self._blocks,
            "music_s": round(self._frames / FRAME_RATE_HZ, 2),
            "realtime_factor": _realtime_factor(recent),
            "block_p50_ms": _quantile_ms(busy, 0.5),
            "block_p99_ms": _quantile_ms(busy, 0.99),
            "resident_mb": round(self._process.memory_info().rss / 1e6, 1),
            "gpu_mb": round(gpu_bytes() / 1e6, 1),
        }

    def _tags(self, part: str) -> dict[str, str]:
        return {"part": part, "instrument": self._instruments.get(part, part)}

    def _repeat(self) -> None:
        """Set every gauge again."""
        self._metrics.repeat(self.name, self._process.memory_info().rss, gpu_bytes())
        for part, blocks in list(self._recent.items()):
            factor = _realtime_factor(list(blocks))
            if factor is not None:
                self._metrics.realtime.set(factor, tags=self._tags(part))


class Reporter:
    """What every actor of ours has besides its work: a `Status`, and the method that `ensemble status` calls."""

    _status: Status

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._status.name}: {self._status.role})"

    def status(self) -> dict[str, object]:
        """How much it has done, and where it runs."""
        return self._status.describe()


def _realtime_factor(blocks: Sequence[tuple[int, float]]) -> float | None:
    """Seconds of music per second of work."""
    frames, busy_s = sum(frames for frames, _ in blocks), sum(busy_s for _, busy_s in blocks)
    return round(frames / FRAME_RATE_HZ / busy_s, 2) if frames and busy_s else None


def _gpu() -> str | None:
    """The GPUs that Ray gave to this actor."""
    import ray

    given = ray.get_runtime_context().get_accelerator_ids().get("GPU", [])
    return ",".join(given) or None


def _quantile_ms(rising: list[float], share: float) -> float | None:
    """A quantile of some seconds, in ms."""
    return round(1000 * rising[min(int(share * len(rising)), len(rising) - 1)], 1) if rising else None

"""What the driver of a render measures of its actors: how long answers take, how many are due, what was replaced."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

from agents.gauges import LONG_SECONDS, PLAYING, SECONDS
from agents.heartbeat import Heartbeat
from agents.node_check import Stamp
from ensemble import events
from ensemble.clock import FRAME_RATE_HZ

REASONS = ("process", "host")
"""Why an actor was replaced: its process was lost, or the host under it."""
RETRIEVAL = "retrieval"
IN_TIME, LATE = "in_time", "late"
"""How a quantum of a live session was ready."""
RECENT_QUANTA, PERCENTS = 300, (50, 99)
"""What is left of the horizon is told of the last so many quanta, a minute at most, by these shares."""


def from_zero(counter: Any, tags: dict[str, str]) -> None:
    """Export a counter before it counts: Prometheus sees no rate where the first value is 1."""
    counter._record(0.0, tags)  # noqa: SLF001  (`inc` refuses zero)


class DriverMetrics:
    """What a driver exports: totals, and what a lost actor can no longer export itself."""

    def __init__(self) -> None:
        from ray.util.metrics import Counter, Gauge, Histogram

        self.blocks = Counter("ensemble_blocks_total", "Blocks played or conducted", tag_keys=PLAYING)
        self.music = Counter("ensemble_music_seconds_total", "Seconds of music played or conducted", tag_keys=PLAYING)
        self.busy = Counter("ensemble_busy_seconds_total", "Seconds of work on blocks", tag_keys=PLAYING)
        self.answer_seconds = Histogram(
            "ensemble_answer_seconds", "Seconds from asking for a block to its answer, waiting for its turn included",
            boundaries=SECONDS, tag_keys=PLAYING,
        )  # fmt: skip
        self.retrieval_seconds = Histogram(
            "ensemble_retrieval_seconds", "Seconds from asking what comes next to the answer", boundaries=LONG_SECONDS
        )
        self.in_flight = Gauge("ensemble_blocks_in_flight", "Blocks asked for and not answered", tag_keys=PLAYING)
        self.waiting = Gauge(
            "ensemble_waiting_seconds", "How long the oldest block, or question to the retrieval, has been unanswered",
            tag_keys=PLAYING,
        )  # fmt: skip
        self.live_quanta = Counter(
            "ensemble_live_quanta_total",
            "Fifths of a second of live sessions, ready in time or late",
            tag_keys=("ready",),
        )
        self.live_left = Gauge(
            "ensemble_live_left_seconds",
            "How long before they were due so many of 100 of the last quanta of a live session were ready, or longer",
            tag_keys=("percent",),
        )
        self.live_rested = Gauge(
            "ensemble_live_stop_reaction_bars",
            "How many bars after the last stop of its leader a live band was 20 dB down",
        )
        self.restarts = Counter("ensemble_restarts_total", "Players that were replaced", tag_keys=("part", "reason"))


class _Question(NamedTuple):
    """One call that has no answer yet."""

    part: str
    where: events.Position | None
    """Which block; None of any other call."""
    at: float
    """In seconds since 1970."""


class Meters:
    """Measures one render in its driver: an answer counts as come when the driver takes it.

    Args:
        render: its id, in every line of the log.
        instruments: by part.
    """

    def __init__(self, render: str, instruments: Mapping[str, str]) -> None:
        self._render = render
        events.begin(render)
        instruments_of = {"conductor": "conductor", RETRIEVAL: RETRIEVAL} | dict(instruments)
        self._tags = {part: {"part": part, "instrument": instrument} for part, instrument in instruments_of.items()}
        self._metrics = DriverMetrics()
        self._lock = threading.Lock()
        self._due: dict[Hashable, _Question] = {}
        self._left_s: deque[float] = deque(maxlen=RECENT_QUANTA)
        self._rested_bars: float | None = None
        for ready in (IN_TIME, LATE):
            from_zero(self._metrics.live_quanta, {"ready": ready})
        for part, tags in self._tags.items():
            if part != RETRIEVAL:
                for counter in (self._metrics.blocks, self._metrics.music, self._metrics.busy):
                    from_zero(counter, tags)
            for reason in REASONS:
                from_zero(self._metrics.restarts, {"part": part, "reason": reason})
        self._heartbeat = Heartbeat(self._repeat)

    def asked(self, call: Hashable, part: str, where: events.Position | None) -> None:
        """A call was sent, or sent again."""
        with self._lock:
            self._due[call] = _Question(part, where, time.time())

    def answered(self, call: Hashable, stamp: Stamp) -> None:
        """The driver has taken an answer."""
        with self._lock:
            question = self._due.pop(call, None)
        if question is None:
            return
        seconds = time.time() - question.at
        part, where = question.part, question.where
        if where is not None:
            tags = self._tags[part]
            self._metrics.answer_seconds.observe(seconds, tags=tags)
            self._metrics.blocks.inc(tags=tags)
            self._metrics.music.inc(where.num_frames / FRAME_RATE_HZ, tags=tags)
            self._metrics.busy.inc(max(stamp["busy_s"], 1e-9), tags=tags)
        elif part == RETRIEVAL:
            self._metrics.retrieval_seconds.observe(seconds)
        take, block = (where.take, where.block) if where else (None, None)
        events.emit(
            "answered", render=self._render, take=take, part=part, block=block, asked_at=question.at,
            seconds=round(seconds, 6), busy_s=round(stamp["busy_s"], 6), ended_at=stamp["ended_at"], host=stamp["host"],
            player_pid=stamp["pid"],
        )  # fmt: skip

    def was_ready(self, left_s: float) -> None:
        """A quantum of a live session was ready so many seconds before it was due."""
        self._left_s.append(left_s)
        self._metrics.live_quanta.inc(tags={"ready": IN_TIME if left_s >= 0 else LATE})

    def has_rested(self, bars: float) -> None:
        """The band of a live session was 20 dB down so many bars after its leader had stopped."""
        self._rested_bars = bars

    def restarted(self, part: str, reason: str) -> None:
        """An actor was replaced."""
        self._metrics.restarts.inc(tags={"part": part, "reason": reason})
        events.emit("restarted", render=self._render, part=part, reason=reason)

    def close(self) -> None:
        """The render is over: no answer is waited for any more."""
        self._heartbeat.stop()
        with self._lock:
            self._due.clear()
        self._repeat()

    def _repeat(self) -> None:
        """Set every gauge again."""
        with self._lock:
            due = list(self._due.values())
        left_s = sorted(self._left_s.copy(), reverse=True)
        for percent in PERCENTS if left_s else ():
            at = min(percent * len(left_s) // 100, len(left_s) - 1)
            self._metrics.live_left.set(left_s[at], tags={"percent": str(percent)})
        if self._rested_bars is not None:
            self._metrics.live_rested.set(self._rested_bars)
        now = time.time()
        for part, tags in self._tags.items():
            blocks = [question for question in due if question.part == part and question.where is not None]
            waiting = [now - question.at for question in due if question.part == part and part == RETRIEVAL]
            waiting += [now - question.at for question in blocks]
            self._metrics.in_flight.set(len(blocks), tags=tags)
            self._metrics.waiting.set(max(waiting, default=0.0), tags=tags)

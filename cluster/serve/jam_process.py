"""A jam: a process in which a band follows one player, who is somewhere else; it may die.

    python -m cluster.serve.jam_process RECORDING

Frames go both ways, through its input and its output: one letter, the length of what follows (4 bytes, the lowest
first), and that. Sound is preceded by the sample of the leader's stream that it begins with (4 bytes). Everything else
is JSON.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from cluster.serve.jam_models import JamEnd, JamNews, JamOrder, JamPlayer, JamReady
from cluster.serve.refusals import refusal_for
from ensemble.audio.files import MAX_DURATION_S
from ensemble.band import LocalBand
from ensemble.errors import EnsembleError
from ensemble.live.horizon import horizon_for
from ensemble.live.levers import read_levers
from ensemble.live.settings import LiveSettings
from ensemble.plan import RenderPlan, RenderRequest
from ensemble.rendering.live import LiveSession, check_cost
from ensemble.rendering.live_run import deadlines_of, facts_of, levers_of, run_session
from ensemble.rendering.request import live_request_for
from ensemble.threads import one_thread
from ensemble.types.music import FloatArray

ORDER, SOUND, LEVER, END = b"O", b"S", b"L", b"E"
"""What comes in: the order, first of all; then the leader's sound, 16-bit; levers; the end."""
READY, NEWS, REFUSED = b"R", b"N", b"X"
"""What goes out beside the band's sound, 16-bit stereo, and the end."""
HEAD_BYTES, PLACE_BYTES = 5, 4
PATIENCE_S, LOOK_S = 0.4, 0.05
"""Sound that has not come so much later than what came before it is zeros in the stream."""
GONE_S = 60.0
"""Who is silent for so long has gone; the page says so."""
AHEAD_S = 10.0
"""Sound that claims to be played so much later than it comes is none."""
MAX_WAITING = 100
"""Frames that are read ahead."""
NEWS_S = 0.1
WATCHED_QUANTA = 50
"""What is told while playing is of the last so many."""
_STEPS = 32768.0


def framed(letter: bytes, content: bytes) -> bytes:
    """One frame."""
    return letter + len(content).to_bytes(HEAD_BYTES - 1, "little") + content


def frames_in(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """The frames that come, until nothing more does: letter and content."""
    while len(head := file.read(HEAD_BYTES)) == HEAD_BYTES:
        length = int.from_bytes(head[1:], "little")
        content = file.read(length)
        if len(content) < length:
            return
        yield head[:1], content


def request_of(order: JamOrder) -> RenderRequest:
    """What is asked of the band.

    Raises:
        ConfigError: the band cannot play so.
    """
    how = LiveSettings(
        horizon_s=horizon_for(order.way_s).seconds, listen_beats=order.listen_beats, count_in_beats=order.count_in_beats
    )
    return live_request_for(
        order.band, how, order.overrides, style=order.style, seed=order.seed, sample_rate=order.sample_rate
    )


def end_of(order: JamOrder, recording: Path) -> JamEnd:
    """What gives again what was played in a session that was cut off, from its recording.

    Raises:
        ConfigError: this release cannot play so.
    """
    request, levers = request_of(order), levers_of(recording)
    if request.live is not None and levers.exists():
        asked = read_levers(levers, [one.name for one in request.band.followers], was_cut_off=True)
        request = request.model_copy(update={"live": request.live.model_copy(update={"levers": asked})})
    return JamEnd(request=request)


class RemotePlayer:
    """A leader somewhere else: sound comes with its place, and levers between it.

    Args:
        frames: what comes.
        sample_rate: in Hz.
        pull: called with a lever and its argument.

    Attributes:
        num_lost: samples that did not come, and are zeros in the stream.
    """

    def __init__(
        self, frames: Iterator[tuple[bytes, bytes]], sample_rate: int, pull: Callable[[str, str], None]
    ) -> None:
        self._rate, self._pull = sample_rate, pull
        self._came: queue.Queue[tuple[bytes, bytes]] = queue.Queue(MAX_WAITING)
        self.num_lost = 0
        threading.Thread(target=self._read, args=(frames,), daemon=True).start()

    def _read(self, frames: Iterator[tuple[bytes, bytes]]) -> None:
        for frame in frames:
            self._came.put(frame)
        self._came.put((END, b""))

    def blocks(self) -> Iterator[FloatArray]:
        """See `LeaderSource.blocks`."""
        given, most = 0, round(MAX_DURATION_S * self._rate)
        began_s: float | None = None
        until, came_s = 0, time.monotonic()  # up to where sound has come, and when
        while given < most:
            letter, content = self._next()
            if letter == END:
                return
            if letter == LEVER:
                self._pull(*json.loads(content))
            if letter == SOUND:
                began_s = began_s or time.monotonic()
                first, samples = _placed(content)
                if first <= (time.monotonic() - began_s + AHEAD_S) * self._rate:
                    stop = min(first + len(samples), most)
                    if first > given and first < most:
                        yield self._lost(first - given)
                        given = first
                    if stop > given >= first:
                        yield samples[given - first : stop - first]
                        given = stop
                    until, came_s = max(given, stop), time.monotonic()
                    continue
            silent_s = time.monotonic() - came_s
            if silent_s > GONE_S:
                return
            missing = min(until + round((silent_s - PATIENCE_S) * self._rate), most) - given
            if until and missing > 0 and self._came.empty():
                yield self._lost(missing)
                given += missing

    def _next(self) -> tuple[bytes, bytes]:
        """The next frame, or an empty one where none comes soon."""
        try:
            return self._came.get(timeout=LOOK_S)
        except queue.Empty:
            return b"", b""

    def _lost(self, num_samples: int) -> FloatArray:
        self.num_lost += num_samples
        return np.zeros(num_samples, np.float32)


class _Jam:
    """One session, and what is told of it."""

    def __init__(self, out: BinaryIO, order: JamOrder, frames: Iterator[tuple[bytes, bytes]]) -> None:
        self._out, self._order = out, order
        self._request = request_of(order)
        self._session = LiveSession(self._request, LocalBand(RenderPlan(request=self._request, leader_sha256="")))
        self._leader = RemotePlayer(frames, order.sample_rate, self._pull)
        self._told_s = 0.0

    def run(self, recording: Path) -> None:
        """Follow the player until the end."""
        check_cost(self._session.warm_up())
        players = tuple(JamPlayer(name=one.name, instrument=one.instrument) for one in self._request.band.followers)
        self._tell(READY, JamReady(horizon_s=self._session.horizon.seconds, players=players))
        run_session(
            self._session, self._leader, self, recording, self._order.sample_rate, self._on_block, self._order.way_s
        )
        end = JamEnd(
            request=self._session.request, facts=facts_of(self._session), samples_sha256=self._session.samples_sha256,
            kept_s=self._session.num_recorded / self._order.sample_rate,
        )  # fmt: skip
        self._tell(END, end)

    def play(self, start_sample: int, sound: FloatArray) -> None:
        """See `BandSink.play`."""
        steps = np.clip(np.round(sound.T * _STEPS), -_STEPS, _STEPS - 1).astype("<i2")
        self._send(SOUND, start_sample.to_bytes(PLACE_BYTES, "little") + steps.tobytes())

    def _pull(self, kind: str, argument: str) -> None:
        try:
            self._session.ask(kind, argument)
        except EnsembleError as error:
            self._tell(REFUSED, refusal_for(error))

    def _on_block(self) -> None:
        if time.monotonic() - self._told_s < NEWS_S:
            return
        self._told_s = time.monotonic()
        session, rate = self._session, self._order.sample_rate
        due = deadlines_of(session, WATCHED_QUANTA)
        news = JamNews(
            seconds=session.num_samples / rate, **dict(session.follower.position),
            levels_db={name: round(level_db, 1) for name, level_db in session.levels_db.items()},
            muted=tuple(sorted(session.follower.muted)), due=due, lost_s=round(self._leader.num_lost / rate, 2),
            stop_reaction_bars=round(session.stops.bars[-1], 2) if session.stops.bars else None,
            hears_band=session.watch.hears_band, clips=session.watch.clips, is_recorded=session.is_recorded,
        )  # fmt: skip
        self._tell(NEWS, news)

    def _tell(self, letter: bytes, told: Any) -> None:
        self._send(letter, told.model_dump_json().encode())

    def _send(self, letter: bytes, content: bytes) -> None:
        self._out.write(framed(letter, content))
        self._out.flush()


def _placed(content: bytes) -> tuple[int, FloatArray]:
    """Where sound begins, and the sound.  [samples]"""
    first = int.from_bytes(content[:PLACE_BYTES], "little")
    return first, np.frombuffer(content, "<i2", offset=PLACE_BYTES).astype(np.float32) / np.float32(_STEPS)


def main() -> None:
    """Follow the player whose order is the first frame that comes."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints is no frame
    frames = frames_in(sys.stdin.buffer)
    order = JamOrder.model_validate_json(next(frames)[1])
    try:
        with one_thread():
            _Jam(out, order, frames).run(Path(sys.argv[1]))
    except EnsembleError as error:
        out.write(framed(REFUSED, refusal_for(error).model_dump_json().encode()))
        out.flush()


if __name__ == "__main__":
    main()

"""A live session from beginning to end, paced and recorded or on a clock that is simulated, and how it went."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ensemble.audio.disk import disk_errors, sound_file
from ensemble.audio.wav_writer import PCM_STEPS, Steps, steps_of
from ensemble.clock import FRAME_RATE_HZ
from ensemble.events import unheard
from ensemble.live.levers import add_levers, begin_levers
from ensemble.manifest import Deadlines, LiveFacts, Manifest
from ensemble.rendering.live import LiveSession, Played
from ensemble.takes import AS_GIVEN
from ensemble.types.music import FloatArray

STOPPED_S, STOPPED_DB = 6, 20.0
"""The band has stopped once it is so much softer; so long it is waited for."""


class LeaderSource(Protocol):
    """Where the leader's sound comes from."""

    def blocks(self) -> Iterable[FloatArray]:
        """Mono sound at the session's rate, block by block as it comes, until the leader has ended.  [samples]"""


class BandSink(Protocol):
    """Where the band's sound goes."""

    def play(self, start_sample: int, sound: FloatArray) -> None:
        """Take what is to sound while the leader plays from that sample on.  [2, samples]"""


def in_steps(block: FloatArray) -> tuple[Steps, FloatArray]:
    """Sound as a 24-bit file holds it: in steps, [samples, 1], and what is read back, [samples]."""
    steps = steps_of(block[None])
    return steps, (steps[:, 0] / np.float32(PCM_STEPS)).astype(np.float32)


def run_session(
    session: LiveSession,
    source: LeaderSource,
    sink: BandSink,
    recording: Path,
    sample_rate: int,
    on_block: Callable[[], None] = unheard,
    way_s: float = 0.0,
) -> None:
    """Play until the source ends; the session's `left_s` tells how soon everything was ready.

    Args:
        session: has heard nothing yet.
        source: of the leader.
        sink: of the band.
        recording: the stream is written into this WAV file while it comes, and beside it the horizon and what is asked
            for meanwhile; see `levers_of`.
        sample_rate: of both.
        on_block: called after every block of the leader.
        way_s: so much sooner than it is due the band's sound has to be there, to come out in step with the leader's.

    Raises:
        OSError: the recording cannot be begun.
    """
    began_s: float | None = None
    num_levers = 0

    def send(played: Iterable[Played]) -> None:
        for one in played:
            due_s = (began_s or 0.0) + one.start_frame / FRAME_RATE_HZ
            session.was_ready(one.start_frame, due_s - way_s - time.perf_counter())
            sink.play(one.start_sample, one.sound)
            session.look_at_band(one)

    with disk_errors(recording):
        file = sound_file(recording, "w", sample_rate, 1, "PCM_24", format="WAV")
    with ExitStack() as stack:
        stack.callback(_kept, recording, file.close)
        session.is_recorded = _kept(recording, begin_levers, levers_of(recording), session.horizon)
        for block in source.blocks():
            if began_s is None:
                began_s = time.perf_counter() - len(block) / sample_rate
            steps, samples = in_steps(block)
            if new := session.levers[num_levers:]:
                num_levers += len(new)
                session.is_recorded = session.is_recorded and _kept(recording, add_levers, levers_of(recording), new)
            session.is_recorded = session.is_recorded and _kept(recording, file.write, steps << 8)
            session.num_recorded += len(samples) * session.is_recorded
            session.look_at(samples)
            send(session.hear(samples))
            on_block()
        send(session.end())


def levers_of(recording: Path) -> Path:
    """The file of what was asked for while this was recorded, as `read_levers` and `horizon_in` read it."""
    return recording.with_suffix(".levers")


def _kept(recording: Path, act: Callable[..., None], *given: Any) -> bool:
    """Write, and say whether that went well; on a full disk the band plays on."""
    with suppress(OSError), disk_errors(recording):
        act(*given)
        return True
    return False


def run_simulated(session: LiveSession, blocks: Iterable[FloatArray], sample_rate: int) -> None:
    """Play as fast as this machine can: each block counts as come when it would have.

    The band is ready when the work on a block and on all before it is done.

    Args:
        session: has heard nothing yet.
        blocks: the leader's sound, in a few hundredths of a second.  [samples]
        sample_rate: of the session.
    """
    ready_s = 0.0
    for block in blocks:
        samples = in_steps(block)[1]
        begun_s = time.perf_counter()
        played = list(session.hear(samples))
        ready_s = max(ready_s, session.num_samples / sample_rate) + time.perf_counter() - begun_s
        for one in played:
            session.was_ready(one.start_frame, one.start_frame / FRAME_RATE_HZ - ready_s)


def stop_reaction_bars(session: LiveSession, sample_rate: int) -> float | None:
    """Let the leader stop at once, and say how many bars later the band is 20 dB down.

    Args:
        session: whose leader was playing until now.
        sample_rate: of it.

    Returns:
        None where the band has not come in, or plays on for six seconds.
    """
    stopped, before = session.num_samples, session.follower.position
    played = [one for _ in range(STOPPED_S) for one in session.hear(np.zeros(sample_rate, np.float32))]
    levels_db = [10 * np.log10(np.square(one.sound).mean() + 1e-12) for one in played]
    usual_db = np.median(levels_db[:2])
    down = (one for one, level_db in zip(played, levels_db, strict=True) if level_db < usual_db - STOPPED_DB)
    first = next(down, None)
    if first is None or not before.bar:
        return None
    return round((first.start_sample - stopped) / sample_rate / before.bar_s, 2)


def deadlines_of(session: LiveSession, last: int | None = None) -> Deadlines:
    """Whether the band was ready in time.

    Args:
        session: that plays, or has ended.
        last: of so many quanta; of all when absent.
    """
    left_s = session.left_s if last is None else session.left_s[-last:]
    left_ms = 1000 * np.array(left_s or [0.0])
    return Deadlines(
        num_quanta=len(left_s),
        late_quanta=int((left_ms < 0).sum()),
        deadline_hit_rate=round(float((left_ms >= 0).mean()), 5),
        horizon_left_p50_ms=round(float(np.percentile(left_ms, 50)), 1),
        horizon_left_p99_ms=round(float(np.percentile(left_ms, 1)), 1),
    )


def facts_of(session: LiveSession, *, is_equal: bool = False, was_timed: bool = True) -> LiveFacts:
    """How a session went.

    Args:
        session: that has ended.
        is_equal: whether its recording gives the same again; see `is_replayed`.
        was_timed: whether the leader's sound came when it was played.
    """
    off_ms = 1000 * np.abs(session.follower.beat_errors_s)
    middle, most = np.round(np.percentile(off_ms, (50, 95)), 1).tolist() if len(off_ms) else (None, None)
    return LiveFacts(
        duration_s=session.num_samples / session.request.sample_rate,
        deadlines=deadlines_of(session) if was_timed else None,
        beat_error_p50_ms=middle,
        beat_error_p95_ms=most,
        stop_reaction_bars=round(float(np.median(session.stops.bars)), 2) if session.stops.bars else None,
        late_stems={name: late for name, late in session.late_stems.items() if late},
        hears_band=session.watch.hears_band,
        clips=session.watch.clips,
        replay_equal=is_equal,
    )


def is_replayed(samples_sha256: dict[str, str], manifest: Manifest) -> bool:
    """Whether the render of a session's recording has the samples in every stem that were played, by their sha256."""
    files = manifest.takes[AS_GIVEN].files
    return samples_sha256 == {name: files[f"stems/{name}.wav"].samples_sha256 for name in samples_sha256}

"""Any band at work, by the clock: when each block was asked for and delivered, and what the driver's thread did."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.files import prepare_leader, read_clip
from ensemble.band import Band
from ensemble.clock import FRAME_RATE_HZ, QUANTUM_FRAMES, Block
from ensemble.conduct.conductor_file import CONDUCTOR
from ensemble.config import BandSettings, FollowerSettings
from ensemble.leaders import leader_path
from ensemble.listen.listener import Listener, at_analysis_rate
from ensemble.perform import Pace, Recorder, perform
from ensemble.plan import RenderPlan
from ensemble.play.voice_file import VOICE
from ensemble.rendering.leader import Lead
from ensemble.threads import one_thread
from ensemble.types.music import AudioClip

RATE = 48_000
BLOCK_S = QUANTUM_FRAMES / FRAME_RATE_HZ
FOLLOWERS = (
    FollowerSettings(name="bass", instrument="electric_bass", role="bass", voice="electric_bass"),
    FollowerSettings(name="rhythm", instrument="nylon_guitar", role="pad", voices=4, voice="nylon_guitar"),
    FollowerSettings(name="drums", instrument="drums", role="drums", voice="drums"),
    FollowerSettings(name="violin", instrument="violin", role="counter", voice="violin"),
    FollowerSettings(name="cello", instrument="cello", role="transform", voice="cello"),
    FollowerSettings(name="flute", instrument="flute", role="double", voice="flute"),
    FollowerSettings(name="trumpet", instrument="trumpet", role="counter", voice="trumpet"),
    FollowerSettings(name="strings", instrument="violin", role="double", voice="violin"),
)
"""Somebody of every role, all on trained voices."""


def leader(seconds: float, *, is_heard: bool = True) -> Lead:
    """So much of the bundled guitar at 48 kHz, over and over; heard once, and known by heart from then on."""
    clip = prepare_leader(read_clip(leader_path()), RATE)
    times = -(-round(seconds * RATE) // clip.num_samples)
    samples = np.tile(clip.samples, times)[:, : round(seconds * RATE)]
    clip = AudioClip(samples=np.ascontiguousarray(samples), sample_rate=RATE)
    if not is_heard:
        return Lead(clip=clip)
    with one_thread():
        return Lead(clip=clip, known=Listener().listen(at_analysis_rate(clip)))


def plan_for(lead: Lead, num_instruments: int) -> RenderPlan:
    """The first so many of `FOLLOWERS`, under the learned conductor."""
    band = BandSettings(name="bench", followers=FOLLOWERS[:num_instruments], conductor="learned")
    digests = {one.name: VOICE.sha256_of(one.voice) for one in band.followers}
    digests["conductor"] = CONDUCTOR.sha256_of(band.conductor)
    weights = {name: digest for name, digest in digests.items() if digest}
    return RenderPlan(
        leader_sha256=lead.clip.digest, sample_rate=RATE, seed=0, band=band, tail_s=0.0, weights_sha256=weights
    )


@dataclass(frozen=True, kw_only=True)
class Played:
    """One performance. latency_s [blocks]: from asking to delivery. submit_s, collect_s, mix_s: CPU of this thread in
    its calls, in all else until the last block was there, and after that. wall_s: of the clock, all of playing.
    """

    latency_s: NDArray[np.float64]
    submit_s: float
    collect_s: float
    mix_s: float
    wall_s: float

    @property
    def num_blocks(self) -> int:
        """Blocks."""
        return len(self.latency_s)


class Deaf:
    """A recorder that keeps nothing."""

    def extend(self, continuations: Sequence[Any]) -> tuple[Any, ...]:
        """Nobody asks for continuations here.

        Raises:
            ValueError: somebody does.
        """
        raise ValueError(f"a plan of the bench goes on in {len(continuations)} ways")

    def standing(self, takes: Sequence[str]) -> None:
        """Nothing was played before."""

    def stem(self, takes: Sequence[str], stem: Any) -> None:
        """Forget it."""

    def acknowledge(self, takes: Sequence[str], dynamics: Any, conducting: Any, playing: dict[str, Any]) -> None:
        """Forget it."""

    def finish(self, take: Any) -> None:
        """Forget it."""


def play(band: Band, lead: Lead, plan: RenderPlan, *, in_flight: int, recorder: Recorder | None = None) -> Played:
    """Play a plan in blocks of 0.2 s, as a render does, and look at the clock."""
    watched = _Watched(band)
    delivered_s: list[float] = []
    thread_s = [time.thread_time()]
    pace = Pace(block_frames=QUANTUM_FRAMES, in_flight=in_flight)

    def note(stage: str, done: int, _total: int) -> None:
        if stage == "play" and done:
            delivered_s.append(time.perf_counter())
            thread_s.append(time.thread_time())

    anyone: Any = watched  # a proxy has the verbs, but not the type
    done = perform(anyone, lead, plan, pace, recorder or Deaf(), note)
    latency_s = np.array(delivered_s) - np.array(watched.asked_s)
    return Played(
        latency_s=latency_s,
        submit_s=watched.submit_s,
        collect_s=thread_s[-1] - thread_s[0] - watched.submit_s,
        mix_s=time.thread_time() - thread_s[-1],
        wall_s=done.seconds["play"],
    )


@dataclass
class _Watched:
    """A band that notes when its conductor is asked, and what asking costs this thread."""

    band: Band
    asked_s: list[float] = field(default_factory=list)
    submit_s: float = 0.0

    def __getattr__(self, verb: str) -> Any:
        return getattr(self.band, verb)

    def conduct(self, heard: Any, num_frames: int, block: Block, state: Any) -> Any:
        """Ask the conductor."""
        self.asked_s.append(time.perf_counter())
        return self._timed(self.band.conduct, heard, num_frames, block, state)

    def play(self, part: str, score: Any, state: Any) -> Any:
        """Ask a player."""
        return self._timed(self.band.play, part, score, state)

    def _timed(self, ask: Any, *inputs: Any) -> Any:
        began_s = time.thread_time()
        promises = ask(*inputs)
        self.submit_s += time.thread_time() - began_s
        return promises


def percentiles_ms(seconds: NDArray[np.floating]) -> tuple[float, float]:
    """The median and the 99th percentile, in ms."""
    p50, p99 = np.percentile(seconds, [50, 99]) * 1e3
    return float(p50), float(p99)

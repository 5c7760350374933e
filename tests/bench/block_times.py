"""Any band at work, by the clock: when each block was asked for, and when all of it was there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.files import prepared_clip, read_clip
from ensemble.band import Band
from ensemble.clock import FRAME_RATE_HZ, QUANTUM_FRAMES
from ensemble.config import BandSettings, FollowerSettings
from ensemble.events import Events
from ensemble.leaders import leader_path
from ensemble.listen.listener import Listener, at_analysis_rate
from ensemble.perform import Pace, perform
from ensemble.plan import RenderPlan, RenderRequest
from ensemble.rendering.request import weights_of
from ensemble.takes import Lead
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
    clip = prepared_clip(read_clip(leader_path()), RATE)
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
    request = RenderRequest(sample_rate=RATE, seed=0, band=band, tail_s=0.0, weights_sha256=weights_of(band))
    return RenderPlan(request=request, leader_sha256=lead.clip.digest)


class Played(NamedTuple):
    """The times of one performance."""

    latency_s: NDArray[np.float64]
    """[blocks]; from asking the conductor for a block to having every stem of it."""
    wall_s: float
    """Of playing all blocks."""

    @property
    def realtime(self) -> float:
        """Seconds of music per second."""
        return len(self.latency_s) * BLOCK_S / self.wall_s


class _KeepsNothing:
    """A recorder that forgets whatever it is given."""

    def begin(self, plan: RenderPlan, arrangements: Any) -> None:
        """Nothing is kept of it."""

    def stem(self, takes: Sequence[str], stem: Any) -> None:
        """Forget it."""

    def acknowledge(self, takes: Sequence[str], dynamics: Any, conducting: Any, playing: dict[str, Any]) -> None:
        """Forget it."""

    def finish(self, take: Any) -> None:
        """Forget it."""


def play(band: Band, lead: Lead, plan: RenderPlan, *, in_flight: int) -> Played:
    """Play a plan in blocks of 0.2 s, as a render does, so many blocks at a time, and look at the clock."""
    watched = _Watched(band)
    delivered_s: list[float] = []

    def note(stage: str, done: int, _total: int) -> None:
        if stage == "play" and done:
            delivered_s.append(time.perf_counter())

    anyone: Any = watched  # a proxy has the verbs, but not the type
    pace = Pace(block_frames=QUANTUM_FRAMES, in_flight=in_flight)
    done = perform(anyone, lead, plan, recorder=_KeepsNothing(), pace=pace, events=Events(progress=note))
    return Played(latency_s=np.array(delivered_s) - np.array(watched.asked_s), wall_s=done.seconds["play"])


class _Watched:
    """A band that notes when its conductor is asked."""

    def __init__(self, band: Band) -> None:
        self._band = band
        self.asked_s: list[float] = []

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._band, verb)

    def conduct(self, *inputs: Any) -> Any:
        """Ask the conductor for the next block."""
        self.asked_s.append(time.perf_counter())
        return self._band.conduct(*inputs)


def percentiles_ms(seconds: NDArray[np.floating]) -> tuple[float, float]:
    """The median and the 99th percentile, in ms."""
    p50, p99 = np.percentile(seconds, [50, 99]) * 1e3
    return float(p50), float(p99)

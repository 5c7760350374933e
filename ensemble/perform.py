"""The pipeline, written once: hear the leader, write the parts, then conduct and play block by block."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ensemble import clock
from ensemble.band import Band, Promise
from ensemble.listen.listener import at_analysis_rate
from ensemble.plan import RenderPlan
from ensemble.types import AudioClip, Dynamics, Heard, Hits, Part, Score, Stem

Stage = Literal["listen", "arrange", "play"]
OnStem = Callable[[Stem], None]
OnProgress = Callable[[Stage, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a performance is paced; it changes the speed and never the sound.

    block_frames: control frames per block. in_flight: blocks asked for before the oldest is waited for.
    deadline_s: how long any one answer may take.
    """

    block_frames: int = 100
    in_flight: int = 2
    deadline_s: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """What was understood, written and predicted; what was played went to `on_stem`."""

    heard: Heard
    parts: tuple[Part | Hits, ...]
    dynamics: Dynamics
    num_frames: int
    seconds: dict[str, float]


def perform(
    band: Band,
    leader: AudioClip,
    plan: RenderPlan,
    pace: Pace,
    on_stem: OnStem,
    on_progress: OnProgress,
    known: Heard | None = None,
) -> Performance:
    """Play one plan with one band.

    Args:
        band: who does the work, in this process or on a cluster.
        leader: the recording to follow, at the plan's rate.
        plan: everything that decides the bytes.
        pace: how the work is cut up.
        on_stem: receives every stem of every block, in order of time, then of the plan's followers.
        on_progress: told the stage and how much of it is done (done, total).
        known: what there is to hear, where the leader plays from a score; otherwise the band listens.

    Raises:
        EnsembleError: an input is refused, or somebody could not answer.
    """
    seconds: dict[str, float] = {}
    num_frames = clock.frames_for(leader.num_samples, plan.sample_rate) + round(plan.tail_s * clock.FRAME_RATE_HZ)

    began = time.perf_counter()
    on_progress("listen", 0, 1)
    heard = band.listen(at_analysis_rate(leader)) if known is None else band.hold(known)
    (heard_value,) = band.collect([heard], _long(leader, pace))
    seconds["listen"] = time.perf_counter() - began

    began = time.perf_counter()
    on_progress("arrange", 0, 1)
    (parts,) = band.collect([band.arrange(heard, num_frames)], _long(leader, pace))
    seconds["arrange"] = time.perf_counter() - began

    began = time.perf_counter()
    dynamics = _play(band, heard, num_frames, plan, pace, on_stem, on_progress)
    seconds["play"] = time.perf_counter() - began
    return Performance(heard=heard_value, parts=parts, dynamics=dynamics, num_frames=num_frames, seconds=seconds)


def _play(
    band: Band,
    heard: Promise[Heard],
    num_frames: int,
    plan: RenderPlan,
    pace: Pace,
    on_stem: OnStem,
    on_progress: OnProgress,
) -> Dynamics:
    """Conduct once per block, let everyone play at once, hand the stems on in order."""
    names = [follower.name for follower in plan.band.followers]
    conducting = band.start_conducting()
    playing = {name: band.start_playing(name) for name in names}
    waiting: deque[tuple[clock.Block, Promise[Score], list[Promise[Stem]]]] = deque()
    predicted: list[Dynamics] = []

    def deliver_oldest() -> None:
        block, score, stems = waiting.popleft()
        predicted.append(band.collect([score], pace.deadline_s)[0].dynamics)
        for stem in band.collect(stems, pace.deadline_s):
            on_stem(stem)
        on_progress("play", block.stop_frame, num_frames)

    for block in clock.blocks(num_frames, pace.block_frames):
        score, conducting = band.conduct(heard, num_frames, block, conducting)
        stems = []
        for name in names:
            stem, playing[name] = band.play(name, score, playing[name])
            stems.append(stem)
        waiting.append((block, score, stems))
        if len(waiting) >= pace.in_flight:
            deliver_oldest()
    while waiting:
        deliver_oldest()
    return _joined(predicted)


def _joined(blocks: list[Dynamics]) -> Dynamics:
    return Dynamics(
        start_frame=0,
        parts=blocks[0].parts,
        loudness_db=np.concatenate([block.loudness_db for block in blocks], axis=1),
        low_db=np.concatenate([block.low_db for block in blocks], axis=1),
        high_db=np.concatenate([block.high_db for block in blocks], axis=1),
    )


def _long(leader: AudioClip, pace: Pace) -> float:
    """The deadline of a stage that works on the whole leader at once."""
    return pace.deadline_s + 2.0 * leader.duration_s

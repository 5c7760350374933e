"""The pipeline, written once: hear the leader, find how it goes on, write the parts, conduct and play block by block.

All takes begin with the same leader. What they share is conducted and played once; where they part, every player's
state is forked, and each take goes on from there.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from ensemble import clock, events
from ensemble.band import Band, Promise
from ensemble.listen.listener import at_analysis_rate
from ensemble.listen.overrides import with_overrides
from ensemble.plan import RenderPlan
from ensemble.rendering.checkpoint import ResumeState
from ensemble.rendering.leader import Lead
from ensemble.takes import AS_GIVEN, ExtendedLead, Take, heard_on
from ensemble.types.continuation import Continuation, ContinuationQuery
from ensemble.types.music import AudioClip, ConductorState, Dynamics, Heard, Hits, Part, PlayerState, Score, Stem

Stage = Literal["listen", "retrieve", "arrange", "play"]
OnProgress = Callable[[Stage, int, int], None]
TAIL_S = 12.0
"""Of the leader, that a retriever gets as it is kept: what it joins to, and all that it may cut off."""
LOOKING_S = 600.0
"""The store may have to be filled first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a performance is paced; it changes the speed and never the sound.

    block_frames: control frames per block. in_flight: blocks asked for before the oldest is waited for.
    deadline_s: how long any one answer may take.
    """

    block_frames: int = 50
    in_flight: int = 2
    deadline_s: float = 120.0


class Recorder(Protocol):
    """Keeps a performance as it happens."""

    def extend(self, continuations: Sequence[Continuation]) -> tuple[ExtendedLead, ...]:
        """Keep the leaders that go on; what the band follows is what their files hold."""

    def standing(self, takes: Sequence[str]) -> ResumeState | None:
        """How far these takes were played together before, where a render is taken up again."""

    def stem(self, takes: Sequence[str], stem: Stem) -> None:
        """Every stem of every block, in order of time, then of the plan's followers; of all takes that share it."""

    def acknowledge(
        self, takes: Sequence[str], dynamics: Dynamics, conducting: bytes, playing: dict[str, bytes]
    ) -> None:
        """All stems of a block were given: what was predicted for it, and where everybody stands then, as messages."""

    def finish(self, take: Take) -> None:
        """The take's last stem was given; the next take may still be playing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """What came of it. takes: the leader as given first. shared_frames: that all takes begin with."""

    takes: tuple[Take, ...]
    shared_frames: int
    seconds: dict[str, float]


def perform(
    band: Band, lead: Lead, plan: RenderPlan, pace: Pace, recorder: Recorder, on_progress: OnProgress
) -> Performance:
    """Play one plan with one band.

    Args:
        band: who does the work, in this process or on a cluster.
        lead: the recording to follow, at the plan's rate; where it plays from a score, what there is to hear in it;
            and where it was extended before, how it went on.
        plan: everything that decides the bytes.
        pace: how the work is cut up.
        recorder: receives the leaders that go on, and every stem.
        on_progress: told the stage and how much of it is done (done, total).

    Raises:
        EnsembleError: an input is refused, or somebody could not answer.
    """
    seconds: dict[str, float] = {}
    with _timed(seconds, "listen"):
        on_progress("listen", 0, 1)
        clip = at_analysis_rate(lead.clip)
        asked = band.listen(clip) if lead.known is None else band.hold(lead.known)
        (heard,) = band.collect([asked], _long(lead.clip.duration_s, pace))
        if not plan.overrides.is_empty:
            heard = with_overrides(heard, plan.overrides)
            asked = band.hold(heard)
    extended = lead.extended
    if plan.extension is not None and not extended:
        with _timed(seconds, "retrieve"):
            on_progress("retrieve", 0, 1)
            (found,) = band.collect([band.retrieve(asked, _wish(lead, clip, plan))], pace.deadline_s + LOOKING_S)
            extended = recorder.extend(found)
    del clip  # half an hour is large
    with _timed(seconds, "listen"):
        windows = [band.listen(one.window) for one in extended]
        heards = [heard]
        long_s = _long(sum((one.window.duration_s for one in extended), lead.clip.duration_s), pace)
        found_on = band.collect(windows, long_s)
        for one, window in zip(extended, found_on, strict=True):
            heards.append(heard_on(heard, one, window))
    with _timed(seconds, "arrange"):
        on_progress("arrange", 0, 1)
        samples = [lead.clip.num_samples, *(one.num_samples for one in extended)]
        named = zip([AS_GIVEN, *(one.name for one in extended)], heards, samples, strict=True)
        leading = [
            _Leading(name, asked if value is heard else band.hold(value), value, _num_frames(length, plan))
            for name, value, length in named
        ]
        long_s = _long(sum(one.num_frames for one in leading) / clock.FRAME_RATE_HZ, pace)
        written = band.collect([band.arrange(one.heard, one.num_frames) for one in leading], long_s)
        fork = band.fork([(one.heard, one.num_frames) for one in leading])
        (shared_frames,) = band.collect([fork], long_s)
    with _timed(seconds, "play"):
        takes = _play(band, leading, written, shared_frames, plan, pace, recorder, on_progress)
    return Performance(takes=takes, shared_frames=shared_frames, seconds=seconds)


class _Leading(NamedTuple):
    """Whom one take follows."""

    name: str
    heard: Promise[Heard]
    value: Heard
    num_frames: int


class _States(NamedTuple):
    """Where everybody stands: a value, so that it can be forked."""

    conducting: Promise[ConductorState]
    playing: dict[str, Promise[PlayerState]]


class _Asked(NamedTuple):
    """One block that was asked for, and the states after it."""

    takes: tuple[str, ...]
    block: clock.Block
    score: Promise[Score]
    stems: list[Promise[Stem]]
    after: _States


def _play(
    band: Band,
    leading: Sequence[_Leading],
    written: Sequence[tuple[Part | Hits, ...]],
    shared_frames: int,
    plan: RenderPlan,
    pace: Pace,
    recorder: Recorder,
    on_progress: OnProgress,
) -> tuple[Take, ...]:
    """Conduct once per block, let everyone play at once, hand the stems on in order; the first take ends first."""
    names = [follower.name for follower in plan.band.followers]
    everyone = tuple(one.name for one in leading)
    predicted: dict[str, list[Dynamics]] = {name: [] for name in everyone}
    reached = dict.fromkeys(everyone, 0)
    takes: list[Take] = []
    waiting: deque[_Asked] = deque()
    common = shared_frames if len(leading) > 1 else 0
    total = common + sum(one.num_frames - common for one in leading)
    done = 0

    def deliver_oldest() -> None:
        asked = waiting.popleft()
        dynamics = band.collect([asked.score], pace.deadline_s)[0].dynamics
        for stem in band.collect(asked.stems, pace.deadline_s):
            recorder.stem(asked.takes, stem)
        after: list[Promise[Any]] = [asked.after.conducting, *asked.after.playing.values()]
        conducting, *playing = band.messages(after, pace.deadline_s)
        recorder.acknowledge(asked.takes, dynamics, conducting, dict(zip(names, playing, strict=True)))
        count(asked.takes, [dynamics], asked.block.num_frames)

    def count(shared_by: tuple[str, ...], dynamics: Sequence[Dynamics], num_frames: int) -> None:
        nonlocal done
        for take in shared_by:
            predicted[take] += dynamics
            reached[take] += num_frames
        done += num_frames
        on_progress("play", done, total)
        while len(takes) < len(leading) and reached[everyone[len(takes)]] == leading[len(takes)].num_frames:
            finish(leading[len(takes)], written[len(takes)])

    def deliver_all() -> None:
        while waiting:
            deliver_oldest()

    def finish(one: _Leading, parts: tuple[Part | Hits, ...]) -> None:
        dynamics = _joined(predicted[one.name])
        take = Take(name=one.name, heard=one.value, parts=parts, dynamics=dynamics, num_frames=one.num_frames)
        takes.append(take)
        recorder.finish(take)

    def go_on(one: _Leading, shared_by: tuple[str, ...], states: _States, start: int, stop: int) -> _States:
        if start < stop and (kept := recorder.standing(shared_by)):
            deliver_all()
            count(shared_by, kept.dynamics, kept.stop_frame - start)
            start = kept.stop_frame
            states = _States(band.hold(kept.conducting), {name: band.hold(kept.playing[name]) for name in names})
        for block in clock.blocks(one.num_frames, pace.block_frames, start, stop):
            events.set_position(shared_by, block.start_frame, block.num_frames)
            score, conducting = band.conduct(one.heard, one.num_frames, block, states.conducting)
            played = {name: band.play(name, score, states.playing[name]) for name in names}
            states = _States(conducting, {name: after for name, (_, after) in played.items()})
            waiting.append(_Asked(shared_by, block, score, [stem for stem, _ in played.values()], states))
            if len(waiting) >= pace.in_flight:
                deliver_oldest()
        return states

    start = _States(band.start_conducting(), {name: band.start_playing(name) for name in names})
    forked = go_on(leading[0], everyone, start, 0, common)
    for one in leading:
        go_on(one, (one.name,), forked, common, one.num_frames)
    events.set_position()
    deliver_all()
    return tuple(takes)


def _joined(blocks: Sequence[Dynamics]) -> Dynamics:
    return Dynamics(
        start_frame=0,
        parts=blocks[0].parts,
        loudness_db=np.concatenate([block.loudness_db for block in blocks], axis=1),
        low_db=np.concatenate([block.low_db for block in blocks], axis=1),
        high_db=np.concatenate([block.high_db for block in blocks], axis=1),
    )


def _wish(lead: Lead, clip: AudioClip, plan: RenderPlan) -> ContinuationQuery:
    if plan.extension is None:
        raise ValueError("no extension is planned")
    start = max(0, lead.clip.num_samples - round(TAIL_S * plan.sample_rate))
    return ContinuationQuery(
        leader=clip,
        tail=lead.clip.span(start, lead.clip.num_samples),
        tail_start_sample=start,
        extend_s=plan.extension.extend_s,
        top_k=plan.extension.top_k,
        source_sha256=lead.source_sha256,
    )


def _num_frames(num_samples: int, plan: RenderPlan) -> int:
    """Of a whole take: the leader's, and the band's ringing after its end."""
    return clock.frames_for(num_samples, plan.sample_rate) + round(plan.tail_s * clock.FRAME_RATE_HZ)


def _long(duration_s: float, pace: Pace) -> float:
    """The deadline of a stage that works on so much music at once."""
    return pace.deadline_s + 2.0 * duration_s


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - began

"""The pipeline of a render: listen to the leader, find continuations, write the parts, conduct and play block by block.

All takes begin alike. What they share is conducted and played once; then every take goes on from a copy of the
conductor's and the players' states.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from ensemble import clock
from ensemble.band import Band, Promise
from ensemble.conduct.ending import tail_s
from ensemble.conduct.fork import fork_frame
from ensemble.conduct.given import clashes, laid
from ensemble.conduct.intro import intro_frames, with_intro
from ensemble.conduct.models import stand_ins
from ensemble.events import Events, set_position
from ensemble.listen.extended import heard_on
from ensemble.listen.listener import at_analysis_rate
from ensemble.listen.overrides import Overrides, with_overrides
from ensemble.live.resampling import resampled_soon
from ensemble.live.settings import LiveSettings
from ensemble.plan import RenderPlan
from ensemble.takes import AS_GIVEN, Lead, ResumeState, Take, as_recorded, delayed, extend, segment_name
from ensemble.types.continuation import ContinuationQuery
from ensemble.types.music import Arrangement, AudioClip, ConductorState, Dynamics, Heard, PlayerState, Score, Stem

TAIL_S = 12.0
"""Seconds at the leader's end that a retriever gets at the rate of the render: the join lies somewhere within them."""
RETRIEVE_S = 600.0
"""Seconds that a search may take beyond the usual deadline, since the store may have to be filled first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How the work is divided and how long it is waited for; this never changes the sound."""

    block_frames: int = 50
    """Control frames per block."""
    in_flight: int = 2
    """Number of blocks that are requested before the oldest is waited for."""
    deadline_s: float = 120.0
    """How long any one answer may take, in seconds."""


class Recorder(Protocol):
    """Receives a performance as it happens, and returns nothing to it."""

    def begin(self, plan: RenderPlan, arrangements: Mapping[str, Arrangement]) -> None:
        """Called before the first block, with the plan (continuations chosen) and the arrangement of every take."""

    def stem(self, takes: Sequence[str], stem: Stem) -> None:
        """Called for every stem, by time, then in the order of the followers, with the takes that it belongs to."""

    def acknowledge(
        self, takes: Sequence[str], dynamics: Dynamics, conducting: bytes, playing: dict[str, bytes]
    ) -> None:
        """Called after all stems of a block, with its dynamics and the states after it as messages."""

    def finish(self, take: Take) -> None:
        """Called after the last stem of a take; the next take may still be playing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """The result of `perform`; the sound went to the recorder."""

    plan: RenderPlan
    """The plan, with the continuations that were found."""
    takes: tuple[Take, ...]
    """Every take; the first one follows the leader as given."""
    shared_frames: int
    """Number of control frames that all takes begin with."""
    seconds: dict[str, float]
    """Wall time per stage."""


def perform(
    band: Band,
    lead: Lead,
    plan: RenderPlan,
    *,
    recorder: Recorder,
    pace: Pace | None = None,
    events: Events | None = None,
    reached: Mapping[str, ResumeState] | None = None,
) -> Performance:
    """Play one plan with one band.

    Args:
        band: does the work, in this process or on a cluster.
        lead: the leader at the plan's rate.
        plan: everything that decides the bytes.
        recorder: receives every stem.
        pace: how the work is divided.
        events: receives the stage (listen, retrieve, arrange, play) and how much of it is done.
        reached: where an earlier process stopped, by segment; see `segment_name`.

    Raises:
        EnsembleError: an input is refused, or a worker failed or answered too late.
        OSError: the disk is full.
    """
    return _Performing(band, lead, plan, pace or Pace(), events or Events(), reached or {}).run(recorder)


def arrange_takes(band: Band, lead: Lead, plan: RenderPlan) -> dict[str, tuple[Heard, Arrangement]]:
    """What is heard of every take's leader, and what the band would play along with it, by the take's name.

    Args:
        band: does the work.
        lead: the leader with the continuations of the plan.
        plan: of a finished render.

    Raises:
        EnsembleError: an input is refused.
    """
    following = _Performing(band, lead, plan, Pace(), Events(), {}).arranged()
    return {one.name: (one.heard, one.arrangement) for one in following}


class _Following(NamedTuple):
    """One take: what was heard of its leader, and what is played along with it."""

    name: str
    heard: Heard
    promise: Promise[Arrangement]
    """The arrangement, as the band holds it."""
    arrangement: Arrangement


class _States(NamedTuple):
    """The conductor's and every player's state between two blocks: values, so several takes can go on from them."""

    conducting: Promise[ConductorState]
    playing: dict[str, Promise[PlayerState]]


class _PendingBlock(NamedTuple):
    """One block that the band was asked for, and the states after it."""

    takes: tuple[str, ...]
    block: clock.Block
    score: Promise[Score]
    stems: list[Promise[Stem]]
    after: _States


class _Performing:
    """One call of `perform`."""

    def __init__(
        self, band: Band, lead: Lead, plan: RenderPlan, pace: Pace, events: Events, reached: Mapping[str, ResumeState]
    ) -> None:
        self._band, self._lead, self._plan = band, lead, plan
        self._pace, self._events, self._reached = pace, events, reached
        self._parts = [follower.name for follower in plan.request.band.followers]
        self._seconds: dict[str, float] = {}
        self._following: Sequence[_Following] = ()
        self._waiting: deque[_PendingBlock] = deque()
        self._predicted: dict[str, list[Dynamics]] = {}
        self._delivered: dict[str, int] = {}
        self._done = self._total = 0
        self._takes: list[Take] = []

    def arranged(self) -> list[_Following]:
        """Listen, find continuations, and write the parts of every take."""
        if self._plan.request.live is not None:
            with self._stage("listen"):
                return [self._followed(self._plan.request.live)]
        with self._stage("listen"):
            clip = at_analysis_rate(as_recorded(self._lead.clip, self._plan.intro_frames))
            heard = self._listen(clip)
            (value,) = self._band.collect([heard], self._deadline_s(self._lead.clip.duration_s))
            doubts = self._lead.doubts + value.diagnostics + stand_ins(self._plan.request.band)
            value = replace(value, diagnostics=doubts)
            if self._plan.request.band.intro is not None:
                value = self._led_in(value)
                clip, heard = at_analysis_rate(self._lead.clip), self._band.hold(value)
        if self._plan.must_retrieve and not self._lead.extended:
            with self._stage("retrieve"):
                self._retrieve(heard, clip)
        del clip  # half an hour is large
        with self._stage("listen"):
            heards = [(AS_GIVEN, heard, value), *self._listen_on(value)]
        with self._stage("arrange"):
            return self._arrange(heards)

    def run(self, recorder: Recorder) -> Performance:
        """Run every stage in turn."""
        self._recorder = recorder
        following = self.arranged()
        arrangements = {one.name: one.arrangement for one in following}
        shared_frames = fork_frame([*arrangements.values()])
        self._events.arranged(self._plan, {one.name: (one.heard, one.arrangement) for one in following})
        self._recorder.begin(self._plan, arrangements)
        with self._stage("play"):
            self._play(following, shared_frames)
        return Performance(
            plan=self._plan, takes=tuple(self._takes), shared_frames=shared_frames, seconds=self._seconds
        )

    def _led_in(self, heard: Heard) -> Heard:
        """Put the band's intro before the leader, in its file and in the plan, too, unless that was done before."""
        band, num_frames = self._plan.request.band, self._plan.intro_frames
        if num_frames is None:
            num_frames = intro_frames(heard, band)
            self._lead = delayed(self._lead, num_frames)
            decided = {"intro_frames": num_frames, "leader_sha256": self._lead.clip.digest}
            self._plan = self._plan.model_copy(update=decided)
        return with_intro(heard, band, num_frames)

    def _followed(self, live: LiveSettings) -> _Following:
        """What was heard and written while the leader was still playing."""
        request, leader = self._plan.request, self._lead.clip
        num_frames = clock.frames_for(leader.num_samples, request.sample_rate) + request.live_tail_frames
        asked = self._band.follow(at_analysis_rate(leader, resampled_soon), num_frames, request.overrides, live)
        deadline_s = self._deadline_s(leader.duration_s)
        (heard,), (arrangement,) = self._band.collect(asked[:1], deadline_s), self._band.collect(asked[1:], deadline_s)
        heard = replace(heard, diagnostics=heard.diagnostics + stand_ins(request.band))
        return _Following(AS_GIVEN, heard, asked[1], arrangement)

    def _listen(self, clip: AudioClip) -> Promise[Heard]:
        overrides = self._plan.request.overrides
        if self._lead.known is None:
            return self._band.listen(clip, overrides)
        return self._band.hold(with_overrides(self._lead.known, overrides))

    def _retrieve(self, heard: Promise[Heard], clip: AudioClip) -> None:
        """Find continuations, write the leader with each of them, and enter them into the plan."""
        found = self._band.retrieve(heard, self._query(clip))
        (continuations,) = self._band.collect([found], self._pace.deadline_s + RETRIEVE_S)
        extended = [extend(self._lead, number, one) for number, one in enumerate(continuations, 1)]
        self._lead = replace(self._lead, extended=tuple(lead for lead, _ in extended))
        self._plan = self._plan.model_copy(update={"continuations": tuple(planned for _, planned in extended)})

    def _query(self, clip: AudioClip) -> ContinuationQuery:
        extension, whole = self._plan.request.extension, self._lead.clip
        if extension is None:
            raise ValueError("the plan asks for no extension")
        start = max(0, whole.num_samples - round(TAIL_S * whole.sample_rate))
        return ContinuationQuery(
            leader=clip,
            tail=whole.span(start, whole.num_samples),
            tail_start_sample=start,
            extend_s=extension.extend_s,
            top_k=extension.top_k,
            another=extension.another,
            source_sha256=self._lead.source_sha256,
        )

    def _listen_on(self, heard: Heard) -> Iterator[tuple[str, Promise[Heard], Heard]]:
        """Listen to the new sound of every extended leader, and join it to what was heard of the leader as given."""
        extended = self._lead.extended
        windows = [self._band.listen(one.window, Overrides()) for one in extended]
        deadline_s = self._deadline_s(sum((one.window.duration_s for one in extended), self._lead.clip.duration_s))
        for one, window in zip(extended, self._band.collect(windows, deadline_s), strict=True):
            value = heard_on(
                heard, window, one.beats_s, begin_frame=one.begin_frame, window_start_frame=one.window_start_frame
            )
            yield one.name, self._band.hold(value), value

    def _arrange(self, heards: Sequence[tuple[str, Promise[Heard], Heard]]) -> list[_Following]:
        """Write the parts of every take, for the length of its leader and the tail after it."""
        request = self._plan.request
        num_samples = [self._lead.clip.num_samples, *(one.num_samples for one in self._lead.extended)]
        num_frames = [
            clock.frames_for(length, request.sample_rate)
            + round(tail_s(request.band, value, request.tail_s) * clock.FRAME_RATE_HZ)
            for length, (_, _, value) in zip(num_samples, heards, strict=True)
        ]
        promises = [self._band.arrange(heard, frames) for (_, heard, _), frames in zip(heards, num_frames, strict=True)]
        written = self._band.collect(promises, self._deadline_s(sum(num_frames) / clock.FRAME_RATE_HZ))
        following = [
            _Following(name, value, promise, arrangement)
            for (name, _, value), promise, arrangement in zip(heards, promises, written, strict=True)
        ]
        return [self._with_given(one) for one in following] if self._lead.given else following

    def _with_given(self, one: _Following) -> _Following:
        """The same with the parts that are given, and a warning where they do not fit."""
        given, request = self._lead.given, self._plan.request
        arrangement = laid(one.arrangement, given, one.name, one.heard, request.band)
        doubts = one.heard.diagnostics + clashes(arrangement, one.heard, given)
        heard = replace(one.heard, diagnostics=doubts)
        return _Following(one.name, heard, self._band.hold(arrangement), arrangement)

    def _play(self, following: Sequence[_Following], shared_frames: int) -> None:
        """Play what all takes share, then the rest of each from a copy of the states; the first take ends first."""
        all_takes = tuple(one.name for one in following)
        common = shared_frames if len(following) > 1 else 0
        self._following = following
        self._predicted, self._delivered = {name: [] for name in all_takes}, dict.fromkeys(all_takes, 0)
        self._total = common + sum(_settled_frames(one) - common for one in following)
        start = _States(self._band.start_conducting(), {name: self._band.start_playing(name) for name in self._parts})
        forked = self._play_segment(following[0], all_takes, start, 0, common)
        for one in following:
            self._play_segment(one, (one.name,), forked, common, _settled_frames(one))
        set_position()
        self._deliver_all()

    def _play_segment(self, one: _Following, takes: tuple[str, ...], states: _States, start: int, stop: int) -> _States:
        """Conduct and play the blocks from `start` to `stop`, all players at once; the recorder gets stems in order."""
        if start < stop and (kept := self._reached.get(segment_name(takes))):
            self._deliver_all()
            self._count(takes, kept.dynamics, kept.stop_frame - start)
            start, hold = kept.stop_frame, self._band.hold
            states = _States(hold(kept.conducting), {name: hold(kept.playing[name]) for name in self._parts})
        for block in clock.blocks(one.arrangement.num_frames, self._pace.block_frames, start, stop):
            set_position(takes, block.start_frame, block.num_frames)
            score, conducting = self._band.conduct(one.promise, block, states.conducting)
            played = {name: self._band.play(name, score, states.playing[name]) for name in self._parts}
            states = _States(conducting, {name: after for name, (_, after) in played.items()})
            self._waiting.append(_PendingBlock(takes, block, score, [stem for stem, _ in played.values()], states))
            if len(self._waiting) >= self._pace.in_flight:
                self._deliver_oldest()
        return states

    def _deliver_all(self) -> None:
        while self._waiting:
            self._deliver_oldest()

    def _deliver_oldest(self) -> None:
        oldest = self._waiting.popleft()
        dynamics = self._band.collect([oldest.score], self._pace.deadline_s)[0].dynamics
        for stem in self._band.collect(oldest.stems, self._pace.deadline_s):
            self._recorder.stem(oldest.takes, stem)
        after: list[Promise[Any]] = [oldest.after.conducting, *oldest.after.playing.values()]
        conducting, *playing = self._band.messages(after, self._pace.deadline_s)
        self._recorder.acknowledge(oldest.takes, dynamics, conducting, dict(zip(self._parts, playing, strict=True)))
        self._count(oldest.takes, [dynamics], oldest.block.num_frames)

    def _count(self, takes: tuple[str, ...], dynamics: Sequence[Dynamics], num_frames: int) -> None:
        """Add delivered frames of these takes, and finish every take that is complete, in order."""
        for name in takes:
            self._predicted[name] += dynamics
            self._delivered[name] += num_frames
        self._done += num_frames
        self._events.progress("play", self._done, self._total)
        while len(self._takes) < len(self._following):
            one = self._following[len(self._takes)]
            if self._delivered[one.name] < _settled_frames(one):
                break
            whole = joined(self._predicted[one.name])
            take = Take(name=one.name, heard=one.heard, arrangement=one.arrangement, dynamics=whole)
            self._takes.append(take)
            self._recorder.finish(take)

    def _deadline_s(self, duration_s: float) -> float:
        """How long to wait for a stage that works on `duration_s` of music at once."""
        return self._pace.deadline_s + 2.0 * duration_s

    @contextmanager
    def _stage(self, stage: str) -> Iterator[None]:
        if stage != "play":
            self._events.progress(stage, 0, 1)
        began = time.perf_counter()
        yield
        self._seconds[stage] = self._seconds.get(stage, 0.0) + time.perf_counter() - began


def _settled_frames(one: _Following) -> int:
    """Number of frames of a take that no longer change: its whole length, once its leader has ended."""
    if one.heard.provisional_frames:
        return min(one.heard.final_frames, one.arrangement.committed_frames)
    return one.arrangement.committed_frames


def joined(blocks: Sequence[Dynamics]) -> Dynamics:
    """The dynamics of blocks that follow each other from frame 0 on, as one."""
    return Dynamics(
        start_frame=0,
        parts=blocks[0].parts,
        loudness_db=np.concatenate([block.loudness_db for block in blocks], axis=1),
        low_db=np.concatenate([block.low_db for block in blocks], axis=1),
        high_db=np.concatenate([block.high_db for block in blocks], axis=1),
    )

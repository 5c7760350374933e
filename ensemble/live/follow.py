"""Following a leader who is still playing: from a stream of samples to an arrangement that grows and never changes.

Everything hangs on how many samples have come, and nothing on a clock on the wall: the same stream gives the same
arrangement, while it is played and afterwards.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ, FRAMES_PER_CONDUCTOR_FRAME
from ensemble.conduct.dynamics import LOOK_AHEAD_FRAMES
from ensemble.conduct.models import arranger_of, dynamics_of, performers_of
from ensemble.config import BandSettings
from ensemble.listen.overrides import Overrides
from ensemble.live.clock import BandClock
from ensemble.live.growing import Growing
from ensemble.live.growing_parts import part_for
from ensemble.live.hearing import TICK_FRAMES
from ensemble.live.leader import SETTLED_FRAMES, LiveLeader
from ensemble.live.levers import OF_A_PART, LiveLever
from ensemble.live.places import LivePosition
from ensemble.live.settings import LiveSettings
from ensemble.live.writing import EARLY_BEATS, BeatStroke, Place, Written, around, write_bars
from ensemble.settings.style import STRENGTH, MetreKind
from ensemble.threads import one_thread
from ensemble.types.music import SILENCE_DB, Arrangement, FloatArray, Heard, Hits, Part

CONDUCTED_FRAMES = 800
"""The conductor sees so much of the past."""
TIMES = {"half": 0.5, "double": 2.0}
"""How many beats there are for each of before, by lever."""


class LiveFollower:
    """Follows one stream.

    Args:
        band: the band.
        seed: of the session.
        live: how it follows.
        said: tempo, metre, key and chart, as far as the player says them beforehand.

    Attributes:
        committed_frames: up to where the arrangement no longer changes.

    Raises:
        ConfigError: see `LiveLeader`.
    """

    def __init__(self, band: BandSettings, seed: int, live: LiveSettings, said: Overrides) -> None:
        self._followers, self._band, self._seed, self._live = band.followers, band, seed, live
        self._next_band = band
        self._levers, self._muted = deque(live.levers), set[str]()
        self._model, self._arranger = dynamics_of(band), arranger_of(band)
        self._leader = LiveLeader(live, said, band.style)
        self._places = self._leader.places
        self._has_entered = False
        self._counted = -1
        self._next_beat = 0
        self._written: tuple[tuple[Place, ...], Written] | None = None
        performers = performers_of(band)
        self._parts = [part_for(one, seed, band.humanize, performers.get(one.name)) for one in band.followers]
        self._features: Growing | None = None
        self.committed_frames = 0

    def ask(self, lever: LiveLever) -> None:
        """Take in what the player asks for, between what is asked for later; its frame was not yet heard."""
        insort(self._levers, lever, key=lambda one: one.frame)

    @one_thread()
    def tick(self, samples: FloatArray, *, has_ended: bool = False) -> None:
        """Go on by a tenth of a second, and commit what the band plays a horizon later, in whole quanta.

        Args:
            samples: the next `TICK_SAMPLES`, mono at 16 kHz.
            has_ended: whether the leader has ended before them: the band then plays nothing new.
        """
        while self._levers and self._levers[0].frame < self._leader.heard_frames + TICK_FRAMES:
            self._pull(self._levers.popleft())
        self._leader.tick(samples)
        if (clock := self._leader.clock) is not None:
            if has_ended or self._leader.is_resting(clock):
                self._rest(clock)
            else:
                self._write(clock)
            for part in self._parts:
                part.lay_out(clock, self.committed_frames)
        quantum_frames = self._live.horizon.quantum_frames
        if (stop := self._leader.committed_frames // quantum_frames * quantum_frames) > self.committed_frames:
            self._commit(stop)

    @property
    def position(self) -> LivePosition:
        """Where the music is."""
        return self._leader.position(has_entered=self._has_entered)

    @property
    def muted(self) -> frozenset[str]:
        """The parts that are muted."""
        return frozenset(self._muted)

    @property
    def beat_errors_s(self) -> NDArray[np.float64]:
        """How much later than the leader's every beat of the band that was heard since has come.  [beats]"""
        return self._leader.beat_errors_s

    def arrangement(self, num_frames: int) -> Arrangement:
        """What was played along with a stream that has ended, all `num_frames` of it, with its notes."""
        return self._arrangement([part.whole(num_frames) for part in self._parts], num_frames, 0)

    def committed(self, first_frame: int) -> Arrangement:
        """What is committed so far, from a frame in whole quanta on."""
        stop = self.committed_frames
        return self._arrangement([part.so_far(stop, first_frame) for part in self._parts], stop, first_frame)

    def forget(self) -> None:
        """Let go of the past that no tick asks for: `committed`, `arrangement` and `heard` no longer have it."""
        self._leader.forget()
        for part in self._parts:
            part.forget(self.committed_frames)
        if self._features is not None:
            self._features.forget(self.committed_frames // FRAMES_PER_CONDUCTOR_FRAME)

    def heard(self, num_frames: int) -> Heard:
        """The leader, whose stream was `num_frames` long, as heard while it played."""
        return self._leader.heard(num_frames)

    def _arrangement(self, parts: Sequence[Part | Hits], stop: int, first_frame: int) -> Arrangement:
        first = first_frame // FRAMES_PER_CONDUCTOR_FRAME
        features = np.zeros((0, 0), np.float32) if self._features is None else self._features.rows(first)
        return Arrangement(
            parts=tuple(parts),
            features=features.T,
            leader_db=np.full(stop - first_frame, SILENCE_DB, np.float32),  # who plays the leader's curves rests
            num_frames=stop,
            committed_frames=stop,
            first_frame=first_frame,
            quantum_frames=self._live.horizon.quantum_frames,
        )

    def _pull(self, lever: LiveLever) -> None:
        """Do what is asked for from now on."""
        if lever.kind == "tap":
            self._leader.tap(lever.frame)
        elif lever.kind == "one":
            self._leader.say_one(lever.frame)
        elif lever.kind in TIMES:
            self._leader.change_tempo(lever.frame, TIMES[lever.kind])
        elif lever.kind == "style" and lever.style is not None:
            self._next_band = self._band.model_copy(update={"style": lever.style})
        elif lever.kind in OF_A_PART:
            self._pull_of_part(lever)

    def _pull_of_part(self, lever: LiveLever) -> None:
        self._written = None
        names = {one.name for one in self._followers if lever.part in (None, one.name)}
        if lever.kind == "density":
            self._followers = tuple(
                one.model_copy(update={"density": lever.value}) if one.name in names else one for one in self._followers
            )
        elif lever.kind == "unmute":
            self._muted -= names
        for follower, part in zip(self._followers, self._parts, strict=True):
            if follower.name in names and lever.kind == "gain":
                part.gain_db = lever.value
            elif follower.name in names and lever.kind == "mute":
                self._muted.add(follower.name)
                part.rest(self.committed_frames + SETTLED_FRAMES)

    def _rest(self, clock: BandClock) -> None:
        """Play nothing new, and let go of what sounds."""
        self._next_beat = int(np.ceil(clock.phase))
        for part in self._parts:
            part.rest(clock.frame)

    def _write(self, clock: BandClock) -> None:
        """Write the beats that begin soon."""
        if not self._has_entered:
            self._next_beat = max(int(np.ceil(clock.phase)), 0)
            if self._next_beat < self._live.count_in_beats:
                self._count(self._next_beat)
                return
            if not self._leader.has_listened(clock, self._next_beat) or not self._places.may_enter(self._next_beat):
                return
            self._has_entered = True
        while clock.phase >= self._next_beat - EARLY_BEATS:
            self._places.move(self._next_beat)
            self._write_beat(clock, self._next_beat)
            self._next_beat += 1

    def _count(self, beat: int) -> None:
        """Let the drummer, or who counts, strike every beat up to one before the leader begins."""
        drummer = next((one.name for one in self._followers if one.role == "drums"), None)
        for counted in range(self._counted + 1, beat + 1):
            stroke = BeatStroke(float(counted), "closed_hat", STRENGTH["X"])
            for follower, part in zip(self._followers, self._parts, strict=True):
                if follower.name == drummer:
                    part.plan(Written({}, {drummer: [stroke]}))
        self._counted = max(self._counted, beat)

    def _write_beat(self, clock: BandClock, beat: int) -> None:
        self._places.play(beat)
        position = self._places.position(beat)[0]
        if position == 0 and self._next_band is not self._band:
            style = self._next_band.style
            if style is None or style.patterns_for(MetreKind(self._places.beats_per_bar, self._leader.beat_division)):
                self._band, self._written = self._next_band, None
            self._next_band = self._band
        band = self._band_in(MetreKind(self._places.beats_per_bar, self._leader.beat_division))
        span = around(self._places.beats_per_bar, position)
        places = tuple(self._places.place(beat + offset) for offset in span)
        if position == 0 or self._written is None or self._written[0] != places:
            bars = write_bars(
                beat + span.start, places, self._leader.last_bar(clock), clock.period_frames / FRAME_RATE_HZ,
                self._leader.beat_division, self._followers, band, self._seed, self._arranger,
            )  # fmt: skip
            self._written = places, bars
        written = self._written[1].of(beat)
        if self._places.place(beat).chord != self._places.place(beat - 1).chord:
            for part in self._parts:
                part.lift(clock, beat)
        for follower, part in zip(self._followers, self._parts, strict=True):
            if follower.name not in self._muted:
                part.plan(written)

    def _band_in(self, metre: MetreKind) -> BandSettings:
        """The band; without its style where another metre is heard by now than the style is in."""
        style = self._band.style
        return (
            self._band if style is None or style.patterns_for(metre) else self._band.model_copy(update={"style": None})
        )

    def _commit(self, stop: int) -> None:
        """Shape and conduct up to a frame."""
        start = self.committed_frames
        for part in self._parts:
            part.commit(start, stop)
        features = self._conducted(start, stop).T
        if self._features is None:
            self._features = Growing((0, features.shape[1]))
        self._features.append(features)
        self.committed_frames = stop

    def _conducted(self, start: int, stop: int) -> FloatArray:
        """What the conductor reads from `start` to before `stop`: the leader as heard last, the beat as it will be.

        The leader's rows are as late as `stop` is ahead of what has been heard.  [rows, conductor frames]
        """
        heard = self._leader.heard_last(CONDUCTED_FRAMES, stop, LOOK_AHEAD_FRAMES)
        features = self._model.features(heard, CONDUCTED_FRAMES, stop - self._leader.known_frames)
        return features[:, (start - stop) // FRAMES_PER_CONDUCTOR_FRAME :]

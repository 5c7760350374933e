"""Following a leader who is still playing: from a stream of samples to an arrangement that grows and never changes.

Everything hangs on how many samples have come, and nothing on a clock on the wall: the same stream gives the same
arrangement, while it is played and afterwards.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ensemble.chart.text import parse_chart
from ensemble.clock import FRAME_RATE_HZ, FRAMES_PER_CONDUCTOR_FRAME, QUANTUM_FRAMES
from ensemble.conduct.dynamics import LOOK_AHEAD_FRAMES, QUANTUM_CONDUCTOR_FRAMES
from ensemble.conduct.grid import FALLBACK_TEMPO_BPM
from ensemble.conduct.models import arranger_of, dynamics_of
from ensemble.config import BandSettings
from ensemble.errors import ConfigError
from ensemble.listen.beats import possible_tempi
from ensemble.listen.overrides import Overrides
from ensemble.live.bars import FEWEST_BEATS, metres_for
from ensemble.live.beats import BeatFilter, BeatNow
from ensemble.live.clock import BandClock
from ensemble.live.growing import Growing
from ensemble.live.growing_parts import part_for
from ensemble.live.hearing import TICK_FRAMES, Hearing
from ensemble.live.levers import OF_A_PART, LiveLever, Taps
from ensemble.live.places import LivePosition, Places
from ensemble.live.settings import LiveSettings
from ensemble.live.writing import (
    EARLY_BEATS,
    BeatStroke,
    HeardBar,
    Place,
    Written,
    around,
    hear_bar,
    silent_bar,
    write_bars,
)
from ensemble.settings.style import STRENGTH, MetreKind
from ensemble.threads import one_thread
from ensemble.types.harmony import NO_CHORD
from ensemble.types.music import (
    PRESENT_DB,
    SILENCE_DB,
    Arrangement,
    FloatArray,
    Heard,
    Hits,
    Part,
)
from ensemble.types.names import parse_key

SURE, SURE_TICKS = 0.7, 5
"""The beat is sure once the filter has agreed with itself so much for so many tenths of a second."""
SETTLED_FRAMES = 5
"""The band's clock is so much further than what is played, so that a note may begin a little before its beat."""
DOWNBEAT_FRAMES = 5
"""A downbeat is heard so near to a beat."""
REST_BEATS, REST_FRAMES = 1.0, 30
"""The band rests once the leader has been silent for so many beats and frames."""
TEMPO_TICKS, TEMPO_FRAMES, FEWEST_FRAMES = 5, 800, 190
"""So often the last seconds are asked for their tempo; so many frames of them, once there are so many."""
CONDUCTED_FRAMES = 800
"""The conductor sees so much of the past."""


class LiveFollower:
    """Follows one stream.

    Args:
        band: the band.
        seed: of the session.
        live: how it follows.
        said: tempo, metre, key and chart, as far as the player says them beforehand.

    Attributes:
        committed_frames: up to where the arrangement no longer changes.
    """

    def __init__(self, band: BandSettings, seed: int, live: LiveSettings, said: Overrides) -> None:
        chart = None if said.chart is None else parse_chart(said.chart)
        self._followers, self._band, self._seed, self._live = band.followers, band, seed, live
        self._next_band = band
        self._levers, self._taps, self._muted = deque(live.levers), Taps(), set[str]()
        self._model, self._arranger = dynamics_of(band), arranger_of(band)
        tempo_bpm = said.tempo_bpm or (chart.tempo_bpm if chart else None)
        key = None if said.key is None else parse_key(said.key)
        self._hearing = Hearing()
        self._filter = BeatFilter(tempo_bpm)
        said_metre = chart.metre.beats_per_bar if chart else said.beats_per_bar
        self._places = Places(self._hearing.chords, metres_for(band.style, said_metre), chart, key)
        self._has_entered = False
        self._clock: BandClock | None = None
        self._sure_ticks = 0
        self._counted = -1
        self._counting: tuple[int, float] | None = None
        self._first_sound: int | None = None
        self._last_sound = -(10**9)
        self._heard_beats = self._next_beat = 0
        self._written: tuple[tuple[Place, ...], Written] | None = None
        self._parts = [part_for(one, seed, band.humanize) for one in band.followers]
        self._features: Growing | None = None
        self.committed_frames = 0
        if live.count_in_beats:
            if tempo_bpm is None:
                raise ConfigError("count_in_beats", "needs a tempo", "give the tempo, or a chart that has one")
            self._count_in(60 * FRAME_RATE_HZ / tempo_bpm)

    def _count_in(self, period_frames: float) -> None:
        """Begin the clock before anything is heard; the leader comes in after the last beat that is counted."""
        begins = self._live.horizon_frames + SETTLED_FRAMES
        self._counting = begins + TICK_FRAMES, period_frames
        self._clock = BandClock(BeatNow(begins + TICK_FRAMES, 0.0, period_frames, 1.0), begins)
        self._first_sound = begins + TICK_FRAMES + round(self._live.count_in_beats * period_frames)
        self._last_sound = self._first_sound
        self._places.say_one(self._live.count_in_beats)

    def ask(self, lever: LiveLever) -> None:
        """Take in what the player asks for; its frame is one that was not yet heard, and no earlier than the last."""
        self._levers.append(lever)

    def _pull(self, lever: LiveLever) -> None:
        """Do what is asked for from now on."""
        clock = self._clock
        if lever.kind == "tap":
            if (period_frames := self._taps.tap(lever.frame)) is not None:
                self._filter.say(lever.frame, period_frames)
        elif lever.kind == "style" and lever.style is not None:
            self._next_band = self._band.model_copy(update={"style": lever.style})
        elif lever.kind in OF_A_PART:
            self._pull_of_part(lever)
        elif clock is not None and lever.kind == "one":
            self._places.say_one(round(clock.phase_at(lever.frame)))
        elif clock is not None:
            beat = int(np.floor(clock.phase_at(lever.frame)))
            beat -= self._places.position(beat)[0] % 2  # at half the tempo beats are those that were strong
            share = 2.0 if lever.kind == "half" else 0.5
            self._filter.say(int(clock.frames_of(np.array([float(beat)]))[0]), share * clock.period_frames)

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

    @one_thread()
    def tick(self, samples: FloatArray, *, has_ended: bool = False) -> None:
        """Go on by a tenth of a second, and commit what the band plays `horizon_s` later.

        Args:
            samples: the next `TICK_SAMPLES`, mono at 16 kHz.
            has_ended: whether the leader has ended before them: the band then plays nothing new.
        """
        while self._levers and self._levers[0].frame < (self._hearing.ticks + 1) * TICK_FRAMES:
            self._pull(self._levers.popleft())
        before = self._hearing.soon_frames
        self._hearing.tick(samples)
        new = self._hearing.frames(before, self._hearing.soon_frames)
        self._filter.hear(new.pulse.sum(axis=0), new.onset)
        if self._counting is not None and self._hearing.soon_frames < (self._first_sound or 0):
            self._filter.say(*self._counting)
        if self._hearing.ticks % TEMPO_TICKS == 0 and self._hearing.soon_frames >= FEWEST_FRAMES:
            last = self._hearing.frames(max(self._hearing.soon_frames - TEMPO_FRAMES, 0), self._hearing.soon_frames)
            self._filter.weigh(possible_tempi(last.onset, last.pulse))
        sounding = np.flatnonzero(new.loudness_db > PRESENT_DB)
        if len(sounding):
            self._last_sound = max(self._last_sound, before + int(sounding[-1]))
            self._first_sound = before + int(sounding[0]) if self._first_sound is None else self._first_sound
        committed = self._hearing.ticks * TICK_FRAMES + self._live.horizon_frames
        self._advance(committed + SETTLED_FRAMES)
        if self._clock is not None:
            self._hear_beats(self._clock)
            if has_ended or self._is_resting(self._clock):
                self._rest(self._clock)
            else:
                self._write(self._clock)
            for part in self._parts:
                part.lay_out(self._clock, self.committed_frames)
        while self.committed_frames + QUANTUM_FRAMES <= committed:
            self._commit()

    @property
    def position(self) -> LivePosition:
        """Where the music is."""
        clock = self._clock
        if clock is None:
            return LivePosition(0, 0, 0, 0.0, "", "")
        tempo_bpm = 60 * FRAME_RATE_HZ / clock.period_frames
        if not self._has_entered:
            return LivePosition(0, 0, 0, tempo_bpm, "", "")
        beat = max(int(np.floor(clock.phase_at(self._hearing.ticks * TICK_FRAMES))), 0)
        here, later = self._places.place(beat), self._places.place(beat + self._places.beats_per_bar)
        chord, next_chord = here.chord.spelled(here.key), later.chord.spelled(later.key)
        return LivePosition(here.bar + 1, here.position + 1, self._places.beats_per_bar, tempo_bpm, chord, next_chord)

    def arrangement(self, num_frames: int) -> Arrangement:
        """What was played along with a stream that has ended, all `num_frames` of it, with its notes."""
        return self._arrangement([part.whole(num_frames) for part in self._parts], num_frames, 0)

    def committed(self, first_frame: int) -> Arrangement:
        """What is committed so far, from a frame in whole quanta on."""
        stop = self.committed_frames
        return self._arrangement([part.so_far(stop, first_frame) for part in self._parts], stop, first_frame)

    def _arrangement(self, parts: Sequence[Part | Hits], stop: int, first_frame: int) -> Arrangement:
        features = np.zeros((0, 0), np.float32) if self._features is None else self._features.values
        return Arrangement(
            parts=tuple(parts),
            features=features[first_frame // FRAMES_PER_CONDUCTOR_FRAME :].T,
            leader_db=np.full(stop - first_frame, SILENCE_DB, np.float32),  # who plays the leader's curves rests
            num_frames=stop,
            committed_frames=stop,
            first_frame=first_frame,
        )

    def heard(self, num_frames: int) -> Heard:
        """The leader, whose stream was `num_frames` long, as heard while it played."""
        beats_s = self._clock.beats_s() if self._clock else np.zeros(0)
        beats_s = beats_s[(beats_s >= 0) & (beats_s * FRAME_RATE_HZ < num_frames)]
        seen = [self._places.place(beat) for beat in range(len(beats_s))]
        chords = [*self._places.heard_chords, *(place.chord for place in seen[self._heard_beats :])]
        opening = next((beat for beat, place in enumerate(seen) if place.position == 0), 0)
        return Heard(
            frames=self._hearing.frames(0, num_frames),
            beats_s=beats_s,
            tempo_bpm=60.0 / float(np.median(np.diff(beats_s))) if len(beats_s) > 1 else FALLBACK_TEMPO_BPM,
            beats_per_bar=self._places.beats_per_bar,
            first_downbeat=opening,
            key=self._places.key,
            chords=tuple(chords[: len(seen)]),
            tuning_cents=0.0,
        )

    def _advance(self, frame: int) -> None:
        """Let the clock go on to a frame; it begins once the beat is sure."""
        pulse = self._filter.now()
        if self._clock is not None:
            self._clock.advance(pulse, frame - self._clock.frame)
            return
        is_sure = pulse.sureness >= SURE and self._first_sound is not None
        self._sure_ticks = self._sure_ticks + 1 if is_sure else 0
        if self._sure_ticks >= SURE_TICKS:
            self._clock = BandClock(pulse, frame)

    def _hear_beats(self, clock: BandClock) -> None:
        """Take in the beats that have passed and are heard to their end."""
        known = min(self._hearing.late_frames, self._hearing.chord_frames)
        while clock.phase >= self._heard_beats + 1:
            start, stop = np.rint(clock.frames_of(self._heard_beats + np.arange(2.0))).astype(int).tolist()
            if stop > known:
                break
            if not self._heard_beats:
                self._places.begin(clock.phase_at(self._first_sound or 0))
            around_it = self._hearing.frames(max(start - DOWNBEAT_FRAMES, 0), start + DOWNBEAT_FRAMES)
            self._places.hear_beat(self._said(start, stop), float(around_it.pulse[1].max()))
            self._heard_beats += 1
        start = int(clock.frames_of(np.array([float(self._heard_beats)]))[0])
        self._places.hear_now(self._said(start, known))

    def _said(self, start: int, stop: int) -> FloatArray:
        """The chord probabilities of some frames.  [steps, chords]"""
        share = FRAMES_PER_CONDUCTOR_FRAME
        said: FloatArray = self._hearing.chord_probability.values[-(-start // share) : max(stop, 0) // share]
        return said

    def _is_resting(self, clock: BandClock) -> bool:
        silent = self._hearing.soon_frames - self._last_sound
        return silent > REST_BEATS * clock.period_frames + REST_FRAMES

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
            if not self._has_listened(clock) or not self._places.may_enter(self._next_beat):
                return
            self._has_entered = True
        while clock.phase >= self._next_beat - EARLY_BEATS:
            self._places.move(self._next_beat)
            self._write_beat(clock, self._next_beat)
            self._next_beat += 1

    def _has_listened(self, clock: BandClock) -> bool:
        """Whether the leader has played for long enough, and enough of it was heard on known beats to tell the bars."""
        if self._live.count_in_beats:
            return True
        listened = self._next_beat - clock.phase_at(self._first_sound or 0)
        fewest = min(max(self._live.listen_beats, 1), FEWEST_BEATS)
        return listened >= self._live.listen_beats and self._heard_beats >= fewest

    def _count(self, beat: int) -> None:
        """Let the drummer, or who counts, strike the next beat before the leader begins."""
        if beat == self._counted:
            return
        self._counted = beat
        stroke = BeatStroke(float(beat), "closed_hat", STRENGTH["X"])
        drummer = next((one.name for one in self._followers if one.role == "drums"), None)
        for follower, part in zip(self._followers, self._parts, strict=True):
            if follower.name == drummer:
                part.plan(Written({}, {drummer: [stroke]}))

    def _write_beat(self, clock: BandClock, beat: int) -> None:
        self._places.play(beat)
        position = self._places.position(beat)[0]
        if position == 0 and self._next_band is not self._band:
            style = self._next_band.style
            if style is None or style.patterns_for(MetreKind(self._places.beats_per_bar, 2)):
                self._band, self._written = self._next_band, None
            self._next_band = self._band
        span = around(self._places.beats_per_bar, position)
        places = tuple(self._places.place(beat + offset) for offset in span)
        if position == 0 or self._written is None or self._written[0] != places:
            bars = write_bars(
                beat + span.start, places, self._last_bar(clock), clock.period_frames / FRAME_RATE_HZ,
                self._followers, self._band, self._seed, self._arranger,
            )  # fmt: skip
            self._written = places, bars
        written = self._written[1].of(beat)
        for follower, part in zip(self._followers, self._parts, strict=True):
            if follower.name not in self._muted:
                part.plan(written)

    def _last_bar(self, clock: BandClock) -> HeardBar:
        """The leader's last bar that is heard to its end."""
        beats_per_bar = self._places.beats_per_bar
        first = self._heard_beats - beats_per_bar
        if first < 0:
            return silent_bar(beats_per_bar)
        edges = clock.frames_of(first + np.arange(beats_per_bar + 1.0))
        begin = int(edges[0])
        frames = self._hearing.frames(begin, int(np.ceil(edges[-1])))
        positions = [self._places.position(beat)[0] for beat in range(first, self._heard_beats)]
        if sorted(positions) != list(range(beats_per_bar)):  # bars have moved
            positions = list(range(beats_per_bar))
        return hear_bar(frames, (edges - begin) / FRAME_RATE_HZ, positions)

    def _commit(self) -> None:
        """Shape and conduct one more quantum."""
        start, stop = self.committed_frames, self.committed_frames + QUANTUM_FRAMES
        for part in self._parts:
            part.commit(start)
        features = self._conducted(stop).T
        if self._features is None:
            self._features = Growing((0, features.shape[1]))
        self._features.append(features)
        self.committed_frames = stop

    def _conducted(self, stop: int) -> FloatArray:
        """What the conductor reads for the quantum before `stop`: the leader as heard last, the beat as it will be.

        The leader's rows are as late as the quantum is ahead of what has been heard.  [rows, QUANTUM_CONDUCTOR_FRAMES]
        """
        frames = self._hearing.last_frames(CONDUCTED_FRAMES + LOOK_AHEAD_FRAMES)
        begin_s = (stop - CONDUCTED_FRAMES) / FRAME_RATE_HZ
        beats_s = np.zeros(0) if self._clock is None else self._clock.beats_s() - begin_s
        first = int(np.searchsorted(beats_s, 0.0))
        beats_s = beats_s[first:]
        opening = next((at for at in range(len(beats_s)) if self._places.position(first + at)[0] == 0), 0)
        heard = Heard(
            frames=frames, beats_s=beats_s, tempo_bpm=FALLBACK_TEMPO_BPM, beats_per_bar=self._places.beats_per_bar,
            first_downbeat=opening, key=self._places.key, chords=(NO_CHORD,) * len(beats_s), tuning_cents=0.0,
        )  # fmt: skip
        if self._clock is not None:
            heard = replace(heard, tempo_bpm=60.0 * FRAME_RATE_HZ / self._clock.period_frames)
        features = self._model.features(heard, CONDUCTED_FRAMES)
        return features[:, -QUANTUM_CONDUCTOR_FRAMES:]

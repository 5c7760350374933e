"""The leader while still playing: what is heard, where the beat is, and on which beats of the band's clock it was."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ensemble.chart.text import parse_chart
from ensemble.clock import FRAME_RATE_HZ, FRAMES_PER_CONDUCTOR_FRAME
from ensemble.conduct.grid import FALLBACK_TEMPO_BPM
from ensemble.errors import ConfigError
from ensemble.listen.beats import possible_pulses
from ensemble.listen.overrides import Overrides
from ensemble.live.bars import FEWEST_BEATS, metres_for
from ensemble.live.beats import BeatFilter, BeatNow
from ensemble.live.clock import BandClock
from ensemble.live.hearing import TICK_FRAMES, Hearing
from ensemble.live.levers import Taps
from ensemble.live.places import LivePosition, Places
from ensemble.live.settings import LiveSettings
from ensemble.live.writing import HeardBar, hear_bar, silent_bar
from ensemble.settings.style import Style
from ensemble.types.harmony import NO_CHORD
from ensemble.types.music import PRESENT_DB, FloatArray, Heard
from ensemble.types.names import parse_key

SURE, SURE_BEATS = 0.85, 2
"""The beat is sure once the filter has agreed with itself so much at its surest moment of each of the last beats: what
sounds between two beats brings doubt, which the next beat takes away."""
SETTLED_FRAMES = 5
"""The band's clock is so much further than what is played, so that a note may begin a little before its beat."""
DOWNBEAT_FRAMES = 5
"""A downbeat is heard so near to a beat."""
CHORD_LATE_FRAMES = 12
"""The listener says another chord so much after it began: heard again so much later, a beat has its own."""
CHECKED_FRAMES = 10
"""A beat is heard for certain once so many frames have followed it."""
REST_BEATS, REST_FRAMES = 1.0, 30
"""The band rests once the leader has been silent for so many beats and frames."""
TEMPO_TICKS, TEMPO_FRAMES, FEWEST_FRAMES = 5, 800, 190
"""So often the last seconds are asked for their beat; so many frames of them, once there are so many."""
KEPT_FRAMES, KEPT_BEATS = 1000, 64
"""Nothing asks for more of the past, and nothing for more of it in beats."""


def first_frame_counted(live: LiveSettings, period_frames: float) -> int:
    """The frame at which a leader who is counted in begins, by the length of a beat."""
    before = live.horizon.frames(period_frames) + SETTLED_FRAMES + TICK_FRAMES
    return before + round(live.count_in_beats * period_frames)


class LiveLeader:
    """Hears one stream.

    Args:
        live: how it is followed.
        said: tempo, metre, key and chart, as far as the player says them beforehand.
        style: of the band, which plays in some metres only.

    Attributes:
        places: every beat's bar and chord.
        beat_division: equal parts of a beat: 3 in compound metres.
        clock: of the band; None until the beat is sure.
        heard_beats: how many of its beats are heard to their end.
        committed_frames: up to where the band has to know what it plays.

    Raises:
        ConfigError: the band is to count in without a tempo, or plays in none of the possible metres.
    """

    def __init__(self, live: LiveSettings, said: Overrides, style: Style | None) -> None:
        chart = None if said.chart is None else parse_chart(said.chart)
        tempo_bpm = said.tempo_bpm or (chart.tempo_bpm if chart else None)
        key = None if said.key is None else parse_key(said.key)
        said_metre = (chart.metre.beats_per_bar, chart.metre.beat_division) if chart else (said.beats_per_bar, None)
        metres = metres_for(style, *said_metre)
        self._live, self._taps = live, Taps()
        self._hearing, self._filter = Hearing(), BeatFilter(tempo_bpm)
        self.beat_division: Literal[2, 3] = 3 if metres[0].beat_division == 3 else 2
        self.places = Places(self._hearing.chords, [one.beats_per_bar for one in metres], chart, key)
        self.clock: BandClock | None = None
        self._sureness: list[float] = []
        self._counting: tuple[int, float] | None = None
        self._first_sound: int | None = None
        self._last_sound = -(10**9)
        self.heard_beats = self.committed_frames = 0
        self._beat_errors_s: list[float] = []
        if live.count_in_beats:
            if tempo_bpm is None:
                raise ConfigError("count_in_beats", "needs a tempo", "give the tempo, or a chart that has one")
            self._count_in(60 * FRAME_RATE_HZ / tempo_bpm)

    @property
    def heard_frames(self) -> int:
        """How much of the stream has come, in control frames."""
        return self._hearing.ticks * TICK_FRAMES

    @property
    def known_frames(self) -> int:
        """For how many frames is known how loud the leader was."""
        return self._hearing.soon_frames

    def tick(self, samples: FloatArray) -> None:
        """Go on by a tenth of a second, and the clock to a little after `committed_frames`.

        Args:
            samples: the next `TICK_SAMPLES`, mono at 16 kHz.
        """
        before = self._hearing.soon_frames
        self._hearing.tick(samples)
        new = self._hearing.frames(before, self._hearing.soon_frames)
        self._filter.hear(new.pulse.sum(axis=0), new.onset)
        if self._counting is not None and self._hearing.soon_frames < (self._first_sound or 0):
            self._filter.say(*self._counting)
        if self._hearing.ticks % TEMPO_TICKS == 0 and self._hearing.soon_frames >= FEWEST_FRAMES:
            first = max(self._hearing.soon_frames - TEMPO_FRAMES, 0)
            last = self._hearing.frames(first, self._hearing.soon_frames)
            self._filter.weigh(possible_pulses(last.onset, last.pulse), first)
        sounding = np.flatnonzero(new.loudness_db > PRESENT_DB)
        if len(sounding):
            self._last_sound = max(self._last_sound, before + int(sounding[-1]))
            self._first_sound = before + int(sounding[0]) if self._first_sound is None else self._first_sound
        if self.clock is not None:
            self._check_beats(self.clock)
        horizon_frames = self._live.horizon.frames(None if self.clock is None else self.clock.period_frames)
        self.committed_frames = max(self.committed_frames, self.heard_frames + horizon_frames)
        self._advance(self.committed_frames + SETTLED_FRAMES)
        if self.clock is not None:
            self._hear_beats(self.clock)

    def tap(self, frame: int) -> None:
        """The player taps a beat."""
        if (period_frames := self._taps.tap(frame)) is not None:
            self._filter.say(frame, period_frames)

    def say_one(self, frame: int) -> None:
        """The player says that the beat next to a frame opens a bar."""
        if self.clock is not None:
            self.places.say_one(round(self.clock.phase_at(frame)))

    def change_tempo(self, frame: int, times: float) -> None:
        """The player says at a frame that there are so many times as many beats: half, or twice."""
        if self.clock is None:
            return
        beat = int(np.floor(self.clock.phase_at(frame)))
        beat -= self.places.position(beat)[0] % 2  # at half the tempo beats are those that were strong
        self._filter.say(int(self.clock.frames_of(np.array([float(beat)]))[0]), self.clock.period_frames / times)

    @property
    def beat_errors_s(self) -> NDArray[np.float64]:
        """How much later than the leader's every beat of the clock that was heard since has come.  [beats]"""
        return np.array(self._beat_errors_s)

    def has_listened(self, clock: BandClock, beat: int) -> bool:
        """Whether, by a beat, the leader has played long enough, and enough of it was heard to tell the bars."""
        if self._live.count_in_beats:
            return True
        fewest = min(self._live.listen_beats, FEWEST_BEATS)
        listened = beat - clock.phase_at(self._first_sound or 0)
        return listened >= self._live.listen_beats and self.heard_beats >= fewest

    def is_resting(self, clock: BandClock) -> bool:
        """Whether the leader has been silent for a while."""
        silent = self._hearing.soon_frames - self._last_sound
        return silent > REST_BEATS * clock.period_frames + REST_FRAMES

    def last_bar(self, clock: BandClock) -> HeardBar:
        """The leader's last bar that is heard to its end."""
        beats_per_bar = self.places.beats_per_bar
        first = self.heard_beats - beats_per_bar
        if first < 0:
            return silent_bar(beats_per_bar)
        edges = clock.frames_of(first + np.arange(beats_per_bar + 1.0))
        begin = int(edges[0])
        frames = self._hearing.frames(begin, int(np.ceil(edges[-1])))
        positions = [self.places.position(beat)[0] for beat in range(first, self.heard_beats)]
        if sorted(positions) != list(range(beats_per_bar)):  # bars have moved
            positions = list(range(beats_per_bar))
        return hear_bar(frames, (edges - begin) / FRAME_RATE_HZ, positions)

    def position(self, *, has_entered: bool) -> LivePosition:
        """Where the music is; before the band has entered only the tempo."""
        clock = self.clock
        if clock is None:
            return LivePosition()
        tempo_bpm = 60 * FRAME_RATE_HZ / clock.period_frames
        if not has_entered:
            return LivePosition(tempo_bpm=tempo_bpm)
        beat = max(int(np.floor(clock.phase_at(self.heard_frames))), 0)
        here, later = self.places.place(beat), self.places.place(beat + self.places.beats_per_bar)
        chord, next_chord = here.chord.spelled(here.key), later.chord.spelled(later.key)
        return LivePosition(
            bar=here.bar + 1, beat=here.position + 1, beats_per_bar=self.places.beats_per_bar, tempo_bpm=tempo_bpm,
            chord=chord, next_chord=next_chord,
        )  # fmt: skip

    def heard(self, num_frames: int) -> Heard:
        """The leader, whose stream was `num_frames` long, as heard while it played."""
        beats_s = self.clock.beats_s() if self.clock else np.zeros(0)
        beats_s = beats_s[(beats_s >= 0) & (beats_s * FRAME_RATE_HZ < num_frames)]
        seen = [self.places.place(beat) for beat in range(len(beats_s))]
        chords = [*self.places.heard_chords, *(place.chord for place in seen[self.heard_beats :])]
        opening = next((beat for beat, place in enumerate(seen) if place.position == 0), 0)
        return Heard(
            frames=self._hearing.frames(0, num_frames),
            beats_s=beats_s,
            tempo_bpm=60.0 / float(np.median(np.diff(beats_s))) if len(beats_s) > 1 else FALLBACK_TEMPO_BPM,
            beats_per_bar=self.places.beats_per_bar,
            beat_division=self.beat_division,
            first_downbeat=opening,
            key=self.places.key,
            chords=tuple(chords[: len(seen)]),
            tuning_cents=0.0,
        )

    def heard_last(self, num_frames: int, stop: int, look_ahead_frames: int) -> Heard:
        """The frames heard last, in the place of those up to `stop`, and the beats that the band plays up to there.

        Args:
            num_frames: from where on, counted back from `stop`.
            stop: a frame of the stream, as far ahead of what is heard as the frames are late.
            look_ahead_frames: so many frames are added after `stop`.
        """
        begin_s = (stop - num_frames) / FRAME_RATE_HZ
        first = 0 if self.clock is None else max(int(np.floor(self.clock.phase_at(stop - num_frames))), 0)
        beats_s = np.zeros(0) if self.clock is None else self.clock.beats_s(first) - begin_s
        before = int(np.searchsorted(beats_s, 0.0))
        first, beats_s = first + before, beats_s[before:]
        opening = next((at for at in range(len(beats_s)) if self.places.position(first + at)[0] == 0), 0)
        tempo_bpm = FALLBACK_TEMPO_BPM if self.clock is None else 60.0 * FRAME_RATE_HZ / self.clock.period_frames
        return Heard(
            frames=self._hearing.last_frames(num_frames + look_ahead_frames), beats_s=beats_s, tempo_bpm=tempo_bpm,
            beats_per_bar=self.places.beats_per_bar, beat_division=self.beat_division, first_downbeat=opening,
            key=self.places.key, chords=(NO_CHORD,) * len(beats_s), tuning_cents=0.0,
        )  # fmt: skip

    def forget(self) -> None:
        """Let go of what nothing asks for any more while the stream goes on."""
        frame = self.heard_frames - KEPT_FRAMES
        if self.clock is not None:
            first_beat = self.heard_beats - KEPT_BEATS
            frame = min(frame, int(self.clock.frames_of(np.array([float(first_beat)]))[0]))
            self.clock.forget(frame)
            self.places.forget(first_beat)
        self._hearing.forget(frame)

    def _count_in(self, period_frames: float) -> None:
        """Begin the clock before anything is heard; the leader comes in after the last beat that is counted."""
        begins = self._live.horizon.frames(period_frames) + SETTLED_FRAMES
        self._counting = begins + TICK_FRAMES, period_frames
        self.clock = BandClock(BeatNow(begins + TICK_FRAMES, 0.0, period_frames, 1.0), begins)
        self._first_sound = first_frame_counted(self._live, period_frames)
        self._last_sound = self._first_sound
        self.places.begin(self._live.count_in_beats)
        self.places.say_one(self._live.count_in_beats)

    def _advance(self, frame: int) -> None:
        """Let the clock go on to a frame; it begins once the beat is sure."""
        pulse = self._filter.now()
        if self.clock is not None:
            self.clock.advance(pulse, frame - self.clock.frame)
        elif self._first_sound is not None:
            self._sureness.append(pulse.sureness)
            beat_ticks = int(np.ceil(pulse.period_frames / TICK_FRAMES))
            last = self._sureness[-SURE_BEATS * beat_ticks :]
            if len(last) == SURE_BEATS * beat_ticks and np.reshape(last, (SURE_BEATS, -1)).max(axis=1).min() >= SURE:
                self.clock = BandClock(pulse, frame)
                self.places.begin(self.clock.phase_at(self._first_sound))

    def _check_beats(self, clock: BandClock) -> None:
        """Hold the beats that were committed, and have been heard meanwhile, against where the beat is now heard."""
        now = self._filter.now()
        at = float(clock.frames_of(np.array([float(len(self._beat_errors_s))]))[0])
        if at + CHECKED_FRAMES <= now.frame:
            off = (now.phase + (at - now.frame) / now.period_frames + 0.5) % 1.0 - 0.5
            self._beat_errors_s.append(off * now.period_frames / FRAME_RATE_HZ)

    def _hear_beats(self, clock: BandClock) -> None:
        """Take in the beats that have passed and are heard to their end."""
        known = min(self._hearing.late_frames, self._hearing.chord_frames)
        while clock.phase >= self.heard_beats + 1:
            edges = np.rint(clock.frames_of(self.heard_beats + np.arange(-1.0, 2.0)))
            earlier, start, stop = edges.astype(int).tolist()
            if stop > known:
                break
            around_it = self._hearing.frames(max(start - DOWNBEAT_FRAMES, 0), start + DOWNBEAT_FRAMES)
            late = CHORD_LATE_FRAMES
            before = self._said(earlier + late, start + late) if self.heard_beats else None
            self.places.hear_beat(self._said(start, stop), float(around_it.pulse[1].max()), before)
            self.heard_beats += 1
        start = int(clock.frames_of(np.array([float(self.heard_beats)]))[0])
        self.places.hear_now(self._said(start, known))

    def _said(self, start: int, stop: int) -> FloatArray:
        """The chord probabilities of some frames.  [steps, chords]"""
        share = FRAMES_PER_CONDUCTOR_FRAME
        said: FloatArray = self._hearing.chord_probability.rows(-(-start // share), max(stop, 0) // share)
        return said

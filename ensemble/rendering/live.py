"""A live session: the leader's sound comes in, and the band's goes out.

The stream rendered again with the same request gives what the band played, to the byte.
"""

from __future__ import annotations

import hashlib
import math
import time
from array import array
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from ensemble.audio.wav_writer import hashed_of, steps_of
from ensemble.band import Band, Promise
from ensemble.clock import Block, frames_for, hop_samples
from ensemble.config import FollowerSettings
from ensemble.errors import BandError, ConfigError, DeadlineError
from ensemble.listen.overrides import Overrides
from ensemble.listen.pitch import ANALYSIS_RATE_HZ
from ensemble.live.follow import LiveFollower
from ensemble.live.hearing import TICK_SAMPLES
from ensemble.live.horizon import Horizon
from ensemble.live.levers import LiveLever, check_part, lever_at
from ensemble.live.resampling import StreamResampler
from ensemble.live.settings import LiveSettings
from ensemble.live.stream import ticks_of
from ensemble.live.watch import MicrophoneWatch, StopWatch
from ensemble.mix.gain import place
from ensemble.mix.room import LiveRoom, send_db
from ensemble.plan import RenderRequest
from ensemble.types.music import SILENCE_DB, FloatArray, Stem

WARM_UP_S, MEASURED_S = 3, 2
"""What is played before a session, first to load and compile all, then to measure what playing costs."""
DEAREST = 1.0
"""Seconds of work for a second of music with which no session is begun."""
ANSWER_S, COLLECT_S = 0.15, 60.0
"""How long a quantum is waited for while the leader plays, and at the end."""


class Played(NamedTuple):
    """What the band plays at a time: one quantum, or a few."""

    start_frame: int
    """Where it begins."""
    start_sample: int
    """Where its sound begins: players hold back the last frame until they know the next."""
    sound: FloatArray
    """All stems with their gain and pan, in the band's room.  [2, samples]"""


class _Placed(NamedTuple):
    """What one follower played in them."""

    start_sample: int
    """Where its sound begins."""
    samples: FloatArray
    """With gain and pan.  [2, samples]"""
    send: float
    """Gain with which it goes into the room."""


def check_cost(cost: float) -> None:
    """Refuse a session that cannot be in time beside what this machine does already, other sessions most likely.

    Args:
        cost: seconds of work for each second of music, from `LiveSession.warm_up`.

    Raises:
        BandError: the machine is too busy.
    """
    if cost >= DEAREST:
        problem = f"needs {cost:.1f} s for each second of this band, beside what it does already"
        raise BandError("this machine", problem, "end another session, or take fewer players or another machine")


class LiveSession:
    """Follows one leader.

    Args:
        request: with `live`.
        band: plays; as many sessions as there are need as many bands.
        keeps_all: whether all that was heard and written is kept, for `follower.heard` and `follower.arrangement`.

    Attributes:
        follower: what is heard and written.
        num_samples: how many samples of the leader have come.
        num_recorded: how many of them are in the recording.
        is_recorded: whether all are, and the disk is not full.
        watch: what is wrong with the microphone.
        stops: how soon the band rests when the leader stops.
        late_stems: for how many quanta each part was not there in time, while its actor was replaced.
        levels_db: how loud each part was in the last quantum that was there in time.
        left_s: how long before it was due every quantum was ready, in seconds, by who runs the session (see
            `run_session`); below 0 it was late. Those of the first horizon are silent, and were due before anything was
            heard: they do not count.
    """

    def __init__(self, request: RenderRequest, band: Band, *, keeps_all: bool = False) -> None:
        if request.live is None:
            raise ConfigError("live", "is not asked for", "give settings of `live`")
        self._request, self._live, self._band = request, request.live, band
        self._keeps_all = keeps_all
        self.follower = LiveFollower(request.band, request.seed, request.live, request.overrides)
        self.num_samples = 0
        self._asked: list[LiveLever] = []
        rate = request.sample_rate
        self._resampler = StreamResampler(rate, ANALYSIS_RATE_HZ) if rate != ANALYSIS_RATE_HZ else None
        self._waiting = np.zeros(0, np.float32)
        self._ticks = 0
        self._next_frame = 0
        self._conducting = band.start_conducting()
        self._playing = {one.name: band.start_playing(one.name) for one in request.band.followers}
        self.num_recorded, self.is_recorded = 0, True
        self.watch, self.stops = MicrophoneWatch(request.sample_rate), StopWatch(request.sample_rate)
        self._awaited: dict[str, list[Promise[Stem]]] = {one.name: [] for one in request.band.followers}
        self.late_stems = dict.fromkeys(self._playing, 0)
        self.levels_db = dict.fromkeys(self._playing, SILENCE_DB)
        self._next_sample = 0
        room = request.band.mix.room
        quantum_frames = request.live.horizon.quantum_frames
        self._room = LiveRoom(room, request.sample_rate, quantum_frames) if room is not None else None
        self._hashes = {one.name: hashlib.sha256() for one in request.band.followers}
        self.left_s = array("d")

    def warm_up(self) -> float:
        """Do once what takes longer at the first time: load networks, compile kernels, write a bar.

        Returns:
            Seconds of work for each second of music, beside what this machine does meanwhile.
        """
        rate, request = self._request.sample_rate, self._request
        live = LiveSettings(horizon_s=self._live.horizon_s, horizon_beats=self._live.horizon_beats, listen_beats=0)
        eager = request.model_copy(update={"live": live, "overrides": Overrides(tempo_bpm=120)})
        clicks = np.zeros((WARM_UP_S + MEASURED_S) * rate, np.float32)
        clicks[:: rate // 2] = 0.5
        trial = LiveSession(eager, self._band)
        for _ in trial.hear(clicks[: WARM_UP_S * rate]):
            pass
        began_s = time.perf_counter()
        for _ in trial.hear(clicks[WARM_UP_S * rate :]):
            pass
        cost = (time.perf_counter() - began_s) / MEASURED_S
        trial._wait_for_all()
        return cost

    def was_ready(self, start_frame: int, left_s: float) -> None:
        """What begins with a frame was ready so many seconds before it was due."""
        if start_frame >= self._live.horizon.frames(None):
            self.left_s.append(left_s)
            self._band.was_ready(left_s)

    def look_at(self, samples: FloatArray) -> None:
        """Watch the leader's stream; nothing hangs on it.  [samples]"""
        self.watch.hear(samples)
        before = len(self.stops.bars)
        self.stops.hear(samples, self.follower.position.bar_s)
        for bars in self.stops.bars[before:]:
            self._band.has_rested(bars)

    def look_at_band(self, played: Played) -> None:
        """Watch what the band plays."""
        self.watch.play(played.start_sample, played.sound)
        self.stops.play(played.sound)

    def hear(self, samples: FloatArray) -> Iterator[Played]:
        """Go on by what has come.

        Args:
            samples: of the leader, as they are recorded: in whole 24-bit steps.  [samples]

        Yields:
            What the band plays next, all of it that is committed since.
        """
        self.num_samples += len(samples)
        slow = samples if self._resampler is None else self._resampler.push(samples)
        self._waiting = np.concatenate([self._waiting, slow])
        while len(self._waiting) >= TICK_SAMPLES:
            tick, self._waiting = self._waiting[:TICK_SAMPLES], self._waiting[TICK_SAMPLES:]
            yield from self._tick(tick, has_ended=False)

    def end(self) -> Iterator[Played]:
        """The leader has ended: the band lets its last notes ring.

        Yields:
            As `hear`.
        """
        missing = np.zeros(-self.num_samples % hop_samples(self._request.sample_rate), np.float32)
        yield from self.hear(missing)
        num_frames = frames_for(self.num_samples, self._request.sample_rate) + self._request.live_tail_frames
        for tick, has_ended in ticks_of(self._waiting, num_frames, self.follower, self._ticks):
            yield from self._tick(tick, has_ended=has_ended, num_frames=num_frames)

    def ask(self, kind: str, argument: str = "") -> None:
        """Ask the band for something while it plays; see `lever_at`.

        Raises:
            ConfigError: it cannot be read, or there is no such style or part.
        """
        frame = self.num_samples // hop_samples(self._request.sample_rate)
        lever = lever_at(frame, kind, argument)
        check_part(lever, [one.name for one in self._request.band.followers])
        self.follower.ask(lever)
        self._asked.append(lever)

    @property
    def horizon(self) -> Horizon:
        """How far ahead of what is heard the band commits itself."""
        return self._live.horizon

    @property
    def levers(self) -> tuple[LiveLever, ...]:
        """All that was asked for: before the session, and then as it came."""
        return (*self._live.levers, *self._asked)

    @property
    def request(self) -> RenderRequest:
        """What gives the same session again from its recording: with all that was asked for meanwhile."""
        levers = tuple(sorted(self.levers, key=lambda lever: lever.frame))
        live = self._live.model_copy(update={"levers": levers})
        return self._request.model_copy(update={"live": live})

    @property
    def samples_sha256(self) -> dict[str, str]:
        """sha256 of the samples that every part has played, as its stem holds them."""
        return {name: one.hexdigest() for name, one in self._hashes.items()}

    def _tick(self, samples: FloatArray, *, has_ended: bool, num_frames: int | None = None) -> Iterator[Played]:
        self.follower.tick(samples, has_ended=has_ended)
        self._ticks += 1
        committed = self.follower.committed_frames
        if self._next_frame < (stop := min(committed, num_frames or committed)):
            yield self._play(Block(start_frame=self._next_frame, stop_frame=stop, is_last=stop == num_frames))
            self._next_frame = stop
        if not self._keeps_all:
            self.follower.forget()

    def _play(self, block: Block) -> Played:
        """Conduct once, let everybody play at once, and take what is there in time."""
        band, arrangement = self._band, self._band.hold(self.follower.committed(block.start_frame))
        score, self._conducting = band.conduct(arrangement, block, self._conducting)
        for name, state in self._playing.items():
            stem, self._playing[name] = band.play(name, score, state)
            self._awaited[name].append(stem)
        if block.is_last:
            self._wait_for_all()
        else:
            in_time = [stems[0] for stems in self._awaited.values() if len(stems) == 1]
            with suppress(DeadlineError):
                band.collect(in_time, ANSWER_S)
        there: list[_Placed] = []
        for follower in self._request.band.followers:
            if (placed := self._take_in(follower)) is not None:
                there.append(placed)
            else:
                self.late_stems[follower.name] += 1
        silence = np.zeros((2, block.num_frames * hop_samples(self._request.sample_rate)), np.float32)
        sound = sum((one.samples for one in there[1:]), there[0].samples if there else silence)
        start_sample = there[0].start_sample if there else self._next_sample
        self._next_sample = start_sample + sound.shape[1]
        if self._room is not None:
            sent = sum((one.samples * np.float64(one.send) for one in there), np.zeros(sound.shape))
            sound = (sound + self._room.push(sent)).astype(np.float32)
        return Played(block.start_frame, start_sample, sound)

    def _wait_for_all(self) -> None:
        self._band.collect([stem for stems in self._awaited.values() for stem in stems], COLLECT_S)

    def _take_in(self, follower: FollowerSettings) -> _Placed | None:
        """Take what one follower has played by now: the last quantum, or None where it is late.

        Who is late, because an actor is being replaced, is not waited for; what comes too late to be heard belongs to
        its stem all the same.
        """
        awaited, placed = self._awaited[follower.name], None
        with suppress(DeadlineError):
            while awaited:
                (stem,) = self._band.collect(awaited[:1], 0.0)
                awaited.pop(0)
                samples = place(stem.clip.samples[0], follower.gain_db, follower.pan)
                placed = _Placed(stem.start_sample, samples, 10 ** (send_db(follower) / 20))
                power = float(np.square(placed.samples).mean()) if placed.samples.size else 0.0
                self.levels_db[follower.name] = max(10 * math.log10(power + 1e-12), SILENCE_DB)
                self._hashes[follower.name].update(hashed_of(steps_of(placed.samples)))
        return None if awaited else placed

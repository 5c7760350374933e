"""The parts of a band while they grow: notes in beats get their times as the band's clock comes to them.

What is committed never changes. How long a note lasts is foreseen at the tempo of its beginning.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.pedal import PEDAL_S, KeyVoices
from ensemble.conduct.performer import Performer
from ensemble.conduct.shaping import (
    Hand,
    NoteRuns,
    WrittenNote,
    by_rules,
    lay_out,
    notes_of,
    sounding_curves,
    struck_early,
)
from ensemble.config import FollowerSettings
from ensemble.live.clock import BandClock
from ensemble.live.growing import Growing
from ensemble.live.writing import BeatNote, BeatStroke, Written
from ensemble.types.music import FloatArray, Hit, Hits, Part

EARLIEST_FRAMES, RELEASED_FRAMES = 20, 100
"""A note begins at most so long before its beat, and is silent so long after its end."""
FORGOTTEN_FRAMES = 600
"""A note that ended so long ago no longer has a say in how the next is played."""


class PitchedPart:
    """What one pitched follower plays.

    Args:
        follower: who plays.
        seed: of the session.
        humanize: how far notes stray; see `shape`.
        performer: shapes the notes; rules do where it is absent.

    Attributes:
        gain_db: how much louder it plays than it is written.
    """

    def __init__(self, follower: FollowerSettings, seed: int, humanize: float, performer: Performer | None) -> None:
        self._follower = follower
        self._humanize = humanize
        self._performer = performer
        self._state = performer.start(max(follower.num_voices, 1)) if performer else None
        self._seed = seed if follower.seed is None else follower.seed
        self._voices = max(follower.num_voices, 1)
        self._keys = KeyVoices(self._voices) if follower.spec.family == "keyed" else None
        self._planned: list[BeatNote] = []
        self._notes: list[WrittenNote] = []
        self._first_recent = 0
        self._curves = Growing((0, 2, self._voices))
        self.gain_db = 0.0

    def plan(self, written: Written) -> None:
        """Add what is written for a beat."""
        self._planned += written.notes.get(self._follower.name, [])

    def rest(self, frame: int) -> None:
        """Drop what is planned, and end what sounds at this frame."""
        self._planned = []
        self._end(frame / FRAME_RATE_HZ)

    def lift(self, clock: BandClock, beat: int) -> None:
        """Another chord begins on this beat: on keys the pedal lifts then, however long their notes were to ring."""
        if self._keys is not None:
            self._planned = [note._replace(stop_beat=min(note.stop_beat, beat)) for note in self._planned]
            self._end(float(clock.frames_of(np.array([beat]))[0]) / FRAME_RATE_HZ + PEDAL_S)

    def _end(self, stop_s: float) -> None:
        """End what sounds."""
        recent = slice(self._first_recent, None)
        self._notes[recent] = [note._replace(stop_s=min(note.stop_s, stop_s)) for note in self._notes[recent]]
        if self._keys is not None:
            self._keys.lift(stop_s)

    def lay_out(self, clock: BandClock, _committed_frames: int) -> None:
        """Give every note that has begun by the clock its time, and on keys its voice: that which is free by then."""
        due = [note for note in self._planned if note.start_beat <= clock.phase]
        self._planned = [note for note in self._planned if note.start_beat > clock.phase]
        for start_beat, stop_beat, pitch, velocity, voice, articulation, bar_place in due:
            start_s, stop_s = (clock.frames_of(np.array([start_beat, stop_beat])) / FRAME_RATE_HZ).tolist()
            note = WrittenNote(start_s, stop_s, pitch, velocity, voice, articulation, bar_place)
            self._notes.append(note if self._keys is None else self._keys.strike(note))

    def commit(self, start: int, stop: int) -> None:
        """Shape the frames from one to before another."""
        notes, first = self._notes, self._first_recent
        while first < len(notes) and notes[first].stop_s * FRAME_RATE_HZ < start - FORGOTTEN_FRAMES:
            first += 1
        self._first_recent = first
        f0_hz, level_db = self._shaped(notes[first:], start, stop)
        self._curves.append(np.stack([f0_hz.T, (level_db + np.float32(self.gain_db)).T], axis=1))

    def so_far(self, num_frames: int, first_frame: int = 0) -> Part:
        """The frames from one on, without notes."""
        f0_hz, level_db = self._curves.rows(first_frame, num_frames).transpose(1, 2, 0)
        return Part(name=self._follower.name, notes=(), f0_hz=f0_hz, level_db=level_db)

    def forget(self, frame: int) -> None:
        """Nothing that was played before this frame is asked for any more."""
        self._curves.forget(frame)
        del self._notes[: self._first_recent]
        self._first_recent = 0

    def whole(self, num_frames: int) -> Part:
        """All that was played, with its notes."""
        runs, first, _ = self._laid_out(self._notes, 0, num_frames)
        notes = (
            replace(note, start_frame=note.start_frame + first, stop_frame=note.stop_frame + first)
            for note in notes_of(runs)
        )
        return replace(self.so_far(num_frames), notes=tuple(notes))

    def _shaped(self, notes: Sequence[WrittenNote], start: int, stop: int) -> tuple[FloatArray, FloatArray]:
        """f0 and level of some notes between two frames.  [voices, frames] each"""
        runs, first, num_frames = self._laid_out(notes, start, stop)
        if self._performer is None or self._state is None:
            inside = slice(start - first, stop - first)
            f0_hz, level_db = by_rules(runs, self._follower.spec, self._voices, 0.0, num_frames)
            return f0_hz[:, inside], level_db[:, inside]
        hand = Hand(self._follower.name, self._seed, self._humanize, first)
        struck = struck_early(runs, self._follower.spec)
        played, self._state = self._performer.play(struck, start - first, stop - first, hand, self._state)
        return sounding_curves(struck, played, 0.0)

    def _laid_out(self, notes: Sequence[WrittenNote], start: int, stop: int) -> tuple[NoteRuns, int, int]:
        """Some notes around some frames, the first frame that they are counted from, and how many there are."""
        earliest = min((int(note.start_s * FRAME_RATE_HZ) - EARLIEST_FRAMES for note in notes), default=start)
        first = max(min(earliest, start), 0)
        last = max((int(np.ceil(note.stop_s * FRAME_RATE_HZ)) for note in notes), default=stop)
        begin_s, num_frames = first / FRAME_RATE_HZ, max(last, stop) - first + RELEASED_FRAMES
        moved = [note._replace(start_s=note.start_s - begin_s, stop_s=note.stop_s - begin_s) for note in notes]
        name, spec = self._follower.name, self._follower.spec
        return lay_out(name, moved, spec, num_frames, self._seed, self._humanize, first), first, num_frames


class DrumPart:
    """What a drummer plays.

    Args:
        name: of the part.

    Attributes:
        gain_db: how much louder it plays than it is written.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._planned: list[BeatStroke] = []
        self._hits: list[Hit] = []
        self._num_hits = 0
        self.gain_db = 0.0

    def plan(self, written: Written) -> None:
        """Add what is written for a beat."""
        self._planned += written.strokes.get(self._name, [])

    def rest(self, _frame: int) -> None:
        """Drop what is planned."""
        self._planned = []

    def lift(self, _clock: BandClock, _beat: int) -> None:
        """A stroke does not know the chord."""

    def lay_out(self, clock: BandClock, committed_frames: int) -> None:
        """Give every stroke that the clock has come to its time."""
        due = sorted(stroke for stroke in self._planned if stroke.beat <= clock.phase)
        self._planned = [stroke for stroke in self._planned if stroke.beat > clock.phase]
        for beat, drum, velocity in due:
            time_s = float(clock.frames_of(np.array([beat]))[0]) / FRAME_RATE_HZ
            last_s = self._hits[-1].time_s if self._hits else 0.0
            time_s = max(time_s, committed_frames / FRAME_RATE_HZ, last_s)
            louder = min(velocity * 10 ** (self.gain_db / 20), 1.0)
            self._hits.append(Hit(time_s=time_s, drum=drum, velocity=louder, index=self._num_hits))
            self._num_hits += 1

    def commit(self, _start: int, _stop: int) -> None:
        """Strokes need no shape."""

    def so_far(self, num_frames: int, first_frame: int = 0) -> Hits:
        """The strokes of the frames from one on."""
        begin, end = (bisect_left(self._hits, float(at), key=_frame_of) for at in (first_frame, num_frames))
        hits = tuple(self._hits[begin:end])
        return Hits(name=self._name, hits=hits, num_frames=num_frames)

    def forget(self, frame: int) -> None:
        """Nothing that was struck before this frame is asked for any more; but the last stroke."""
        del self._hits[: min(bisect_left(self._hits, float(frame), key=_frame_of), len(self._hits) - 1)]

    def whole(self, num_frames: int) -> Hits:
        """All that was played."""
        return self.so_far(num_frames)


def _frame_of(hit: Hit) -> float:
    return hit.time_s * FRAME_RATE_HZ


def part_for(
    follower: FollowerSettings, seed: int, humanize: float, performer: Performer | None
) -> PitchedPart | DrumPart:
    """The part of a follower before anything of it is planned; see `PitchedPart`."""
    return DrumPart(follower.name) if follower.role == "drums" else PitchedPart(follower, seed, humanize, performer)

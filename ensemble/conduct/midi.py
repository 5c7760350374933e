"""A part as a MIDI file whose bar lines lie where the leader's beats lie."""

from __future__ import annotations

import math
from bisect import bisect_right
from pathlib import Path

import mido

from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.grid import Grid, grid_of
from ensemble.config import FollowerSettings
from ensemble.types.music import DrumClass, Heard, Hits, Part

TICKS_PER_BEAT = 960
DRUM_CHANNEL = 9
DRUM_NOTES: dict[DrumClass, int] = {
    "kick": 36,
    "snare": 38,
    "closed_hat": 42,
    "open_hat": 46,
    "crash": 49,
    "ride": 51,
    "tom": 45,
}
"""General MIDI percussion."""
_STROKE_S = 0.08
_TEMPO_ERROR_S = 0.0005
"""A tempo stays until a beat would lie further off than this: a steady leader gets one tempo."""

Struck = tuple[float, float, int, int]  # start_s, stop_s, note, velocity


class TempoMap:
    """Ticks against seconds: one stretch per beat, the last tempo goes on for ever.

    The stretch before the first whole beat counts as one beat, at its own tempo.
    """

    def __init__(self, grid: Grid, tempo_bpm: float) -> None:
        marks = [float(edge) for edge in grid.edges_s]
        plain_s = marks[1] - marks[0] if len(marks) > 1 else 60.0 / max(tempo_bpm, 1.0)
        while marks and marks[0] < 0.5 * plain_s:
            marks.pop(0)
        lead = len(grid.edges_s) - len(marks)  # beats that begin at or near 0, at most one
        self.pickup_beats = _pickup(grid, lead)
        self.beats_per_bar = grid.beats_per_bar
        self.ticks, self.seconds, self.tempos = [0], [0.0], [_microseconds(marks[0] if marks else plain_s)]
        for beat, mark in enumerate(marks[1:], start=1):
            reached = self.seconds[-1] + (beat * TICKS_PER_BEAT - self.ticks[-1]) / TICKS_PER_BEAT * self._tempo_s
            ahead = reached + self._tempo_s
            if abs(ahead - mark) > _TEMPO_ERROR_S:
                self.ticks.append(beat * TICKS_PER_BEAT)
                self.seconds.append(reached)
                self.tempos.append(_microseconds(mark - reached))

    @property
    def _tempo_s(self) -> float:
        return self.tempos[-1] / 1e6

    def tick(self, time_s: float) -> int:
        """The nearest tick to a time."""
        stretch = max(bisect_right(self.seconds, time_s) - 1, 0)
        beats = (time_s - self.seconds[stretch]) / (self.tempos[stretch] / 1e6)
        return max(self.ticks[stretch] + round(beats * TICKS_PER_BEAT), 0)

    def track(self) -> mido.MidiTrack:
        """Tempos and time signatures."""
        events: list[tuple[int, int, mido.MetaMessage]] = []
        signatures = [(0, self.beats_per_bar)]
        if self.pickup_beats:
            signatures = [(0, self.pickup_beats), (self.pickup_beats * TICKS_PER_BEAT, self.beats_per_bar)]
        for tick, numerator in signatures:
            events.append((tick, 0, mido.MetaMessage("time_signature", numerator=numerator, denominator=4)))
        for tick, tempo in zip(self.ticks, self.tempos, strict=True):
            events.append((tick, 1, mido.MetaMessage("set_tempo", tempo=tempo)))
        return _track(events)


def _pickup(grid: Grid, lead: int) -> int:
    """Beats of the first, short bar: from tick 0 to the first downbeat."""
    if not grid.num_beats:
        return 0
    # tick 0 stands for the beat before the first mark
    first = lead - 1
    position = (int(grid.positions[0]) + first) % grid.beats_per_bar
    return (grid.beats_per_bar - position) % grid.beats_per_bar


def _microseconds(seconds: float) -> int:
    return min(max(round(seconds * 1e6), 1), 2**24 - 1)


def write_midi(path: Path, part: Part | Hits, follower: FollowerSettings, heard: Heard) -> None:
    """Write a part as a format 1 file: a tempo track, and the part's notes at their written pitch.

    A note is cut short where the same pitch begins again in another voice. Times are within 1 ms of the part's; the
    same part gives the same bytes.

    Args:
        path: the file to write.
        part: from `write_parts`.
        follower: gives the General MIDI program; drums sound on channel 10.
        heard: gives the beats.
    """
    tempo_map = TempoMap(grid_of(heard), heard.tempo_bpm)
    is_drums = isinstance(part, Hits)
    channel = DRUM_CHANNEL if is_drums else 0
    events: list[tuple[int, int, mido.Message]] = [
        (0, 0, mido.MetaMessage("track_name", name=part.name)),
        (0, 1, mido.Message("program_change", channel=channel, program=follower.spec.program)),
    ]
    for start_s, stop_s, note, velocity in _without_overlaps(_struck(part)):
        start = tempo_map.tick(start_s)
        stop = max(tempo_map.tick(stop_s), start + 1)
        events.append((start, 3, mido.Message("note_on", channel=channel, note=note, velocity=velocity)))
        events.append((stop, 2, mido.Message("note_off", channel=channel, note=note, velocity=0)))
    document = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT)
    document.tracks = [tempo_map.track(), _track(events)]
    document.save(str(path))


def _struck(part: Part | Hits) -> list[Struck]:
    if isinstance(part, Hits):
        return [
            (hit.time_s, hit.time_s + _STROKE_S, DRUM_NOTES[hit.drum], min(max(round(127 * hit.velocity), 1), 127))
            for hit in part.hits
        ]
    return [
        (note.start_frame / FRAME_RATE_HZ, note.stop_frame / FRAME_RATE_HZ, round(note.pitch_midi), note.velocity)
        for note in part.notes
    ]


def _without_overlaps(notes: list[Struck]) -> list[Struck]:
    """End every note where the same pitch begins again."""
    begins: dict[int, float] = {}
    result: list[Struck] = []
    for start_s, stop_s, note, velocity in sorted(notes, reverse=True):
        result.append((start_s, min(stop_s, begins.get(note, math.inf)), note, velocity))
        begins[note] = start_s
    return result[::-1]


def _track(events: list[tuple[int, int, mido.Message]]) -> mido.MidiTrack:
    """Turn absolute ticks into the differences that the format keeps."""
    track = mido.MidiTrack()
    now = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - now))
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=0))
    return track

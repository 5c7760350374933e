"""Writes a part as a MIDI file whose beats lie at the leader's beats."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import mido
import numpy as np

from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.grid import Grid, grid_of
from ensemble.config import FollowerSettings
from ensemble.files.midi import DRUM_CHANNEL, MidiEvent, save_midi, tempo_track, track_of
from ensemble.types.articulation import Articulation
from ensemble.types.music import DrumClass, Heard, Hits, Part
from ensemble.types.tempo_map import TempoMap

TICKS_PER_QUARTER = 960
DRUM_NOTES: dict[DrumClass, int] = {
    "kick": 36, "snare": 38, "closed_hat": 42, "open_hat": 46, "crash": 49, "ride": 51, "tom": 45,
    "rim": 37, "ride_bell": 53, "crash_2": 57, "high_tom": 48, "low_tom": 41,
    "shaker": 70, "tambourine": 54, "high_conga": 63, "low_conga": 64, "clap": 39, "woodblock": 76,
}  # fmt: skip
"""Notes of General MIDI percussion."""
ARTICULATION_CONTROLS = {Articulation.LEGATO: 68, Articulation.SLIDE: 65}
"""Controllers that are on, 127, for the notes that are played so: legato footswitch and portamento switch."""
_STROKE_S = 0.08
_TEMPO_ERROR_S = 0.0005
"""A tempo is kept until a beat would be further off than this, so a steady leader gets one tempo."""


class BeatMap(NamedTuple):
    """The beats of a leader as a MIDI file has them."""

    tempos: TempoMap
    """From quarters of the file to seconds of the recording; the first one leads to the first whole beat."""
    metres: list[tuple[int, int, int]]
    """The tick of each time signature, its numerator and its denominator."""
    start_s: float
    """Where in the recording the file begins, in seconds."""
    off_s: float
    """How far a beat of the file may lie from the leader's, in seconds, because one tempo was taken for all."""
    grid: Grid
    """The leader's beats."""

    @property
    def is_steady(self) -> bool:
        """Whether one tempo holds after the first beat."""
        return len(self.tempos.quarters) <= 2

    def ticks(self, seconds: float) -> int:
        """The tick of a moment of the recording; 0 where it lies before the file."""
        return int(self.tempos.ticks(seconds - self.start_s, TICKS_PER_QUARTER))


FileNote = tuple[float, float, int, int]  # start_s, stop_s, note, velocity


def write_midi(path: Path, part: Part | Hits, follower: FollowerSettings, beats: BeatMap) -> None:
    """Write a part as a file of format 1: a tempo track, and a track with the part's notes at their written pitch.

    A part of one voice has controllers for legato and slides; accents, ghost notes and staccato are in velocities and
    lengths.

    A note ends where the same pitch begins again in another voice. Times are within 1 ms of the part's, and the same
    part gives the same bytes.

    Args:
        path: the file to write.
        part: from `write_parts`.
        follower: gives the General MIDI program; drums use channel 10.
        beats: of the leader.
    """
    channel = DRUM_CHANNEL if isinstance(part, Hits) else 0
    tracks = [tempo_track(beats.metres, beats.tempos, TICKS_PER_QUARTER), part_track(part, follower, beats, channel)]
    save_midi(path, tracks, TICKS_PER_QUARTER)


def beat_map(heard: Heard, steady_within_s: float = 0.0, *, from_bar_one: bool = False) -> BeatMap:
    """The beats of a leader as a MIDI file counts them.

    Args:
        heard: gives the beats.
        steady_within_s: a leader whose beats lie so near to one tempo gets that one tempo from the first whole beat on.
        from_bar_one: begin with the leader's first whole bar, and not with the recording.
    """
    grid = grid_of(heard)
    first = int(np.argmax(grid.bars >= 0)) if from_bar_one and (grid.bars >= 0).any() else 0
    start_s = float(grid.edges_s[first]) if from_bar_one else 0.0
    ends_s = (grid.edges_s[first + 1 :] - start_s).tolist() if from_bar_one else _beat_ends_s(grid, heard.tempo_bpm)
    begun = len(grid.edges_s) - len(ends_s) - 1  # the beat at tick 0, which ends at the first edge of the file
    lengths = [grid.metre(begun + at).beat_quarters for at in range(len(ends_s))]
    quarters = [float(quarter) for quarter in accumulate(lengths)]
    quarter_s, first_s = _line(quarters, ends_s)
    off_s = float(np.abs(first_s + quarter_s * (np.array(quarters) - quarters[0]) - ends_s).max())
    if off_s <= steady_within_s:
        tempos = TempoMap.steady(first_s, quarter_s, quarters[0])
    else:
        tempos, off_s = TempoMap.through(ends_s, _TEMPO_ERROR_S, quarters), 0.0
    return BeatMap(tempos, list(_signatures(grid, begun, lengths)), start_s, off_s, grid)


def part_track(part: Part | Hits, follower: FollowerSettings, beats: BeatMap, channel: int) -> mido.MidiTrack:
    """A part as a track of a MIDI file."""
    events: list[MidiEvent] = [
        (0, 0, mido.MetaMessage("track_name", name=part.name)),
        (0, 1, mido.Message("program_change", channel=channel, program=follower.spec.program)),
    ]
    played = [note for note in _without_overlaps(_struck(part)) if note[1] > beats.start_s]
    times_s = np.array([note[:2] for note in played]) - beats.start_s
    ticks = beats.tempos.ticks(times_s, TICKS_PER_QUARTER).tolist()  # all at once is many times faster
    for (start, stop), (_, _, note, velocity) in zip(ticks, played, strict=True):
        events.append((start, 3, mido.Message("note_on", channel=channel, note=note, velocity=velocity)))
        stopped = mido.Message("note_off", channel=channel, note=note, velocity=0)
        events.append((max(stop, start + 1), 2, stopped))
    if isinstance(part, Part) and len(part.f0_hz) == 1:  # a controller holds for all notes of a channel
        events += _articulations(part, beats, channel)
    return track_of(events)


def _articulations(part: Part, beats: BeatMap, channel: int) -> Iterator[MidiEvent]:
    """Controllers, where they change; see `ARTICULATION_CONTROLS`."""
    is_on = dict.fromkeys(ARTICULATION_CONTROLS, False)
    for note in part.notes:
        for articulation, number in ARTICULATION_CONTROLS.items():
            if is_on[articulation] != (note.articulation == articulation):
                is_on[articulation] = not is_on[articulation]
                tick = beats.ticks(note.start_frame / FRAME_RATE_HZ)
                value = 127 if is_on[articulation] else 0
                message = mido.Message("control_change", channel=channel, control=number, value=value)
                yield tick, 2, message


def _line(quarters: list[float], ends_s: list[float]) -> tuple[float, float]:
    """Length of a quarter, and end of the first beat, of a steady tempo that comes as near to these ends as can be.

    Args:
        quarters: where each beat ends.
        ends_s: when each beat ends.
    """
    if len(ends_s) < 2:
        return ends_s[0] / quarters[0], ends_s[0]
    slope, start = np.polyfit(np.array(quarters) - quarters[0], ends_s, 1)
    return float(slope), float(start)


def _beat_ends_s(grid: Grid, tempo_bpm: float) -> list[float]:
    """When each beat of the file ends; what comes before the leader's first whole beat is one beat of its own tempo."""
    edges_s = [float(edge) for edge in grid.edges_s]
    plain_s = edges_s[1] - edges_s[0] if len(edges_s) > 1 else 60.0 / max(tempo_bpm, 1.0)
    return [edge for edge in edges_s if edge >= 0.5 * plain_s] or [plain_s]


def _signatures(grid: Grid, begun: int, lengths: list[Fraction]) -> Iterator[tuple[int, int, int]]:
    """The tick of each time signature, its numerator and its denominator; a pick-up is a short first bar.

    Args:
        grid: the leader's beats.
        begun: the beat of the grid at tick 0; -1 where the file begins with a beat of its own.
        lengths: of the beats of the file, in quarters.
    """
    position = int(grid.positions[begun]) if begun >= 0 else (int(grid.positions[0]) - 1) % grid.beats_per_bar
    starts = [int(beat) - begun for beat in np.flatnonzero(grid.positions == 0) if beat > begun]
    starts = [0, *(starts or ([grid.beats_per_bar - position] if position else []))]
    ends = [*starts[1:], starts[-1] + grid.metre(begun + starts[-1]).num_beats]
    known: tuple[int, int] | None = None
    quarters = [Fraction(0), *accumulate(lengths)]
    for start, stop in zip(starts, ends, strict=True):
        metre = grid.metre(begun + start)
        signature = _signature((stop - start) * metre.beat_quarters, (metre.count, metre.unit))
        if signature != known:
            at = quarters[min(start, len(lengths))] + max(start - len(lengths), 0) * metre.beat_quarters
            yield int(at * TICKS_PER_QUARTER), *signature
        known = signature


def _signature(bar: Fraction, usual: tuple[int, int]) -> tuple[int, int]:
    """The time signature of a bar of so many quarters: the usual one, or one of its notes or of shorter ones."""
    wholes = bar / 4
    if wholes == Fraction(*usual):
        return usual
    scale = max(usual[1] // wholes.denominator, 1)
    return wholes.numerator * scale, wholes.denominator * scale


def _struck(part: Part | Hits) -> list[FileNote]:
    if isinstance(part, Hits):
        return [
            (hit.time_s, hit.time_s + _STROKE_S, DRUM_NOTES[hit.drum], min(max(round(127 * hit.velocity), 1), 127))
            for hit in part.hits
        ]
    return [
        (note.start_frame / FRAME_RATE_HZ, note.stop_frame / FRAME_RATE_HZ, round(note.pitch_midi), note.velocity)
        for note in part.notes
    ]


def _without_overlaps(notes: list[FileNote]) -> list[FileNote]:
    """End every note where the same pitch begins again."""
    begins: dict[int, float] = {}
    result: list[FileNote] = []
    for start_s, stop_s, note, velocity in sorted(notes, reverse=True):
        result.append((start_s, min(stop_s, begins.get(note, math.inf)), note, velocity))
        begins[note] = start_s
    return result[::-1]

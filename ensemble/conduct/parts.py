"""Writes one part for each follower, from key, chords, beats and what the leader plays.

Basses are written first, then pads, then counter-melodies, each from the lowest to the highest and without crossing
those before it. Where no chord is heard the key's tonic triad is played softly; where the leader is silent for more
than a bar the band rests; the final chord begins on the last strong beat. Notes at a beat depend on nothing later than
`LOOK_AHEAD_BEATS` and the rest of that bar, and on a final chord that begins within them; so a longer leader does not
change what was written that long before a shorter one's final chord.

A follower with a seed of its own leaves all others as they are: they are written around what it plays with the render's
seed, and then it is written anew among them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.arranger import Arranger
from ensemble.conduct.bass import bass_pitches, write_bass
from ensemble.conduct.counter import counter_pitches, write_counter
from ensemble.conduct.drums import write_drums
from ensemble.conduct.dynamics import ForetoldStrokes
from ensemble.conduct.grid import Grid, grid_of
from ensemble.conduct.leader import STEPS_PER_BEAT, Leader, listen_to
from ensemble.conduct.melody import transform, write_double
from ensemble.conduct.pad import rule_strokes, write_pad
from ensemble.conduct.shaping import WrittenNote, shape
from ensemble.conduct.voicing import Neighbours, voice_chords
from ensemble.config import FollowerSettings
from ensemble.types.music import Heard, Hits, Part, Role

_RING_S = 0.3
_ORDER: tuple[Role, ...] = ("bass", "pad", "counter")
_GAP_SEMITONES = 1


class _Register:
    """Lowest and highest pitch of one part on every beat, and the middle of its range."""

    def __init__(self, follower: FollowerSettings, pitches: NDArray[np.int64]) -> None:
        rests = pitches == 0
        self.is_bass = follower.role == "bass"
        self.centre = _centre(follower)
        self.bottom = np.where(rests, 999, pitches).min(axis=1)
        self.top = pitches.max(axis=1)


def write_parts(
    heard: Heard,
    followers: Sequence[FollowerSettings],
    num_frames: int,
    seed: int,
    arranger: Arranger | None = None,
    foretold: ForetoldStrokes | None = None,
) -> tuple[Part | Hits, ...]:
    """Write every follower's part.

    Args:
        heard: what is heard of the leader; the music ends with it.
        followers: the band; parts are returned in this order.
        num_frames: length of the parts: the leader's and a tail, into which bass and pads ring for up to 0.3 s.
        seed: decides small deviations, and where approach notes, passing notes and fills are.
        arranger: writes those basses, pads and counter-melodies that it knows; rules write the others.
        foretold: the strokes that the conductor predicts; drums keep to their grooves where it is absent or unsure.

    Returns:
        One `Part` per pitched follower, `Hits` for a drummer. All have `num_frames` frames.
    """
    grid = grid_of(heard)
    leader = listen_to(heard, grid)
    music_frames = min(heard.frames.num_frames, num_frames)
    ring_s = min(_RING_S, (num_frames - music_frames) / FRAME_RATE_HZ)
    notes = write_notes(grid, leader, followers, seed, ring_s, arranger)
    parts: list[Part | Hits] = []
    for follower in followers:
        own_seed = seed if follower.seed is None else follower.seed
        if follower.role == "drums":
            hits = write_drums(grid, leader, own_seed, follower.name, foretold)
            parts.append(Hits(name=follower.name, hits=hits, num_frames=num_frames))
        elif follower.role == "transform":
            parts.append(transform(follower.name, heard, follower.range, num_frames))
        else:
            written = write_double(heard, follower.range) if follower.role == "double" else notes[follower.name]
            parts.append(_shape(written, follower, heard, num_frames, own_seed))
    return tuple(parts)


def write_notes(
    grid: Grid,
    leader: Leader,
    followers: Sequence[FollowerSettings],
    seed: int,
    ring_s: float,
    arranger: Arranger | None = None,
) -> dict[str, list[WrittenNote]]:
    """Write the notes of every bass, pad and counter-melody, by part; see `write_parts`.

    Args:
        grid: the beats.
        leader: what the leader plays in them.
        followers: the band.
        seed: of the render.
        ring_s: how long basses and pads ring on after the leader's end.
        arranger: writes those parts that it knows.
    """

    def write(
        follower: FollowerSettings, others: Collection[_Register], seed: int
    ) -> tuple[list[WrittenNote], NDArray[np.int64]]:
        neighbours = _neighbours(follower, others, grid)
        if arranger is None or not arranger.knows(follower):
            return _write(follower, grid, leader, neighbours, seed, ring_s)
        return arranger.write(follower, grid, leader, neighbours, seed, ring_s)

    notes: dict[str, list[WrittenNote]] = {}
    registers: dict[str, _Register] = {}
    in_order = [follower for role in _ORDER for follower in sorted(followers, key=_centre) if follower.role == role]
    for follower in in_order:
        notes[follower.name], pitches = write(follower, registers.values(), seed)
        registers[follower.name] = _Register(follower, pitches)
    for follower in in_order:
        if follower.seed is not None:
            others = [register for name, register in registers.items() if name != follower.name]
            notes[follower.name], _ = write(follower, others, follower.seed)
    return notes


def _write(
    follower: FollowerSettings, grid: Grid, leader: Leader, neighbours: Neighbours, seed: int, ring_s: float,
) -> tuple[list[WrittenNote], NDArray[np.int64]]:  # fmt: skip
    """Write one follower's notes by the rules of its role; also returns its pitches.  [beats, voices or half beats]"""
    if follower.role == "bass":
        line = bass_pitches(grid, leader, follower.range)
        written = write_bass(grid, leader, follower, line, seed, ring_s)
        return written, np.stack([np.array(line, np.int64), _highest(written, grid)], axis=1)
    if follower.role == "pad":
        voicing = voice_chords(grid, leader, follower.range, follower.num_voices, neighbours)
        strokes = rule_strokes(grid, leader, neighbours.bass)
        return write_pad(grid, leader, follower, voicing, ring_s, strokes), voicing
    line_by_step = counter_pitches(grid, leader, follower, neighbours, seed)
    return write_counter(grid, leader, follower, line_by_step), line_by_step.reshape(grid.num_beats, STEPS_PER_BEAT)


def _highest(written: list[WrittenNote], grid: Grid) -> NDArray[np.int64]:
    """The highest note that begins in each beat, approach notes included; 0 where none does.  [beats]"""
    highest = np.zeros(grid.num_beats, np.int64)
    beats = np.searchsorted(grid.edges_s, [note.start_s for note in written], side="right") - 1
    np.maximum.at(highest, np.clip(beats, 0, max(grid.num_beats - 1, 0)), [note.pitch_midi for note in written])
    return highest


def _centre(follower: FollowerSettings) -> float:
    return sum(follower.range) / 2


def _neighbours(follower: FollowerSettings, others: Collection[_Register], grid: Grid) -> Neighbours:
    """The pitches that are free for a part: above parts of a lower range and basses, below parts of a higher range."""
    floor, ceiling = np.zeros(grid.num_beats, np.int64), np.full(grid.num_beats, 127, np.int64)
    bass = next((other.top for other in others if other.is_bass), np.zeros(grid.num_beats, np.int64))
    for other in others:
        if other.is_bass or other.centre <= _centre(follower):
            floor = np.maximum(floor, other.top + _GAP_SEMITONES)
        else:
            ceiling = np.minimum(ceiling, other.bottom - _GAP_SEMITONES)
    return Neighbours(floor, ceiling, bass)


def _shape(written: list[WrittenNote], follower: FollowerSettings, heard: Heard, num_frames: int, seed: int) -> Part:
    voices = max(follower.num_voices, 1)
    return shape(follower.name, written, follower.spec, voices, heard.tuning_cents, num_frames, seed)

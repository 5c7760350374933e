"""Writes one part for each follower, from key, chords, beats and what the leader plays.

Basses are written first, then pads, then counter-melodies, each from the lowest to the highest and without crossing
those before it. Where no chord is heard the key's tonic triad is played softly; where the leader is silent for more
than a bar the band rests; the final chord begins on the last strong beat. Of chords, notes at a beat depend on those of
its bar alone, but for the last note of a bar, which may lead into the next one. On what the leader plays they depend no
later than `LOOK_AHEAD_BEATS` and the rest of that bar, and on a final chord that begins within them; so a longer leader
does not change what was written that long before a shorter one's final chord.

A follower with a seed of its own leaves all others as they are: they are written around what it plays with the render's
seed, and then it is written anew among them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ensemble.conduct.arranger import Arranger
from ensemble.conduct.articulating import as_line
from ensemble.conduct.bass import bass_pitches, write_bass
from ensemble.conduct.character import character_of
from ensemble.conduct.counter import counter_pitches, write_counter
from ensemble.conduct.drums import click, count_in, write_drums
from ensemble.conduct.dynamics import ForetoldStrokes
from ensemble.conduct.ending import with_ending
from ensemble.conduct.grid import Grid, grid_of
from ensemble.conduct.intro import count_bars
from ensemble.conduct.jitter import Chance
from ensemble.conduct.leader import STEPS_PER_BEAT, Leader, listen_to
from ensemble.conduct.melody import transform, write_double
from ensemble.conduct.pad import pattern_strokes, rule_strokes, write_pad
from ensemble.conduct.pattern_bass import write_pattern_bass
from ensemble.conduct.performer import Performer
from ensemble.conduct.shaping import WrittenNote, shape
from ensemble.conduct.voicing import Neighbours, voice_chords
from ensemble.config import FollowerSettings
from ensemble.errors import ConfigError
from ensemble.settings.style import Manner, MetreKind, MetrePatterns, Style
from ensemble.settings.style_file import free_style
from ensemble.types.music import DrumClass, Heard, Hit, Hits, Part, Role
from ensemble.types.strokes import ALL_DRUMS, PERCUSSION

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
    manner: Manner | None = None,
    performers: Mapping[str, Performer] = {},
    known: Mapping[str, Part] = {},
) -> tuple[Part | Hits, ...]:
    """Write every follower's part.

    Args:
        heard: what is heard of the leader; the music ends with it.
        followers: the band; parts are returned in this order.
        num_frames: length of the parts: the leader's and a tail, into which bass and pads ring for up to 0.3 s.
        seed: decides small deviations, and where approach notes, passing notes and fills are.
        arranger: writes those basses, pads and counter-melodies that it knows and no style writes; rules write the
            others.
        foretold: the strokes that the conductor predicts; drums keep to their grooves where it is absent or unsure, and
            in a style that does not follow it.
        manner: how the band plays.
        performers: shape the notes, by part; rules do for parts without one.
        known: parts that the same performers shaped, by name; they are not shaped again where they would be the same.

    Returns:
        One `Part` per pitched follower, `Hits` for a drummer. All have `num_frames` frames.

    Raises:
        ConfigError: the style has nothing for the leader's metre.
    """
    grid, manner = grid_of(heard), manner or Manner()
    grid, leader, ring_s = with_ending(grid, listen_to(heard, grid), manner, heard.frames.num_frames, num_frames)
    scene = scene_of(grid, leader, manner)
    chance = Chance(seed, varies=bool(seed))
    notes = write_notes(scene, followers, chance, ring_s, arranger)
    parts: list[Part | Hits] = []
    for follower in followers:
        if follower.role == "drums":
            hits = write_strokes(scene, follower, chance, foretold)
            parts.append(Hits(name=follower.name, hits=hits, num_frames=num_frames))
        elif follower.role == "transform":
            parts.append(transform(follower.name, heard, follower.range, num_frames, follower.transfer))
        else:
            if follower.role == "double":
                written = placed(write_double(heard, follower.range), grid)
            else:
                written = notes[follower.name]
            shaping = (
                follower.name, written, follower.spec, max(follower.num_voices, 1), heard.tuning_cents, num_frames,
                own_chance(follower, chance).seed, scene.manner.humanize,
            )  # fmt: skip
            made_of = blake2b(repr(shaping).encode(), digest_size=16).hexdigest()
            before = known.get(follower.name)
            if before is None or before.made_of != made_of:
                before = replace(shape(*shaping, performer=performers.get(follower.name)), made_of=made_of)
            parts.append(before)
    return tuple(parts)


class Scene(NamedTuple):
    """What all parts are written from."""

    grid: Grid
    """The beats, with the style's swing."""
    leader: Leader
    """What the leader plays in them."""
    style: Style
    """What the band plays."""
    patterns: MetrePatterns
    """The style's, for this metre."""
    manner: Manner
    """How the band plays."""

    def has_pattern(self, follower: FollowerSettings) -> bool:
        """Whether the style says what a follower plays."""
        strikes = follower.role == "pad" and follower.spec.fades
        return bool(self.patterns.chords if strikes else follower.role == "bass" and self.patterns.bass)


def scene_of(grid: Grid, leader: Leader, manner: Manner) -> Scene:
    """Find what the style plays in the leader's metre.

    Raises:
        ConfigError: it has nothing for it.
    """
    style = manner.style or free_style()
    patterns = _patterns(style, grid)
    if style.swing is not None and grid.beat_division == 2:
        grid = replace(grid, swing=style.swing)
    return Scene(grid, leader, style, patterns, manner)


def own_chance(follower: FollowerSettings, chance: Chance) -> Chance:
    """A follower's own, where it has a seed of its own."""
    if follower.seed is None:
        return chance
    is_lasting = chance.lasting_seed is None
    seed = follower.seed if is_lasting else crc32(f"{follower.seed}/{chance.first_beat}".encode())
    return chance._replace(seed=seed, varies=bool(follower.seed), lasting_seed=follower.seed)


def _drums_of(follower: FollowerSettings) -> tuple[DrumClass, ...]:
    """What a drummer has to strike."""
    if follower.plays == "percussion":
        return PERCUSSION
    return tuple(drum for drum in ALL_DRUMS if follower.plays != "kit" or drum not in PERCUSSION)


def write_strokes(
    scene: Scene, follower: FollowerSettings, chance: Chance, foretold: ForetoldStrokes | None = None
) -> tuple[Hit, ...]:
    """Write the strokes of a drummer; see `write_parts`."""
    grid, leader, style, patterns, manner = scene
    if follower.plays == "click":
        return click(grid)
    counted = count_in(grid, count_bars(manner))
    if follower.plays == "count":
        return counted
    played = write_drums(
        grid, leader, character_of(grid, leader, follower.density), style, patterns.drums, manner,
        own_chance(follower, chance), follower.name, foretold, _drums_of(follower),
    )  # fmt: skip
    return (*counted, *(replace(hit, index=hit.index + len(counted)) for hit in played))


def write_notes(
    scene: Scene, followers: Sequence[FollowerSettings], chance: Chance, ring_s: float, arranger: Arranger | None = None
) -> dict[str, list[WrittenNote]]:
    """Write the notes of every bass, pad and counter-melody, by part; see `write_parts`.

    Args:
        scene: what they are written from.
        followers: the band.
        chance: of the render.
        ring_s: how long basses and pads ring on after the leader's end.
        arranger: writes those parts that it knows and the style does not.
    """

    def write(
        follower: FollowerSettings, others: Collection[_Register], chance: Chance
    ) -> tuple[list[WrittenNote], NDArray[np.int64]]:
        neighbours = _neighbours(follower, others, scene.grid)
        if scene.has_pattern(follower) or arranger is None or not arranger.knows(follower):
            return _write(follower, scene, neighbours, chance, ring_s)
        return arranger.write(follower, scene.grid, scene.leader, neighbours, chance.seed, ring_s)

    notes: dict[str, list[WrittenNote]] = {}
    registers: dict[str, _Register] = {}
    in_order = [follower for role in _ORDER for follower in sorted(followers, key=_centre) if follower.role == role]
    for follower in in_order:
        notes[follower.name], pitches = write(follower, registers.values(), chance)
        registers[follower.name] = _Register(follower, pitches)
    for follower in in_order:
        if follower.seed is not None:
            others = [register for name, register in registers.items() if name != follower.name]
            notes[follower.name], _ = write(follower, others, own_chance(follower, chance))
    families = {follower.name: follower.spec.family for follower in in_order}
    return {
        name: placed(as_line(written, scene.style.lines, families[name]), scene.grid) for name, written in notes.items()
    }


def placed(written: Sequence[WrittenNote], grid: Grid) -> list[WrittenNote]:
    """Notes with their places in the bar."""
    if not grid.num_beats:
        return list(written)
    beats = np.interp([note.start_s for note in written], grid.edges_s, np.arange(grid.num_beats + 1.0))
    whole = np.minimum(beats.astype(np.int64), grid.num_beats - 1)
    places = (grid.positions[whole] + beats - whole) / grid.beats_per_bar % 1.0
    return [note._replace(bar_place=place) for note, place in zip(written, places.tolist(), strict=True)]


def _patterns(style: Style, grid: Grid) -> MetrePatterns:
    """What a style plays in the leader's metre.

    Raises:
        ConfigError: it has nothing for it.
    """
    found = style.patterns_for(MetreKind(grid.beats_per_bar, grid.beat_division))
    if found is None:
        parts = "two" if grid.beat_division == 2 else "three"
        problem = (
            f"{style.name} is in {', '.join(style.metres)}; the leader has {grid.beats_per_bar} beats of {parts} parts"
        )
        raise ConfigError("style", problem, "choose another style, or say --beats-per-bar if the leader is misheard")
    return found


def _write(
    follower: FollowerSettings, scene: Scene, neighbours: Neighbours, chance: Chance, ring_s: float
) -> tuple[list[WrittenNote], NDArray[np.int64]]:
    """Write one follower's notes by the style's patterns, or else by the rules of its role; also returns its pitches.
    [beats, voices or half beats]
    """
    grid, leader, _, patterns, manner = scene
    character = character_of(grid, leader, follower.density)
    if follower.role == "bass" and patterns.bass:
        written, sounding = write_pattern_bass(
            grid, leader, follower, patterns.bass, character, manner, chance, ring_s
        )  # fmt: skip
        return written, np.stack([sounding, _highest(written, grid)], axis=1)
    if follower.role == "bass":
        line = bass_pitches(grid, leader, follower, chance)
        written = write_bass(grid, leader, follower, line, manner, chance, ring_s)
        return written, np.stack([np.array(line, np.int64), _highest(written, grid)], axis=1)
    if follower.role == "pad":
        voicing = voice_chords(grid, leader, follower.range, follower.chord_notes, neighbours)
        if patterns.chords:
            strokes = pattern_strokes(grid, leader, patterns.chords, character, manner, chance, follower.name)
        else:
            strokes = rule_strokes(grid, leader, follower, neighbours.bass, manner, chance)
        return write_pad(grid, leader, follower, voicing, ring_s, strokes), voicing
    line_by_step = counter_pitches(grid, leader, follower, neighbours, manner, chance)
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

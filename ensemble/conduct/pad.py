"""Writes pads from voicings: plucked and keyed instruments play strokes, bowed and blown ones hold notes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.conduct.articulating import GHOST_VELOCITY, STACCATO_SHARE, articulation_of
from ensemble.conduct.breath import released_s, renews
from ensemble.conduct.character import Character, RowReader, playable, suiting
from ensemble.conduct.density import other_rhythm, rhythm_levels, softer_without_chord
from ensemble.conduct.grid import Grid
from ensemble.conduct.jitter import Chance, bell
from ensemble.conduct.leader import Leader
from ensemble.conduct.pedal import PEDAL_S, changes_at, pooled
from ensemble.conduct.shaping import WrittenNote
from ensemble.config import FollowerSettings
from ensemble.settings.style import NOTHING, SIXTEENTHS_PER_BEAT, VELOCITY, ChordPattern, Manner
from ensemble.types.articulation import Articulation

_STRUM_MS, _STRUM_SPREAD = 7.0, 0.25
_UP_SHARE = 0.8
"""An upward stroke takes so much of the time of a downward one."""
_STRUM_BEATS = 0.24
"""A strum takes no more of a beat, however slow the hand is: the next one comes."""
_MIDDLE_VELOCITY = 80
_LEGATO_SHARE = 0.95


class Stroke(NamedTuple):
    """One stroke of a chord."""

    start: float
    """The beat on which it begins."""
    until: float
    """The beat at which it ends."""
    velocity: int
    """MIDI velocity of its first note."""
    length: float = 0.96
    """Share of that time that it lasts."""
    per_beat: int = 2
    """How often the hand goes up or down in a beat: the first and every second stroke of these goes down."""
    articulation: Articulation = Articulation.PLAIN
    """How its notes are to be played."""
    strum_ms: float = _STRUM_MS
    """How long the hand takes from string to string, going down, at a middle force."""

    @property
    def goes_down(self) -> bool:
        """Whether it goes from the lowest string to the highest: on beats, and not between."""
        return self.start * self.per_beat % 2 == 0

    @property
    def is_bound(self) -> bool:
        """Whether it lasts as long as it may, so that a foot holds the pedal."""
        return self.length >= _LEGATO_SHARE and self.articulation not in (Articulation.STACCATO, Articulation.GHOST)

    @property
    def string_s(self) -> float:
        """How long it takes from string to string, in seconds."""
        share = 1.0 if self.goes_down else _UP_SHARE
        return share * self.strum_ms / 1000.0 * _MIDDLE_VELOCITY / self.velocity


def write_pad(
    grid: Grid, leader: Leader, follower: FollowerSettings, voicing: NDArray[np.int64], ring_s: float,
    strokes: Sequence[Stroke],
) -> list[WrittenNote]:  # fmt: skip
    """Make notes of the voicings; the last chord is held until `ring_s` after the leader's end.

    Args:
        grid: the beats.
        leader: says where the band rests.
        follower: its instrument decides whether chords are struck or held.
        voicing: from `voice_chords`.  [beats, voices]
        ring_s: how long the last chord lasts after the leader's end.
        strokes: for instruments whose notes fade: when chords are struck, as from `rule_strokes`.
    """
    if follower.spec.fades:
        return _strummed(grid, leader, follower, voicing, ring_s, strokes)
    return _sustained(grid, leader, follower, voicing, ring_s)


def rule_strokes(
    grid: Grid, leader: Leader, follower: FollowerSettings, bass: NDArray[np.int64], manner: Manner,
    chance: Chance,
) -> list[Stroke]:  # fmt: skip
    """Decide when chords are struck and how hard: every half bar, beat or half beat, with accents on 1, 2 and 4.

    In three, the bass plays the first beat, and chords are struck after it.

    Args:
        grid: the beats.
        leader: says how many notes to play, and where the band rests.
        follower: may say how many notes to play instead.
        bass: pitch of the bass, 0 where it rests.  [beats]
        manner: how far hands stray.
        chance: of the take; in one that varies, some beats have more or fewer strokes.
    """
    levels = rhythm_levels(leader, grid, other_rhythm(grid, chance, follower.name), follower.density)
    strokes: list[Stroke] = []
    for beat in np.flatnonzero(leader.is_playing[: grid.final_beat + 1]).tolist():
        softer = softer_without_chord(grid, beat)
        position, level = int(grid.positions[beat]), int(levels[beat])
        place, is_last = position % 3, beat == grid.final_beat
        is_after_bass = grid.is_in_three and not is_last and level < 2 and bass[max(beat - place, 0)] > 0
        if is_after_bass:
            is_struck = place == 1 or (place == 2 and (level == 1 or grid.changes(beat)))
        else:
            is_struck = is_last or level > 0 or grid.changes(beat) or grid.is_strong(beat)
        if is_struck:
            until = beat - place + 3.0 if is_after_bass else math.inf
            accent = 90 if position == 0 else 86 if position % 2 else 78
            strokes.append(Stroke(float(beat), until, accent - softer))
        pushes = level == 2 or (level == 1 and position % 4 == 1 and not grid.is_in_three)  # 1, 2 and, 3, 4
        if pushes and not is_last:
            strokes.append(Stroke(beat + 0.5, math.inf, 68 - softer))
    following = [*(stroke.start for stroke in strokes[1:]), float(grid.num_beats)]
    ended = [one._replace(until=min(one.until, other)) for one, other in zip(strokes, following, strict=False)]
    return _loosened(ended, manner, chance, follower.name)


def pattern_strokes(
    grid: Grid, leader: Leader, patterns: Sequence[ChordPattern], character: Character, manner: Manner, chance: Chance,
    name: str,
) -> list[Stroke]:  # fmt: skip
    """Decide when chords are struck by a style's patterns.

    A stroke ends where the chord changes. A chord under which the row has no stroke is struck softly where it begins.

    Args:
        grid: the beats.
        leader: says where the band rests.
        patterns: of the style, for this metre.
        character: of the leader, by segments.
        manner: how much another take varies.
        chance: of the take.
        name: of the part.
    """
    chosen = suiting(patterns, character, chance, name)
    reader = RowReader(grid, manner, chance, name, ghost="", added="o", has_pickups=True)
    strokes: list[Stroke] = []
    changed, unheard = 0, False
    for beat in np.flatnonzero(leader.is_playing[: grid.final_beat]).tolist():
        pattern, row = chosen[beat], chosen[beat].row
        per_beat = SIXTEENTHS_PER_BEAT if any(one != NOTHING for bar in row for one in bar[1::2]) else 2
        softer = softer_without_chord(grid, beat)
        if leader.begins(grid, beat):
            if unheard:
                strokes.append(_soft(changed, beat, pattern.length))
            _end_last(strokes, beat)
            changed, unheard = beat, True
        for sixteenth in playable(float(grid.edges_s[beat + 1] - grid.edges_s[beat]), grid.beat_division):
            place = beat + sixteenth / SIXTEENTHS_PER_BEAT
            struck = reader.sign(row, beat, sixteenth)
            if struck != NOTHING:
                _end_last(strokes, place)
            if struck in VELOCITY:
                longest = place + pattern.longest_beats
                how = articulation_of(struck, reader.written(pattern.articulation_row, beat, sixteenth), pattern.length)
                length = min(pattern.length, STACCATO_SHARE) if how == Articulation.STACCATO else pattern.length
                velocity = GHOST_VELOCITY if how == Articulation.GHOST else VELOCITY[struck]
                strokes.append(Stroke(place, longest, velocity - softer, length, per_beat, how, pattern.strum_ms))
                unheard = False
    if unheard:
        strokes.append(_soft(changed, grid.final_beat, 1.0))
    if grid.num_beats and leader.is_playing[grid.final_beat]:
        _end_last(strokes, grid.final_beat)
        strokes.append(Stroke(float(grid.final_beat), float(grid.num_beats), VELOCITY["X"]))
    return _loosened(strokes, manner, chance, name)


def _loosened(strokes: Sequence[Stroke], manner: Manner, chance: Chance, name: str) -> list[Stroke]:
    """Let the hand be quicker or slower from stroke to stroke, at random by its place."""
    places = np.array([round(stroke.start * SIXTEENTHS_PER_BEAT) for stroke in strokes], np.int64)
    drawn = bell(chance.draws(f"{name}/strums", places, 4))
    slower = np.exp(2.0 * manner.humanize * _STRUM_SPREAD * drawn).tolist()
    return [one._replace(strum_ms=one.strum_ms * times) for one, times in zip(strokes, slower, strict=True)]


def _soft(beat: int, until: float, length: float) -> Stroke:
    return Stroke(float(beat), float(until), VELOCITY["o"], length)


def _end_last(strokes: list[Stroke], place: float) -> None:
    if strokes:
        strokes[-1] = strokes[-1]._replace(until=min(strokes[-1].until, place))


def _strummed(
    grid: Grid, leader: Leader, follower: FollowerSettings, voicing: NDArray[np.int64], ring_s: float,
    strokes: Sequence[Stroke],
) -> list[WrittenNote]:  # fmt: skip
    """Make notes of strokes: those down from the lowest to the highest note, those up from the highest.

    Keys are struck together, and what is bound rings until the pedal lifts: when another chord has been struck, or
    where a stroke ends before the next. Each note has a voice of its own meanwhile.
    """
    has_strings = follower.spec.family == "plucked"
    written: list[WrittenNote] = []
    for stroke, rest in zip(strokes, _rests(strokes), strict=True):
        beat = int(stroke.start)
        start_s = grid.seconds(stroke.start)
        length = stroke.length * (grid.seconds(leader.plays_until(beat, stroke.until)) - start_s)
        if beat >= grid.final_beat:
            stop_s = grid.end_s + ring_s
        elif stroke.is_bound and not has_strings:
            change = changes_at(grid, beat)
            until = leader.plays_until(beat, min(change, rest))
            stop_s = grid.seconds(until) + (PEDAL_S if until == change else 0.0)
        else:
            stop_s = start_s + length
        sounds = np.flatnonzero(voicing[beat])
        order = sounds if stroke.goes_down else sounds[::-1]
        room_s = _STRUM_BEATS * float(grid.edges_s[beat + 1] - grid.edges_s[beat]) / max(len(sounds) - 1, 1)
        string_s = min(stroke.string_s, room_s) if has_strings else 0.0
        for delay, voice in enumerate(order.tolist()):
            start = start_s + (delay - (len(sounds) - 1) / 2) * string_s  # the middle of a strum is on the beat
            pitch, velocity = int(voicing[beat, voice]), stroke.velocity - 2 * delay
            written.append(WrittenNote(start, stop_s, pitch, velocity, voice, stroke.articulation))
    return written if has_strings else pooled(written, follower.num_voices)


def _rests(strokes: Sequence[Stroke]) -> list[float]:
    """The beat at which the first stroke from each on ends that no other follows there; infinite where none does."""
    rests, following = [math.inf], math.inf
    for stroke in reversed(strokes):
        rests.append(stroke.until if stroke.until < following else rests[-1])
        following = stroke.start
    return rests[:0:-1]


def _sustained(
    grid: Grid, leader: Leader, follower: FollowerSettings, voicing: NDArray[np.int64], ring_s: float
) -> list[WrittenNote]:
    """Let every voice hold its note over chords that share it, for as long as a bow or a breath lasts."""
    family = follower.spec.family
    written: list[WrittenNote] = []
    for voice in range(voicing.shape[1]):
        beat = 0
        while beat < grid.num_beats:
            pitch = int(voicing[beat, voice])
            if not pitch or not leader.is_playing[beat]:
                beat += 1
                continue
            stop = beat + 1
            while stop < grid.num_beats and int(voicing[stop, voice]) == pitch and leader.is_playing[stop]:
                if stop == grid.final_beat or renews(grid, leader, family, beat, stop):
                    break
                stop += 1
            start_s = grid.seconds(beat)
            if beat >= grid.final_beat:
                stop, stop_s = grid.num_beats, grid.end_s + ring_s
            else:
                stop_s = released_s(grid, leader, family, start_s, stop)
            velocity = (86 if grid.is_strong(beat) else 75) - softer_without_chord(grid, beat)
            written.append(WrittenNote(start_s, stop_s, pitch, velocity, voice))
            beat = stop
    return written

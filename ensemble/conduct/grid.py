"""The grid of beats: the leader's beats, continued to both ends of the music, with a chord and a place in its bar."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.harmony import sounding
from ensemble.conduct.notes import SOUNDING_DB, last_note_s
from ensemble.types.harmony import NO_CHORD, Chord, Key
from ensemble.types.metre import CountedMetre
from ensemble.types.music import Frames, Heard

LOOK_AHEAD_BEATS = 8
"""Notes at a beat depend on nothing later than this many beats and the rest of that bar."""
PHRASE_BARS = 4
"""Bars in a phrase."""
FALLBACK_TEMPO_BPM = 100.0
"""Tempo where none is heard."""
_INTERVALS_AT_AN_END = 8
_TOGETHER_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The beats of the music."""

    edges_s: NDArray[np.float64]
    """Start of every beat, and the end of the last.  [beats + 1]"""
    chords: tuple[Chord, ...]
    """One per beat."""
    keys: tuple[Key, ...]
    """The key on each beat."""
    positions: NDArray[np.int64]
    """Place of each beat in its bar; 0 is the downbeat.  [beats]"""
    bars: NDArray[np.int64]
    """Number of each beat's bar: 0 is the leader's first whole bar, -1 the one before it.  [beats]"""
    beats_per_bar: int
    """Beats in a bar."""
    end_s: float
    """When the leader ends."""
    final_beat: int
    """The beat on which the last chord begins."""
    energy: NDArray[np.float64]
    """How much the band gives on each beat, 0..1; NaN where that is the leader's to say.  [beats]"""
    swing: float = 0.5
    """Where in a beat its second half begins: two thirds where it has three parts, after the second of them."""
    beat_division: int = 2
    """How many equal parts a beat has: 2, or 3 in compound metres."""
    metres: tuple[CountedMetre, ...] = ()
    """What is counted from which beat on, and before the first; none where the leader's metre is not known."""

    @property
    def sounding(self) -> tuple[Chord, ...]:
        """What the band plays on each beat: the chord, or the key's tonic triad where there is none."""
        return tuple(sounding(chord, key) for chord, key in zip(self.chords, self.keys, strict=True))

    @property
    def num_beats(self) -> int:
        """Number of beats."""
        return len(self.chords)

    def rest_of_bar(self, steps_per_beat: int = 1) -> list[int]:
        """How many later steps each step's bar has: choices that look no further leave the bars before an edited bar.
        [beats * steps_per_beat]
        """
        opens = np.flatnonzero(np.append(np.diff(self.bars), 1)) + 1 if self.num_beats else np.zeros(0, np.int64)
        ends = np.repeat(opens, np.diff(opens, prepend=0)) * steps_per_beat
        return [int(end - step) - 1 for step, end in enumerate(np.repeat(ends, steps_per_beat))]

    def metre(self, beat: int) -> CountedMetre:
        """What is counted on a beat, where that is known."""
        return next((one for one in reversed(self.metres) if one.beat <= beat), self.metres[0])

    def is_strong(self, beat: int) -> bool:
        """Whether a beat begins a bar, or a later group of beats within it."""
        return int(self.positions[beat]) in strong_positions(self.beats_per_bar)

    @property
    def is_in_three(self) -> bool:
        """Whether bars consist of groups of three beats."""
        return self.beats_per_bar % 3 == 0

    def opens_phrase(self, beat: float, phrase_bars: int = PHRASE_BARS) -> bool:
        """Whether a phrase of so many bars begins on this beat, counted from the leader's first whole bar."""
        here = int(beat)
        is_bar = here == beat and here < self.num_beats and self.positions[here] == 0
        return bool(is_bar and self.bars[here] % phrase_bars == 0)

    def changes(self, beat: int) -> bool:
        """Whether the chord of a beat differs from the one before; True for the first."""
        return beat == 0 or self.chords[beat] != self.chords[beat - 1]

    def seconds(self, beat: float) -> float:
        """Time of a (fractional) beat with the leader's swing, at most the leader's end."""
        whole = min(int(beat), self.num_beats - 1)
        start, stop = float(self.edges_s[whole]), float(self.edges_s[whole + 1])
        return min(start + float(self._swung(np.array(beat - whole))) * (stop - start), self.end_s)

    def _swung(self, share: NDArray[np.float64]) -> NDArray[np.float64]:
        """Apply swing to written shares of a beat: the first half becomes longer, the second shorter."""
        return np.asarray(np.interp(share, (0.0, 0.5, 1.0), (0.0, self.swing, 1.0)))

    def fine_edges_s(self, steps_per_beat: int) -> NDArray[np.float64]:
        """Edges of equally long written steps inside every beat, with swing.  [beats * steps_per_beat + 1]"""
        place = np.arange(self.num_beats * steps_per_beat + 1) / steps_per_beat
        played = np.floor(place) + self._swung(place - np.floor(place))
        return np.interp(played, np.arange(self.num_beats + 1), self.edges_s)


@cache
def strong_positions(beats_per_bar: int) -> frozenset[int]:
    """The positions in a bar at which groups of beats begin.

    Up to three beats are one group, and multiples of three are groups of three; others are halved, the longer half
    first: 3 + 2, 4 + 4.
    """
    if beats_per_bar <= 3:
        return frozenset((0,))
    if beats_per_bar % 3 == 0:
        return frozenset(range(0, beats_per_bar, 3))
    return frozenset((0, (beats_per_bar + 1) // 2))


def grid_of(heard: Heard) -> Grid:
    """Continue the leader's beats backwards to the start and forwards to its end, at the tempo near each end.

    Beats that are added get the chord of the nearest one. A leader without beats has one; a leader of no frames none.
    """
    tempo = heard.tempo_bpm if np.isfinite(heard.tempo_bpm) and heard.tempo_bpm > 0 else FALLBACK_TEMPO_BPM
    end_s = _end_s(heard.frames, LOOK_AHEAD_BEATS * 60 / tempo)
    inside = (heard.beats_s >= 0) & (heard.beats_s < end_s)
    beats = heard.beats_s[inside]
    chords = [chord for chord, keep in zip(heard.chords, inside, strict=True) if keep]
    keys = [key for key, keep in zip(heard.keys, inside, strict=True) if keep]
    downbeat = heard.first_downbeat - int((heard.beats_s < 0).sum())
    if not len(beats) and end_s > 0:
        beats, chords, keys, downbeat = np.zeros(1), [NO_CHORD], [heard.key], 0
    if not len(beats):
        return Grid(
            edges_s=np.zeros(1), chords=(), keys=(), positions=np.zeros(0, np.int64), bars=np.zeros(0, np.int64),
            energy=np.zeros(0),
            beats_per_bar=max(heard.beats_per_bar, 1), metres=heard.metres, end_s=0.0, final_beat=0,
        )  # fmt: skip
    intervals = np.diff(beats)
    first = float(np.median(intervals[:_INTERVALS_AT_AN_END])) if len(intervals) else 60 / tempo
    last = float(np.median(intervals[-_INTERVALS_AT_AN_END:])) if len(intervals) else 60 / tempo
    before = int(beats[0] / first + 1e-6)
    after = max(int((end_s - beats[-1]) / last - 0.25), 0)  # a last beat needs a quarter of its length
    head = beats[0] - first * np.arange(before, 0, -1)
    tail = beats[-1] + last * np.arange(1, after + 2)
    edges = np.concatenate([np.maximum(head, 0.0), beats, tail])
    per_bar = max(heard.beats_per_bar, 1)
    shift = before + downbeat - heard.first_downbeat
    opened = [beat + shift for beat in heard.bar_starts if beat >= heard.first_downbeat] or [before + downbeat]
    positions, bars = _counted(len(edges) - 1, opened, per_bar)
    return Grid(
        edges_s=edges,
        chords=(*[chords[0]] * before, *chords, *[chords[-1]] * after),
        keys=(*[keys[0]] * before, *keys, *[keys[-1]] * after),
        energy=_energy(heard, inside, before, len(edges) - 1),
        positions=positions,
        bars=bars,
        beats_per_bar=per_bar,
        metres=tuple(replace(one, beat=one.beat + shift) for one in heard.metres),
        end_s=end_s,
        final_beat=_final_beat(edges, positions, per_bar, end_s, 0.7 * last, last_note_s(heard)),
        swing=heard.swing if heard.beat_division == 2 else 2 / 3,
        beat_division=heard.beat_division,
    )


def _energy(heard: Heard, inside: NDArray[np.bool_], before: int, num_beats: int) -> NDArray[np.float64]:
    """What a chart says, on the beats of the grid, of which `before` are added at the beginning.  [beats]"""
    energy = np.full(num_beats, np.nan)
    said = heard.energy[inside[: len(heard.energy)]]
    energy[before : before + len(said)] = said
    return energy


def _counted(num_beats: int, opened: list[int], per_bar: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The place of each beat in its bar and the bar's number; before the first bar that opens and after the last, bars
    have `per_bar` beats.  [beats] each
    """
    starts, beat = np.array(opened), np.arange(num_beats)
    bar = np.searchsorted(starts, beat, side="right") - 1
    since = beat - starts[np.maximum(bar, 0)]
    is_outside = (bar < 0) | (bar == len(starts) - 1)
    positions = np.where(is_outside, since % per_bar, since)
    return positions, np.where(is_outside, np.maximum(bar, 0) + since // per_bar, bar)


def _end_s(frames: Frames, patience_s: float) -> float:
    """When the music ends: with the leader's last sound, or with the recording where that is `patience_s` later."""
    sounding = np.flatnonzero(frames.loudness_db > SOUNDING_DB)
    whole_s = frames.num_frames / FRAME_RATE_HZ
    if not len(sounding):
        return whole_s
    last_s = (int(sounding[-1]) + 1) / FRAME_RATE_HZ
    return last_s if whole_s - last_s < patience_s else whole_s


def _final_beat(
    edges: NDArray[np.float64], positions: NDArray[np.int64], per_bar: int, end_s: float, room_s: float, last_s: float
) -> int:
    """The strong beat of the final chord: the last one that is followed by at least `room_s` of music.

    Where the leader's last note begins up to `LOOK_AHEAD_BEATS` earlier and rings on, the final chord begins with it.
    """
    strong = np.isin(positions, tuple(strong_positions(per_bar)))
    endings = np.flatnonzero(strong & (edges[:-1] <= end_s - room_s))
    if not len(endings):
        return 0
    together = endings[(edges[endings] <= last_s + _TOGETHER_S) & (endings >= endings[-1] - LOOK_AHEAD_BEATS)]
    return int(together[-1] if len(together) else endings[-1])

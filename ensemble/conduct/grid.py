"""The bars: the leader's beats, carried on to both ends of the music, with a chord and a place in the bar for each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.notes import SOUNDING_DB, last_note_s
from ensemble.types.harmony import NO_CHORD, Chord
from ensemble.types.music import Frames, Heard

LOOK_AHEAD_BEATS = 8
"""What is written at a beat depends on nothing that happens more than this, and the rest of that bar, later."""
PHRASE_BARS = 4
FALLBACK_TEMPO_BPM = 100.0
_INTERVALS_AT_AN_END = 8
_TOGETHER_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Where the beats lie.

    edges_s [beats + 1] float64: start of every beat and the end of the last; chords: one per beat; positions [beats]:
    place in the bar, 0 is the downbeat; bars [beats]: number of the bar, 0 is the leader's first whole one and what
    lies before it counts down from -1; end_s: where the leader ends; final_beat: the beat on which the last chord
    begins; swing: where in a beat its second half begins.
    """

    edges_s: NDArray[np.float64]
    chords: tuple[Chord, ...]
    positions: NDArray[np.int64]
    bars: NDArray[np.int64]
    beats_per_bar: int
    end_s: float
    final_beat: int
    swing: float = 0.5

    @property
    def num_beats(self) -> int:
        """Beats."""
        return len(self.chords)

    def is_strong(self, beat: int) -> bool:
        """Whether a beat is a downbeat, or opens a later group of a bar that has several."""
        return int(self.positions[beat]) in strong_positions(self.beats_per_bar)

    @property
    def is_in_three(self) -> bool:
        """Whether bars are counted in groups of three: the bass has the first of each, the chords have the others."""
        return self.beats_per_bar % 3 == 0

    def opens_phrase(self, beat: float) -> bool:
        """Whether a phrase of four bars begins here, counted from the leader's first: everybody breathes before it."""
        here = int(beat)
        is_bar = here == beat and here < self.num_beats and self.positions[here] == 0
        return bool(is_bar and self.bars[here] % PHRASE_BARS == 0)

    def changes(self, beat: int) -> bool:
        """Whether the chord of a beat differs from the one before it."""
        return beat == 0 or self.chords[beat] != self.chords[beat - 1]

    def seconds(self, beat: float) -> float:
        """Time of a (fractional) beat as this leader swings it, never past the leader's end."""
        whole = min(int(beat), self.num_beats - 1)
        start, stop = float(self.edges_s[whole]), float(self.edges_s[whole + 1])
        return min(start + float(self._swung(np.array(beat - whole))) * (stop - start), self.end_s)

    def _swung(self, share: NDArray[np.float64]) -> NDArray[np.float64]:
        """Written shares of a beat as they are played: the first half is stretched, the second hurries."""
        return np.asarray(np.interp(share, (0.0, 0.5, 1.0), (0.0, self.swing, 1.0)))

    def fine_edges_s(self, steps_per_beat: int) -> NDArray[np.float64]:
        """Edges of equal steps inside every beat.  [beats * steps_per_beat + 1]"""
        place = np.arange(self.num_beats * steps_per_beat + 1) / steps_per_beat
        played = np.floor(place) + self._swung(place - np.floor(place))
        return np.interp(played, np.arange(self.num_beats + 1), self.edges_s)


@cache
def strong_positions(beats_per_bar: int) -> frozenset[int]:
    """Where the groups of a bar begin: six are two threes, five are three and two, eight are two fours.

    Threes and less are one group; what is divided by three is counted in threes.
    """
    if beats_per_bar <= 3:
        return frozenset((0,))
    if beats_per_bar % 3 == 0:
        return frozenset(range(0, beats_per_bar, 3))
    return frozenset((0, (beats_per_bar + 1) // 2))


def grid_of(heard: Heard) -> Grid:
    """Carry the beats backwards to the start and forwards to the leader's end, at the tempo found near each end.

    Beats added before the first one hear its chord, beats added after the last one keep that one's. A leader shorter
    than a beat has one beat; a leader of no frames has none.
    """
    tempo = heard.tempo_bpm if np.isfinite(heard.tempo_bpm) and heard.tempo_bpm > 0 else FALLBACK_TEMPO_BPM
    end_s = _end_s(heard.frames, LOOK_AHEAD_BEATS * 60 / tempo)
    inside = (heard.beats_s >= 0) & (heard.beats_s < end_s)
    beats = heard.beats_s[inside]
    chords = [chord for chord, keep in zip(heard.chords, inside, strict=True) if keep]
    downbeat = heard.first_downbeat - int((heard.beats_s < 0).sum())
    if not len(beats) and end_s > 0:
        beats, chords, downbeat = np.zeros(1), [NO_CHORD], 0
    if not len(beats):
        return Grid(
            edges_s=np.zeros(1), chords=(), positions=np.zeros(0, np.int64), bars=np.zeros(0, np.int64),
            beats_per_bar=max(heard.beats_per_bar, 1), end_s=0.0, final_beat=0,
        )  # fmt: skip
    intervals = np.diff(beats)
    first = float(np.median(intervals[:_INTERVALS_AT_AN_END])) if len(intervals) else 60 / tempo
    last = float(np.median(intervals[-_INTERVALS_AT_AN_END:])) if len(intervals) else 60 / tempo
    before = int(beats[0] / first + 1e-6)
    after = max(int((end_s - beats[-1]) / last - 0.25), 0)  # a beat of which less than a quarter sounds is none
    head = beats[0] - first * np.arange(before, 0, -1)
    tail = beats[-1] + last * np.arange(1, after + 2)
    edges = np.concatenate([np.maximum(head, 0.0), beats, tail])
    per_bar = max(heard.beats_per_bar, 1)
    count = np.arange(len(edges) - 1) - before - downbeat
    positions = count % per_bar
    return Grid(
        edges_s=edges,
        chords=(*[chords[0]] * before, *chords, *[chords[-1]] * after),
        positions=positions,
        bars=(count - positions) // per_bar,
        beats_per_bar=per_bar,
        end_s=end_s,
        final_beat=_final_beat(edges, positions, per_bar, end_s, 0.7 * last, last_note_s(heard)),
        swing=heard.swing,
    )


def _end_s(frames: Frames, patience_s: float) -> float:
    """Where the leader's music ends: with the last that sounds, unless it ended so long ago that the band rests."""
    sounding = np.flatnonzero(frames.loudness_db > SOUNDING_DB)
    whole_s = frames.num_frames / FRAME_RATE_HZ
    if not len(sounding):
        return whole_s
    last_s = (int(sounding[-1]) + 1) / FRAME_RATE_HZ
    return last_s if whole_s - last_s < patience_s else whole_s


def _final_beat(
    edges: NDArray[np.float64], positions: NDArray[np.int64], per_bar: int, end_s: float, room_s: float, last_s: float
) -> int:
    """The strong beat on which the music ends: the last that leaves room for a chord to be heard as an ending.

    Where the leader's last note begins up to `LOOK_AHEAD_BEATS` before that and is left to ring, the last chord comes
    with it.
    """
    strong = np.isin(positions, tuple(strong_positions(per_bar)))
    endings = np.flatnonzero(strong & (edges[:-1] <= end_s - room_s))
    if not len(endings):
        return 0
    together = endings[(edges[endings] <= last_s + _TOGETHER_S) & (endings >= endings[-1] - LOOK_AHEAD_BEATS)]
    return int(together[-1] if len(together) else endings[-1])

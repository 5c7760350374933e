"""The beats of a score: what its metre counts, at a pace that a band can count."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ensemble.scores.melody import Melody, MetreMark, tempo_map

SLOWEST_BPM, FASTEST_BPM = 50.0, 240.0
"""Within these a beat can be counted; the same span that beats of recordings are looked for in."""
COMPOUND_UNIT = 8
"""Three notes of this kind, or of a shorter one, make one beat in metres of six, nine, twelve and more."""
COMMON = MetreMark(Fraction(0), 4, 4)
"""What is counted where the score names no metre."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """A grid of beats, from the melody's first whole beat to its end."""

    times_s: NDArray[np.float64]
    """When each beat comes, rising.  [beats]"""
    places: tuple[Fraction, ...]
    """The same in quarters."""
    tempo_bpm: float
    """Beats a minute."""
    beats_per_bar: int
    """Beats that make a bar."""
    beat_division: Literal[2, 3]
    """How many equal parts a beat has."""
    metre: tuple[int, int] | None
    """The time signature that is counted; None where the score has none."""
    first_downbeat: int
    """Index of the first beat that opens a bar."""
    warnings: tuple[str, ...]
    """What could not be counted as written, one sentence each."""

    def accent(self, place: Fraction) -> float:
        """1 on a downbeat, a half on another beat, 0 between."""
        beat = (place - self.places[0]) / (self.places[1] - self.places[0]) if len(self.places) > 1 else Fraction(0)
        if beat.denominator > 1:
            return 0.0
        return 1.0 if (beat - self.first_downbeat) % self.beats_per_bar == 0 else 0.5


def pulse_of(melody: Melody) -> Pulse:
    """Lay the grid: by the metre that lasts longest, from the first bar line in it.

    The beat is what the metre's lower figure names, and three of them in a compound metre; see `_beat`.
    """
    metre, is_mixed = _chief(melody)
    beat, beats_per_bar, beat_division = _beat(metre or COMMON, melody.quarter_bpm)
    anchor = next((bar for bar in melody.bars if metre is None or bar >= metre.at), Fraction(0))
    first = anchor % beat
    places = [first + number * beat for number in range(math.ceil((melody.length - first) / beat))] or [Fraction(0)]
    warnings = []
    if metre is None:
        warnings.append("The score names no metre that can be counted: bars of four quarters are assumed.")
    elif is_mixed:
        warnings.append(f"The metre changes: {metre.beats}/{metre.unit} is counted throughout.")
    return Pulse(
        times_s=tempo_map(melody.tempos).seconds([float(place) for place in places]),
        places=tuple(places),
        tempo_bpm=melody.quarter_bpm / float(beat),
        beats_per_bar=beats_per_bar,
        beat_division=beat_division,
        metre=None if metre is None else (metre.beats, metre.unit),
        first_downbeat=int((anchor - first) / beat) % beats_per_bar,
        warnings=tuple(warnings),
    )


def _chief(melody: Melody) -> tuple[MetreMark | None, bool]:
    """The metre that lasts longest, None for free time; and whether there are others."""
    lasting: dict[tuple[int, int], Fraction] = {}
    earliest: dict[tuple[int, int], MetreMark] = {}
    ends = [mark.at for mark in melody.metres[1:]] + [melody.length]
    for mark, end in zip(melody.metres, ends, strict=False):
        kind = mark.beats, mark.unit
        lasting[kind] = lasting.get(kind, Fraction(0)) + end - mark.at
        earliest.setdefault(kind, mark)
    if not lasting:
        return None, False
    longest = max(lasting, key=lambda kind: lasting[kind])
    return (earliest[longest] if longest[0] else None), len([kind for kind in lasting if lasting[kind] > 0]) > 1


def _beat(metre: MetreMark, quarter_bpm: float) -> tuple[Fraction, int, Literal[2, 3]]:
    """The beat in quarters, how many make a bar, and in how many parts it divides.

    Six, nine, twelve and more eighths, or shorter notes, are two, three and four beats of three: longer notes only
    where they pass too fast to be counted. A beat is made longer by twos where it is too fast, and divided where it is
    too slow: one of three parts becomes three beats, and threes, which would become sixes of another kind, only at half
    of that tempo.
    """
    beat, number = Fraction(4, metre.unit), metre.beats
    is_fast = metre.unit >= COMPOUND_UNIT or quarter_bpm / beat > FASTEST_BPM
    if number > 3 and number % 3 == 0 and is_fast and quarter_bpm / (3 * beat) >= SLOWEST_BPM / 2:
        return 3 * beat, number // 3, 3
    while number % 2 == 0 and quarter_bpm / beat > FASTEST_BPM:
        beat, number = beat * 2, number // 2
    while quarter_bpm / beat < (SLOWEST_BPM if number % 3 else SLOWEST_BPM / 2):
        beat, number = beat / 2, number * 2
    return beat, number, 2

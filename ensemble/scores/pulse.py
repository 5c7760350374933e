"""The beats of a score: what its metre counts, at a pace that a band can count."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ensemble.scores.melody import Melody, MetreMark, tempo_map
from ensemble.types.metre import CountedMetre

SLOWEST_BPM, FASTEST_BPM = 50.0, 240.0
"""Within these a beat can be counted; the same span that beats of recordings are looked for in."""
UNCOUNTABLE_BPM = 600.0
"""Five sixteenths cannot be made fewer beats; from here on they are none."""
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
    bar_starts: tuple[int, ...]
    """Indices of the beats that open bars; none where all bars have `beats_per_bar` beats."""
    metre_changes: tuple[CountedMetre, ...]
    """What is counted from which beat on; none where one metre is counted throughout."""
    warnings: tuple[str, ...]
    """What could not be counted as written, one sentence each."""

    def accents(self) -> dict[Fraction, float]:
        """1 for the places of downbeats, a half for those of other beats."""
        opened = self.bar_starts or range(self.first_downbeat, len(self.places), self.beats_per_bar)
        return dict.fromkeys(self.places, 0.5) | {self.places[beat]: 1.0 for beat in opened}


def pulse_of(melody: Melody) -> Pulse:
    """Lay the grid, from the first bar line on: in every metre its own beats, see `_beat`.

    One metre is the pulse's: the one that lasts longest.
    """
    melody = replace(melody, metres=tuple(_countable(mark, melody.quarter_bpm) for mark in melody.metres))
    metre, is_mixed = _chief(melody)
    beat, beats_per_bar, beat_division = _beat(metre or COMMON, melody.quarter_bpm)
    places, bar_starts, counted = _laid(melody, metre or COMMON)
    first = bar_starts[0]
    warnings = []
    if metre is None:
        warnings.append("The score names no metre that can be counted: bars of four quarters are assumed.")
    elif is_mixed:
        warnings.append(f"The metre changes: the band thinks in {metre.beats}/{metre.unit}, and bars are as written.")
    is_even = all(later - earlier == beats_per_bar for earlier, later in pairwise(bar_starts))
    return Pulse(
        times_s=tempo_map(melody.tempos).seconds([float(place) for place in places]),
        places=tuple(places),
        tempo_bpm=melody.quarter_bpm / float(beat),
        beats_per_bar=beats_per_bar,
        beat_division=beat_division,
        metre=None if metre is None else (metre.beats, metre.unit),
        first_downbeat=first % beats_per_bar if is_even else first,
        bar_starts=() if is_even else tuple(bar_starts),
        metre_changes=tuple(counted) if len({(one.count, one.unit) for one in counted}) > 1 else (),
        warnings=tuple(warnings),
    )


def _countable(metre: MetreMark, quarter_bpm: float) -> MetreMark:
    """The metre, or free time in place of one whose beats nobody can follow."""
    is_too_fast = metre.beats and quarter_bpm / _beat(metre, quarter_bpm)[0] > UNCOUNTABLE_BPM
    return metre._replace(beats=0) if is_too_fast else metre


def _laid(melody: Melody, chief: MetreMark) -> tuple[list[Fraction], list[int], list[CountedMetre]]:
    """The places of beats in quarters, the indices of those that open bars, and what is counted: one of each at least.

    A metre is counted from the first bar line in it, and until there the one before; one that cannot be counted is
    counted as the chief one.
    """
    metres = [mark if mark.beats else mark._replace(beats=chief.beats, unit=chief.unit) for mark in melody.metres]
    metres = [mark for mark in metres if mark.at < melody.length] or [chief._replace(at=Fraction(0))]
    ends = [*(mark.at for mark in metres[1:]), melody.length]
    anchors = [
        next((bar for bar in melody.bars if mark.at <= bar < end), mark.at)
        for mark, end in zip(metres, ends, strict=True)
    ]
    places: list[Fraction] = []
    bar_starts: list[int] = []
    counted: list[CountedMetre] = []
    for mark, anchor, stop in zip(metres, anchors, [*anchors[1:], melody.length], strict=True):
        beat, number, _ = _beat(mark, melody.quarter_bpm)
        counted.append(CountedMetre(beat=len(places), count=mark.beats, unit=mark.unit, num_beats=number))
        place = anchor if places else anchor % beat
        while place < stop or not places:
            if (place - anchor) % (number * beat) == 0 and place >= anchor:
                bar_starts.append(len(places))
            places.append(place)
            place += beat
            if stop < melody.length and 0 < stop - place < beat / 2:
                break  # the last beat of a metre that its bars do not fill is a longer one
    return places, bar_starts or [0], counted


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

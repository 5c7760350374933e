"""A tempo map: from places in a score (in quarter notes, or ticks of a MIDI file) to seconds and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

MAX_TEMPO_US = 2**24 - 1
"""The slowest tempo that a MIDI file can hold, in microseconds per quarter note."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TempoMap:
    """Tempos in order; each holds until the next one begins, the last one without end."""

    quarters: NDArray[np.float64]
    """Where each tempo begins, in quarters from the start of the score: 0 first, then rising.  [tempos]"""
    quarter_s: NDArray[np.float64]
    """How long a quarter lasts at each tempo, in seconds.  [tempos]"""

    @classmethod
    def through(cls, ends_s: Sequence[float], tolerance_s: float, end_quarters: Sequence[float] = ()) -> Self:
        """Make the tempos under which beat after beat ends at the given times.

        Tempos are whole microseconds per quarter note, as in MIDI files. A tempo is kept while its beats end within
        `tolerance_s` of the times given, so a steady player gets one tempo.

        Args:
            ends_s: when each beat ends, rising.
            tolerance_s: how far off a beat may end.
            end_quarters: where each beat ends, in quarter notes; if absent a beat is a quarter.
        """
        edges = [0.0, *(end_quarters or map(float, range(1, len(ends_s) + 1)))]
        quarters, starts_s, quarter_s = [0.0], [0.0], [_whole_us(ends_s[0] / edges[1]) / 1e6]
        for quarter, end_quarter, end_s in zip(edges[1:], edges[2:], ends_s[1:], strict=False):
            reached_s = starts_s[-1] + (quarter - quarters[-1]) * quarter_s[-1]
            if abs(reached_s + (end_quarter - quarter) * quarter_s[-1] - end_s) > tolerance_s:
                quarters.append(quarter)
                starts_s.append(reached_s)
                quarter_s.append(_whole_us((end_s - reached_s) / (end_quarter - quarter)) / 1e6)
        return cls(quarters=np.array(quarters), quarter_s=np.array(quarter_s))

    @classmethod
    def steady(cls, first_s: float, quarter_s: float, first_quarters: float) -> Self:
        """Make a map of one tempo after a first beat, which may be longer or shorter.

        Args:
            first_s: length of the first beat.
            quarter_s: length of a quarter note after it.
            first_quarters: the first beat in quarter notes.
        """
        lengths_s = [_whole_us(first_s / first_quarters) / 1e6, _whole_us(quarter_s) / 1e6]
        return cls(quarters=np.array([0.0, first_quarters]), quarter_s=np.array(lengths_s))

    @property
    def starts_s(self) -> NDArray[np.float64]:
        """When each tempo begins.  [tempos]"""
        return np.concatenate([np.zeros(1), np.cumsum(np.diff(self.quarters) * self.quarter_s[:-1])])

    @property
    def quarter_us(self) -> list[int]:
        """Each tempo in whole microseconds per quarter note, as in a MIDI file."""
        return [_whole_us(quarter_s) for quarter_s in self.quarter_s.tolist()]

    def seconds(self, quarters: ArrayLike) -> NDArray[np.float64]:
        """The times of places in the score, given in quarter notes from its start."""
        at = np.asarray(quarters, np.float64)
        tempo = _last_begun(self.quarters, at)
        return np.asarray(self.starts_s[tempo] + (at - self.quarters[tempo]) * self.quarter_s[tempo])

    def ticks(self, seconds: ArrayLike, ticks_per_quarter: int) -> NDArray[np.int64]:
        """The ticks that lie nearest to these times, 0 or more."""
        at, starts_s = np.asarray(seconds, np.float64), self.starts_s
        tempo = _last_begun(starts_s, at)
        since = (at - starts_s[tempo]) / self.quarter_s[tempo]
        ticks = np.rint(self.quarters[tempo] * ticks_per_quarter) + np.rint(since * ticks_per_quarter)
        return np.asarray(np.maximum(ticks, 0).astype(np.int64))

    def on_ticks(self, seconds: ArrayLike, ticks_per_quarter: int) -> NDArray[np.float64]:
        """These times rounded to whole ticks: the times that a reader of the MIDI file will compute."""
        return self.seconds(self.ticks(seconds, ticks_per_quarter) / ticks_per_quarter)


def _last_begun(starts: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.int64]:
    """Index of the tempo that holds at each place: the last one begun there or before, at least the first."""
    return np.asarray(np.maximum(np.searchsorted(starts, at, side="right") - 1, 0))


def _whole_us(seconds: float) -> int:
    return min(max(round(seconds * 1e6), 1), MAX_TEMPO_US)

"""Score time against seconds, in quarters and in the ticks of a MIDI file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

MAX_TEMPO_US = 2**24 - 1
"""The slowest tempo that a MIDI file can hold, in microseconds a quarter."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TempoMap:
    """Tempos in the order in which they come; each holds until the next one begins, the last one for ever."""

    quarters: NDArray[np.float64]
    """Where each tempo begins, in quarters from the start of the score: 0 first, then rising.  [tempos]"""
    quarter_s: NDArray[np.float64]
    """How long a quarter lasts at each tempo, in seconds.  [tempos]"""

    @classmethod
    def through(cls, ends_s: Sequence[float], tolerance_s: float) -> Self:
        """Tempos at which quarter after quarter ends at the given seconds, in the whole microseconds that MIDI keeps.

        A tempo is kept while its quarters end within `tolerance_s` of what is asked: a steady player gets one tempo.
        """
        quarters, starts_s, quarter_s = [0.0], [0.0], [_whole_us(ends_s[0]) / 1e6]
        for quarter, end_s in enumerate(ends_s[1:], start=1):
            reached_s = starts_s[-1] + (quarter - quarters[-1]) * quarter_s[-1]
            if abs(reached_s + quarter_s[-1] - end_s) > tolerance_s:
                quarters.append(float(quarter))
                starts_s.append(reached_s)
                quarter_s.append(_whole_us(end_s - reached_s) / 1e6)
        return cls(quarters=np.array(quarters), quarter_s=np.array(quarter_s))

    @property
    def starts_s(self) -> NDArray[np.float64]:
        """When each tempo begins.  [tempos]"""
        return np.concatenate([np.zeros(1), np.cumsum(np.diff(self.quarters) * self.quarter_s[:-1])])

    @property
    def quarter_us(self) -> list[int]:
        """Each tempo as a MIDI file holds it: whole microseconds a quarter."""
        return [_whole_us(quarter_s) for quarter_s in self.quarter_s.tolist()]

    def seconds(self, quarters: ArrayLike) -> NDArray[np.float64]:
        """When these places of the score come."""
        at = np.asarray(quarters, np.float64)
        tempo = _last_begun(self.quarters, at)
        return np.asarray(self.starts_s[tempo] + (at - self.quarters[tempo]) * self.quarter_s[tempo])

    def ticks(self, seconds: ArrayLike, ticks_per_quarter: int) -> NDArray[np.int64]:
        """The nearest ticks to these times; none lies before 0."""
        at, starts_s = np.asarray(seconds, np.float64), self.starts_s
        tempo = _last_begun(starts_s, at)
        since = (at - starts_s[tempo]) / self.quarter_s[tempo]
        ticks = np.rint(self.quarters[tempo] * ticks_per_quarter) + np.rint(since * ticks_per_quarter)
        return np.asarray(np.maximum(ticks, 0).astype(np.int64))

    def on_ticks(self, seconds: ArrayLike, ticks_per_quarter: int) -> NDArray[np.float64]:
        """The times of the nearest ticks: what a reader of the MIDI file will compute."""
        return self.seconds(self.ticks(seconds, ticks_per_quarter) / ticks_per_quarter)


def _last_begun(starts: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which tempo holds at each place: the last that begins there or before, the first for what comes before all."""
    return np.asarray(np.maximum(np.searchsorted(starts, at, side="right") - 1, 0))


def _whole_us(seconds: float) -> int:
    return min(max(round(seconds * 1e6), 1), MAX_TEMPO_US)

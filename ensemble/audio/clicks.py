"""Measures clicks where two blocks of sound join.

The measure is the second difference |x[n+1] - 2 x[n] + x[n-1]|, the larger of the channels: its maximum within
`REACH_SAMPLES` of the join, divided by its 99.9th percentile in the surroundings. A join that cannot be heard gives
about 1 or less; a step gives tens.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import soundfile
from numpy.typing import NDArray

from ensemble.types.music import PIECE_SAMPLES

REACH_SAMPLES = 2
"""Samples on either side of a join that belong to it."""
SURROUND_S = 0.05
"""Length of the surroundings on either side of a join."""
PERCENTILE = 99.9
"""The percentile of the surroundings that a join is compared with."""
ROUNDING = 2.0**-22
"""Second differences up to two steps of 24 bits come from rounding, not from sound."""


def click_ratio(file: soundfile.SoundFile, join_samples: Sequence[int] | range) -> float | None:
    """The largest ratio over the joins of a file that is open at its beginning; see `JoinMeter`."""
    meter = JoinMeter(file.samplerate, join_samples)
    for piece in file.blocks(PIECE_SAMPLES, dtype="float64", always_2d=True):
        meter.push(piece)
    return meter.worst()


class JoinMeter:
    """Measures a signal piece by piece, of any length, and keeps the largest ratio over its joins.

    The surroundings of a join leave out other joins nearby, so that clicks do not hide each other.

    Args:
        sample_rate: in Hz.
        join_samples: the first sample after every join, rising; joins at the very ends of the signal are skipped.
    """

    def __init__(self, sample_rate: int, join_samples: Sequence[int] | range) -> None:
        self._surround = round(SURROUND_S * sample_rate)
        joins = np.unique(np.asarray(join_samples, dtype=np.int64))
        self._joins = joins[joins > REACH_SAMPLES + 1]
        self._next = 0
        self._kept: NDArray[np.float64] = np.zeros((0, 0))
        self._kept_from = 0
        self._worst: float | None = None

    def push(self, samples: NDArray[np.float64]) -> None:
        """Measure the next piece.  [samples, channels]"""
        self._kept = np.concatenate([self._kept, samples]) if len(self._kept) else samples
        self._judge(self._kept_from + len(self._kept) - self._surround - 2)

    def worst(self) -> float | None:
        """The largest ratio over the joins, now that the signal has ended; None without joins, or in silence."""
        self._judge(self._kept_from + len(self._kept) - REACH_SAMPLES - 2)
        return self._worst

    def _judge(self, last_join: int) -> None:
        """Measure every join up to `last_join`, and drop samples that no later join needs."""
        while self._next < len(self._joins) and (join := int(self._joins[self._next])) <= last_join:
            start = max(join - self._surround - 1, 0)
            stop = join + self._surround + 2
            sound = self._kept[start - self._kept_from : stop - self._kept_from]
            near = self._joins[np.searchsorted(self._joins, start) : np.searchsorted(self._joins, start + len(sound))]
            ratio = _ratio(sound, join - start, near - start)
            if ratio is not None:
                self._worst = max(self._worst or 0.0, ratio)
            self._next += 1
        upcoming = int(self._joins[self._next]) if self._next < len(self._joins) else self._kept_from + len(self._kept)
        needed_from = min(max(upcoming - self._surround - 1, self._kept_from), self._kept_from + len(self._kept))
        self._kept, self._kept_from = self._kept[needed_from - self._kept_from :], needed_from


def _ratio(sound: NDArray[np.float64], join: int, all_joins: NDArray[np.int64]) -> float | None:
    """The ratio of one join to its surroundings; None in silence.

    Args:
        sound: the join and its surroundings.  [samples, channels]
        join: the first sample after the join.
        all_joins: every join within `sound`.
    """
    rough = np.abs(np.diff(sound, 2, axis=0)).max(axis=1)  # rough[i] is centred on sample i + 1
    at_join = float(rough[join - 1 - REACH_SAMPLES : join + REACH_SAMPLES].max())
    if at_join <= ROUNDING:
        return None
    is_around = np.ones(len(rough), dtype=bool)
    for other in all_joins:
        is_around[max(other - 1 - REACH_SAMPLES, 0) : max(other + REACH_SAMPLES, 0)] = False
    around = rough[is_around]
    usual = float(np.percentile(around, PERCENTILE)) if len(around) else 0.0
    return at_join / max(usual, ROUNDING)

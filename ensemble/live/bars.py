"""Which beats open bars, while the music goes on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ensemble.errors import ConfigError
from ensemble.settings.style import MetreKind, Style
from ensemble.types.names import counted

MEMORY_BEATS = 48
"""So many beats have a say."""
METRES, COMPOUND_METRES = (4, 3), (2, 4, 3)
"""Beats that a bar may have where the player does not say it, the usual number first; where beats have three parts."""
USUAL_LEADS = 1.15
"""By which factor another metre must fit better than the usual one."""
LEADS_BY, LEADS_LEAST = 1.25, 0.03
"""Bars move where so many times as much, and so much more, speaks for other beats than for those of now."""
CHANGE_WEIGHT = 0.3
"""Of a change of chord, beside what is heard of bar lines: chords change on bar lines more often than elsewhere."""
FEWEST_BEATS = 6
"""Fewer do not tell a metre from another."""


class BarGrid(NamedTuple):
    """Where bars begin."""

    beats_per_bar: int
    """Beats in a bar."""
    offset: int
    """Bars begin with this beat and every `beats_per_bar` before and after it."""

    def opens(self, beat: int) -> bool:
        """Whether a bar begins with this beat."""
        return (beat - self.offset) % self.beats_per_bar == 0


def metres_for(
    style: Style | None, beats_per_bar: int | None, beat_division: int | None = None
) -> tuple[MetreKind, ...]:
    """How bars may be counted: as the player says, or as is usual and the style can play; all beats have as many parts.

    Raises:
        ConfigError: the style plays none of them.
    """
    for division in (2, 3) if beat_division is None else (beat_division,):
        usual = METRES if division == 2 else COMPOUND_METRES
        metres = [MetreKind(one, division) for one in (usual if beats_per_bar is None else (beats_per_bar,))]
        played = tuple(one for one in metres if style is None or style.patterns_for(one))
        if played:
            return played
    kinds = "" if style is None else f"{style.name} is in {', '.join(style.metres)}"
    given = "" if beats_per_bar is None else f"; the player counts {counted(beats_per_bar, beat_division or 2)}"
    raise ConfigError("style", f"{kinds}{given}", "choose another style or --beats-per-bar")


class LiveBars:
    """Adds up what speaks for each metre and each place in the bar.

    Args:
        metres: how many beats a bar may have, the usual one first.

    Attributes:
        grid: what is most probable, with some patience.
    """

    def __init__(self, metres: Sequence[int] = METRES) -> None:
        self._metres = metres
        self._downbeat: deque[float] = deque(maxlen=MEMORY_BEATS)
        self._num_beats = 0
        self._said: int | None = None
        self.grid = BarGrid(self._metres[0], 0)

    def begin(self, beat: int) -> None:
        """The leader's first sound lies on this beat: music begins with a bar until more speaks for other beats."""
        self.grid = BarGrid(self.grid.beats_per_bar, beat % self.grid.beats_per_bar)

    def hear_beat(self, downbeat: float, change: float) -> None:
        """Add the next beat.

        Args:
            downbeat: how probable a beat that opens a bar is there.
            change: how surely the chord changes there, 0..1.
        """
        self._downbeat.append(downbeat + CHANGE_WEIGHT * change)
        self._num_beats += 1
        metres = self._metres if self._num_beats >= FEWEST_BEATS else self._metres[:1]
        grids = [BarGrid(metre, offset) for metre in metres for offset in self._offsets(metre)]
        worth = {grid: self._worth(grid) / (USUAL_LEADS if grid.beats_per_bar != metres[0] else 1.0) for grid in grids}
        best = max(grids, key=lambda grid: worth[grid])
        now = worth.get(self.grid, 0.0)
        if worth[best] > max(LEADS_BY * now, now + LEADS_LEAST):
            self.grid = best

    def say_one(self, beat: int) -> None:
        """The player says that a bar begins with this beat."""
        self._said = beat
        self.grid = BarGrid(self.grid.beats_per_bar, beat % self.grid.beats_per_bar)

    def _offsets(self, metre: int) -> Iterable[int]:
        return range(metre) if self._said is None else (self._said % metre,)

    def _worth(self, grid: BarGrid) -> float:
        """By how much beats that would open bars are surer to than others, on average; 0 or more."""
        sure = np.array(self._downbeat)
        opens = (np.arange(self._num_beats - len(sure), self._num_beats) - grid.offset) % grid.beats_per_bar == 0
        if not opens.any() or opens.all():
            return 0.0
        return max(float(sure[opens].mean() - sure[~opens].mean()), 0.0)

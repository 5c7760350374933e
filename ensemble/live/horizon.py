"""How far ahead of what has been heard a live band commits itself: so many seconds, or so many beats."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from ensemble.clock import FRAME_RATE_HZ, QUANTUM_FRAMES, SHORT_QUANTUM_FRAMES
from ensemble.errors import ConfigError

USUAL_HORIZON_S, LEAST_HORIZON_S, MOST_HORIZON_S = 0.4, 0.2, 2.0
MOST_HORIZON_BEATS = 4.0
_WRITTEN = re.compile(r"(\d{1,3}(?:\.\d{1,6})?) ?(s|beats?)?")


class Horizon(NamedTuple):
    """A horizon as people write it: `0.4`, `0.4s`, `1beat`, `1.5beats`."""

    seconds: float = USUAL_HORIZON_S
    """In whole tenths; nothing where it is in beats."""
    beats: float | None = None
    """Beats of the tempo that is heard, but 0.4 to 2 s, and 0.4 s until there is one."""

    def __str__(self) -> str:
        if self.beats is None:
            return f"{self.seconds:g}"
        return f"{self.beats:g}beat{'' if self.beats == 1 else 's'}"

    @property
    def quantum_frames(self) -> int:
        """Control frames that are played at a time: whole quanta have to be ready in time."""
        is_short = self.beats is None and self.seconds < USUAL_HORIZON_S
        return SHORT_QUANTUM_FRAMES if is_short else QUANTUM_FRAMES

    def frames(self, period_frames: float | None) -> int:
        """The horizon in control frames.

        Args:
            period_frames: from one beat to the next; None where no tempo is known.
        """
        if self.beats is None:
            return round(self.seconds * FRAME_RATE_HZ)
        frames = round(self.beats * (period_frames or 0.0))
        return min(max(frames, round(USUAL_HORIZON_S * FRAME_RATE_HZ)), round(MOST_HORIZON_S * FRAME_RATE_HZ))

    @property
    def most_frames(self) -> int:
        """What it can be at most, at any tempo, in control frames."""
        return round((MOST_HORIZON_S if self.beats is not None else self.seconds) * FRAME_RATE_HZ)


def read_horizon(text: str) -> Horizon:
    """A horizon as people write it; seconds are rounded to tenths, beats to thousandths.

    Raises:
        ConfigError: it is none.
    """
    found = _WRITTEN.fullmatch(text.strip())
    number = float(found[1]) if found else 0.0
    if found and (found[2] or "s") != "s":
        if 0 < (beats := round(number, 3)) <= MOST_HORIZON_BEATS:
            return Horizon(beats=beats)
    elif LEAST_HORIZON_S <= (seconds := round(number, 1)) <= MOST_HORIZON_S:
        return Horizon(seconds)
    within = f"seconds from {LEAST_HORIZON_S:g} to {MOST_HORIZON_S:g}, or beats up to {MOST_HORIZON_BEATS:g}"
    raise ConfigError("the horizon", f"{text!r} is none", f"give {within}: 0.4 or 1beat")


def horizon_for(way_s: float) -> Horizon:
    """The usual horizon where the band's sound has to be there so many seconds before it is due, in whole tenths."""
    tenths = math.ceil(round(10 * (USUAL_HORIZON_S + way_s), 6))  # 0.4 + 0.2 is more than 0.6
    return Horizon(min(tenths / 10, MOST_HORIZON_S))

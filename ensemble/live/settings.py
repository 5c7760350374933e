"""How a band follows a leader who is still playing."""

from __future__ import annotations

import math

from pydantic import Field

from ensemble.clock import FRAME_RATE_HZ
from ensemble.config import Settings
from ensemble.live.levers import LiveLever

USUAL_HORIZON_S, MOST_HORIZON_S = 0.4, 2.0


class LiveSettings(Settings):
    """All of it decides the bytes; tempo, beats in a bar, key and chart are what the player says beforehand."""

    horizon_s: float = Field(default=USUAL_HORIZON_S, ge=0.3, le=MOST_HORIZON_S, multiple_of=0.1)
    """How far ahead of what was heard last the band commits itself, in seconds."""
    listen_beats: int = Field(default=8, ge=0, le=64)
    """For how many beats the leader plays before the band enters, at the next bar line."""
    count_in_beats: int = Field(default=0, ge=0, le=16)
    """The band counts so many beats before the leader begins, and plays from then on; the tempo must be given."""
    levers: tuple[LiveLever, ...] = ()
    """What was asked for while the leader played, in order; see `LiveSession.ask`."""

    @property
    def horizon_frames(self) -> int:
        """The horizon in control frames."""
        return round(self.horizon_s * FRAME_RATE_HZ)


def horizon_for(way_s: float) -> float:
    """The usual horizon where the band's sound has to be there so many seconds before it is due, in whole tenths."""
    tenths = math.ceil(round(10 * (USUAL_HORIZON_S + way_s), 6))  # 0.4 + 0.2 is more than 0.6
    return min(tenths / 10, MOST_HORIZON_S)

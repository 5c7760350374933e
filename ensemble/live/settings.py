"""How a band follows a leader who is still playing."""

from __future__ import annotations

from pydantic import Field

from ensemble.config import Settings
from ensemble.live.horizon import LEAST_HORIZON_S, MOST_HORIZON_BEATS, MOST_HORIZON_S, USUAL_HORIZON_S, Horizon
from ensemble.live.levers import LiveLever


class LiveSettings(Settings):
    """All of it decides the bytes; tempo, beats in a bar, key and chart are what the player says beforehand."""

    horizon_s: float = Field(default=USUAL_HORIZON_S, ge=LEAST_HORIZON_S, le=MOST_HORIZON_S, multiple_of=0.1)
    """How far ahead of what was heard last the band commits itself, in seconds."""
    horizon_beats: float | None = Field(default=None, gt=0, le=MOST_HORIZON_BEATS)
    """The same in beats, in place of the seconds; see `Horizon`."""
    listen_beats: int = Field(default=8, ge=0, le=64)
    """For how many beats the leader plays before the band enters, at the next bar line."""
    count_in_beats: int = Field(default=0, ge=0, le=16)
    """The band counts so many beats before the leader begins, and plays from then on; the tempo must be given."""
    levers: tuple[LiveLever, ...] = ()
    """What was asked for while the leader played, in order; see `LiveSession.ask`."""

    @property
    def horizon(self) -> Horizon:
        """The horizon."""
        return Horizon(self.horizon_s, self.horizon_beats)

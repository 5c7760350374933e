"""Metres: what is written at the beginning of a score, and what a band counts in it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedMetre:
    """A time signature, from one beat of a leader on."""

    beat: int
    """The beat at which it begins."""
    count: int
    """The upper number: 6 in 6/8."""
    unit: int
    """The lower number: 8 in 6/8."""
    num_beats: int
    """Beats that are counted in a bar: 2 in 6/8, dotted quarters."""

    @property
    def beat_quarters(self) -> Fraction:
        """How many quarters a beat lasts."""
        return Fraction(4 * self.count, self.unit * self.num_beats)

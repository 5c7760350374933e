"""What a drummer plays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

DrumClass = Literal[
    "kick", "snare", "closed_hat", "open_hat", "crash", "ride", "tom",
    "rim", "ride_bell", "crash_2", "high_tom", "low_tom",
    "shaker", "tambourine", "high_conga", "low_conga", "clap", "woodblock",
]  # fmt: skip
ALL_DRUMS: tuple[DrumClass, ...] = get_args(DrumClass)
"""Everything that can be struck, percussion last."""
DRUM_CLASSES = ALL_DRUMS[:7]
"""Those that data sets tell apart: conductors foretell them, and kits are fitted to them."""
PERCUSSION = ALL_DRUMS[12:]
"""What a percussionist plays, who stands beside the drummer."""
CYMBALS: tuple[DrumClass, ...] = ("closed_hat", "open_hat", "ride")
"""The cymbals that keep time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One drum stroke."""

    time_s: float
    """Seconds from the start of the performance."""
    drum: DrumClass
    """The drum or cymbal that is struck."""
    velocity: float
    """How hard, 0..1."""
    index: int
    """Number of the stroke in its part; random details of the stroke depend on it."""

    def __post_init__(self) -> None:
        if self.drum not in ALL_DRUMS or not (self.time_s >= 0.0 and 0.0 <= self.velocity <= 1.0):
            raise ValueError(f"{self} is no stroke")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """What a drummer plays."""

    name: str
    """The follower's name."""
    hits: tuple[Hit, ...]
    """The strokes, in rising time."""
    num_frames: int
    """Control frames of the performance."""

"""Random numbers that depend only on seed, name and place, so that a place gets the same number in any performance."""

from __future__ import annotations

from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

PHILOX_BLOCK = 4
"""Numbers that Philox draws for each step of its counter."""


def draws(seed: int, name: str, places: NDArray[np.int64], num_draws: int) -> NDArray[np.float64]:
    """Draw uniform numbers in 0..1 that depend on (seed, name, place) alone.

    Args:
        seed: of the render.
        name: what the numbers are used for, such as a part's name and a voice.
        places: 0 or more, such as frames.  [items]
        num_draws: how many numbers per place.

    Returns:
        [items, num_draws]
    """
    if not len(places):
        return np.zeros((0, num_draws))
    first, last = int(places.min()), int(places.max())
    blocks, rest = divmod(first * num_draws, PHILOX_BLOCK)  # what lies before the first place is not drawn
    key = np.array([seed % 2**64, crc32(name.encode())], dtype=np.uint64)
    generator = np.random.Generator(np.random.Philox(key=key, counter=[blocks, 0, 0, 0]))
    numbers = generator.random(rest + (last + 1 - first) * num_draws)[rest:]
    table: NDArray[np.float64] = numbers.reshape(-1, num_draws)
    return table[places - first]


def far_draws(seed: int, name: str, places: NDArray[np.int64], num_draws: int) -> NDArray[np.float64]:
    """Like `draws`, for many numbers at few places: none is drawn for what lies between.  [items, num_draws]"""
    key = np.array([seed % 2**64, crc32(name.encode())], dtype=np.uint64)
    rows = [np.random.Generator(np.random.Philox(key=key, counter=[0, place, 0, 0])) for place in places.tolist()]
    return np.stack([row.random(num_draws) for row in rows])


class Chance(NamedTuple):
    """What decides the details of one take."""

    seed: int
    """Of the random numbers."""
    varies: bool
    """Whether patterns and lines are played otherwise than as written: so is every take but that of seed 0."""
    lasting_seed: int | None = None
    """What stays from beat to beat where `seed` does not; None: that."""
    first_beat: int = 0
    """The number of the grid's first beat, in the whole performance."""

    @property
    def hand_seed(self) -> int:
        """Of what a player's hands carry from beat to beat."""
        return self.seed if self.lasting_seed is None else self.lasting_seed

    def draws(self, name: str, places: NDArray[np.int64], num_draws: int) -> NDArray[np.float64]:
        """See `draws`."""
        return draws(self.seed, name, places, num_draws)


def bell(uniform: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn four uniform numbers into a bell-shaped one of mean 0, deviation 1, within 3.5.  [items, 4] -> [items]"""
    standard: NDArray[np.float64] = (uniform.sum(axis=1) - 2.0) * np.sqrt(3.0)
    return standard

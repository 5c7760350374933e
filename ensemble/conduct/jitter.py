"""Small human differences, drawn by place: the same seed, part and frame give the same draw, whatever the rest is."""

from __future__ import annotations

from zlib import crc32

import numpy as np
from numpy.typing import NDArray


def draws(seed: int, name: str, places: NDArray[np.int64], num_draws: int) -> NDArray[np.float64]:
    """Uniform numbers in 0..1 that depend on (seed, name, place) alone.

    Args:
        seed: of the performance.
        name: what the numbers are for, e.g. a part's name and a voice.
        places: 0 or more, e.g. frames.  [items]
        num_draws: numbers per place.

    Returns:
        [items, num_draws]
    """
    key = np.array([seed % 2**64, crc32(name.encode())], dtype=np.uint64)
    height = int(places.max()) + 1 if len(places) else 0
    table: NDArray[np.float64] = np.random.Generator(np.random.Philox(key=key)).random((height, num_draws))
    return table[places]


def bell(uniform: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn four uniform draws per item into one with mean 0, deviation 1, never beyond 3.5.  [items, 4] -> [items]"""
    standard: NDArray[np.float64] = (uniform.sum(axis=1) - 2.0) * np.sqrt(3.0)
    return standard

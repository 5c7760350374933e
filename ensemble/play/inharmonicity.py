"""How far the partials of stiff strings lie above whole multiples of the fundamental."""

from __future__ import annotations

from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from ensemble.settings.reading import Settings

_LOWEST_HZ = 8.0


class Inharmonicity(Settings):
    """The inharmonicity coefficient B by pitch: partial k lies at k * f0 * sqrt(1 + B * k^2).

    Source: H. Fletcher, Normal vibration frequencies of a stiff piano string, JASA 36 (1964), equation 4.
    """

    pitch_midi: tuple[float, ...] = Field(min_length=1)
    """Where B is known, rising; between two pitches its logarithm is interpolated, beyond the outermost it stays."""
    coefficient: tuple[float, ...]
    """B there."""

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if len(self.pitch_midi) != len(self.coefficient):
            raise ValueError("pitch_midi and coefficient differ in length")
        if not all(low < high for low, high in pairwise(self.pitch_midi)):
            raise ValueError("pitch_midi must rise")
        if not all(1e-7 <= one <= 0.05 for one in self.coefficient):
            raise ValueError("coefficient must lie within 1e-7..0.05")
        return self

    def at(self, f0_hz: NDArray[np.floating]) -> NDArray[np.float64]:
        """B of some fundamentals.  [...] -> [...]"""
        midi = 69.0 + 12.0 * np.log2(np.maximum(f0_hz, _LOWEST_HZ).astype(np.float64) / 440.0)
        return np.asarray(np.exp(np.interp(midi, self.pitch_midi, np.log(self.coefficient))))

    def partial_hz(self, f0_hz: NDArray[np.floating], num_partials: int) -> NDArray[np.float64]:
        """Where the partials lie.  [...] -> [..., num_partials]"""
        number = np.arange(1.0, num_partials + 1.0)
        stretch = np.sqrt(1.0 + self.at(f0_hz)[..., None] * np.square(number))
        return np.asarray(f0_hz.astype(np.float64)[..., None] * number * stretch)

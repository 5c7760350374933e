"""How a drummer's strokes stray from the grid and from their strength: partly together and for long, partly each alone.

Source: people's strokes drift off the pulse with long-range correlations, about as 1/f, in time (Hennig et al., The
Nature and Perception of Fluctuations in Human Musical Rhythms, PLoS ONE 2011) and in force (Räsänen et al.,
Fluctuations of Hi-Hat Timing and Dynamics, PLoS ONE 2015); a sum of processes that forget at evenly spread rates
comes near to that. How far they stray is a style's figure.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.conduct.jitter import Chance, bell, draws
from ensemble.settings.style import SIXTEENTHS_PER_BEAT, DrummerTraits
from ensemble.types.strokes import DrumClass

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FORGETS_BEATS = (1.0, 4.0, 16.0)
_REMEMBERED = 32 * SIXTEENTHS_PER_BEAT
"""What was drawn so many sixteenths ago is forgotten."""
_FURTHEST = 2.5
"""In standard deviations."""


class Strays(NamedTuple):
    """What chance makes of strokes."""

    late_ms: Floats
    """How late each is, at a humanize of 0.5.  [strokes]"""
    louder_db: Floats
    """How much harder each is.  [strokes]"""


def strays(beats: Floats, drums: list[DrumClass], traits: DrummerTraits, chance: Chance, name: str) -> Strays:
    """What becomes of each stroke depends on its drum and its place alone.

    Args:
        beats: when each is struck.  [strokes]
        drums: what is struck.
        traits: of the drummer.
        chance: of the take.
        name: of the part.
    """
    places = np.maximum(np.round((beats + chance.first_beat) * SIXTEENTHS_PER_BEAT).astype(np.int64), 0)
    own = np.zeros((2, len(places)))
    for drum in sorted(set(drums)):
        struck = np.array([one == drum for one in drums])
        drawn = draws(chance.hand_seed, f"{name}/strokes/{drum}", places[struck], 8)
        own[:, struck] = bell(drawn[:, :4]), bell(drawn[:, 4:])
    shares = traits.timing_drift_share, traits.force_drift_share
    late, louder = (
        np.clip(np.sqrt(share) * _drift(chance.hand_seed, f"{name}/{what}", places) + np.sqrt(1.0 - share) * alone,
                -_FURTHEST, _FURTHEST)
        for what, share, alone in zip(("timing", "force"), shares, own, strict=True)
    )  # fmt: skip
    return Strays(traits.timing_ms * late, traits.force_db * louder)


def _kernel() -> list[float]:
    since = np.arange(_REMEMBERED) / SIXTEENTHS_PER_BEAT
    forgets = [np.exp(-since / beats) for beats in _FORGETS_BEATS]
    kernel = sum((one / np.sqrt((one**2).sum()) for one in forgets), np.zeros(_REMEMBERED))
    return list((kernel / np.sqrt((kernel**2).sum())).tolist())


_KERNEL = _kernel()


def _drift(seed: int, name: str, places: Ints) -> Floats:
    """What all limbs share, of deviation 1: every sixteenth adds to it, and it is forgotten little by little."""
    height = int(places.max(initial=0)) + 1
    fresh = bell(draws(seed, name, np.arange(height + _REMEMBERED), 4))
    drift = np.zeros(height)
    for ago, weight in enumerate(_KERNEL):  # in this order, so that no length shows
        drift += weight * fresh[_REMEMBERED - ago : _REMEMBERED - ago + height]
    return drift[places]

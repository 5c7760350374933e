"""How sure what was heard of the harmony is, and what else it may be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ensemble.types.harmony import Chord, Key


@dataclass(frozen=True, slots=True, kw_only=True)
class ChordDoubt:
    """How sure the chord of one beat is, and what else it may be."""

    confidence: float
    """Probability that root and triad are right, 0..1."""
    other: Chord | None
    """The most probable chord of another root or triad; None where the chord is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySection:
    """A stretch of beats in one key."""

    start_beat: int
    """Its first beat; it holds to the next section's."""
    key: Key
    """The key."""
    confidence: float = 1.0
    """Probability that it is right, 0..1."""
    other: Key | None = None
    """The most probable other key; None where the key is known."""


def keys_of_beats(key: Key, sections: tuple[KeySection, ...], num_beats: int) -> tuple[Key, ...]:
    """The key on every beat: that of its section, or the main key where there are none."""
    starts = [section.start_beat for section in sections]
    at = np.searchsorted(starts, np.arange(num_beats), side="right") - 1
    return tuple(sections[index].key if index >= 0 else key for index in at.tolist())

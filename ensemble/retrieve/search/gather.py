"""Collects what exact scoring needs of many chunks into arrays, one recording after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ensemble.retrieve.search import feature_layout, pulse, relevance, transition
from ensemble.retrieve.search.outline import SpectralOutline
from ensemble.types.arrays import FloatArray
from ensemble.types.described import Described

Array = NDArray[np.float64]


Columns = TypeVar("Columns", "Gathered", transition.Edges, relevance.Past)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A chunk of a recording, and how it would be transposed."""

    described: Described
    """The recording."""
    chunk: int
    """The chunk's number in it."""
    semitones: int
    """How far it would be transposed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What exact scoring needs of each pair, as recorded.  [pairs, ...]"""

    needed_ratio: Array
    """How much faster it would have to be played to keep the tempo."""
    ratio: Array
    """How much faster it would be played."""
    has_beat: NDArray[np.bool_]
    """Whether its recording has a beat."""
    level_db: FloatArray
    """A-weighted level of its beginning."""
    low_db: FloatArray
    """Level of the bass band of its beginning."""
    seam: FloatArray
    """The seam features of what came before it."""
    chroma_after: FloatArray
    """Unit rows of the chroma of what follows."""
    timbre_after: FloatArray
    """Unit rows of the timbre of what follows."""
    head: transition.Edges
    """Its first moments."""
    past: relevance.Past
    """The eight seconds before it, at the speed at which it would be played."""


def gather(pairs: Sequence[Pair], tempo_bpm: float, max_stretch: float) -> Gathered:
    """Collect what exact scoring needs.

    Args:
        pairs: at least one.
        tempo_bpm: of the context, 0 without a beat.
        max_stretch: how far a tempo may be changed, as a share.
    """
    places: dict[str, list[int]] = {}
    for place, pair in enumerate(pairs):
        places.setdefault(pair.described.recording.sha256, []).append(place)
    found = [
        _of_recording(
            pairs[group[0]].described, np.array([pairs[place].chunk for place in group]), tempo_bpm, max_stretch
        )
        for group in places.values()
    ]
    order = np.argsort(np.concatenate([np.array(group) for group in places.values()]))
    return _joined(found, order)


def _of_recording(described: Described, chunks: NDArray[np.int64], tempo_bpm: float, max_stretch: float) -> Gathered:
    outline, at_s = SpectralOutline.of(described.details), described.start_s[chunks]
    period_s = pulse.period_around(described.beats_s, at_s)
    has_beat = period_s > 0
    own_bpm = np.where(has_beat, 60 / np.where(has_beat, period_s, 1.0), 0.0)
    needed_ratio = pulse.needed_ratios(tempo_bpm, own_bpm)
    ratio = pulse.played_ratios(needed_ratio, max_stretch)
    rows = described.vectors[chunks]
    return Gathered(
        needed_ratio=needed_ratio,
        ratio=ratio,
        has_beat=has_beat,
        level_db=described.level_db[chunks],
        low_db=described.low_db[chunks],
        seam=rows[:, feature_layout.SEAM],
        chroma_after=rows[:, feature_layout.AT["chroma_after"]],
        timbre_after=rows[:, feature_layout.AT["timbre_after"]],
        head=transition.heads(outline, at_s),
        past=relevance.past(outline, at_s, ratio),
    )


def _joined(parts: Sequence[Columns], order: NDArray[np.int64]) -> Columns:
    """Concatenate dataclasses of arrays (or of such dataclasses) field by field, then sort the rows by `order`."""
    joined: dict[str, Any] = {}
    for field in fields(parts[0]):
        values = [getattr(part, field.name) for part in parts]
        is_array = isinstance(values[0], np.ndarray)
        joined[field.name] = np.concatenate(values)[order] if is_array else _joined(values, order)
    return type(parts[0])(**joined)

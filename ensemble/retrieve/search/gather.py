"""What exact scoring needs of many chunks, collected recording by recording into one array each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ensemble.retrieve.search import feature_layout, pulse, relevance, tempo, transition
from ensemble.retrieve.search.outline import SpectralOutline
from ensemble.types.arrays import FloatArray
from ensemble.types.described import Described

Array = NDArray[np.float64]


Columns = TypeVar("Columns", "Gathered", transition.Edges, relevance.Past)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A chunk of a recording, and by how much it would be transposed."""

    described: Described
    chunk: int
    semitones: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Of each pair, as recorded.  [pairs, ...]

    needed_ratio: how much faster it would have to be played to keep the tempo. ratio: how much faster it would be
    played. has_beat: whether its recording has. level_db, low_db: of its beginning. seam: what came before it.
    chroma_after, timbre_after: unit rows of what follows. head: its first moments. past: what came before it, as it
    would be played.
    """

    needed_ratio: Array
    ratio: Array
    has_beat: NDArray[np.bool_]
    level_db: FloatArray
    low_db: FloatArray
    seam: FloatArray
    chroma_after: FloatArray
    timbre_after: FloatArray
    head: transition.Edges
    past: relevance.Past


def gather(pairs: Sequence[Pair], tempo_bpm: float, max_stretch: float) -> Gathered:
    """Collect.

    Args:
        pairs: at least one.
        tempo_bpm: of the context, 0 without a beat.
        max_stretch: how far a tempo may be bent.
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
    course, at_s = SpectralOutline.of(described.details), described.start_s[chunks]
    period_s = pulse.period_around(described.beats_s, at_s)
    has_beat = period_s > 0
    own_bpm = np.where(has_beat, 60 / np.where(has_beat, period_s, 1.0), 0.0)
    needed_ratio = tempo.needed_ratios(tempo_bpm, own_bpm)
    ratio = tempo.played_ratios(needed_ratio, max_stretch)
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
        head=transition.heads(course, at_s),
        past=relevance.past(course, at_s, ratio),
    )


def _joined(parts: Sequence[Columns], order: NDArray[np.int64]) -> Columns:
    """Dataclasses of arrays (or of such dataclasses), one after the other, then in order."""
    joined: dict[str, Any] = {}
    for field in fields(parts[0]):
        values = [getattr(part, field.name) for part in parts]
        is_array = isinstance(values[0], np.ndarray)
        joined[field.name] = np.concatenate(values)[order] if is_array else _joined(values, order)
    return type(parts[0])(**joined)

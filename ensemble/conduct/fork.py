"""Finds up to which frame several arrangements are equal: up to there they are conducted and played once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ensemble.clock import FRAME_RATE_HZ, FRAMES_PER_CONDUCTOR_FRAME, QUANTUM_FRAMES
from ensemble.types.music import Arrangement, FloatArray, Hits, Part

_NOT_GIVEN = np.zeros((0, 0), np.float32)


def fork_frame(arrangements: Sequence[Arrangement]) -> int:
    """The last quantum boundary up to which all arrangements are conducted and played alike.

    The arrangements themselves are compared, so look-aheads need not be known: what looks ahead already differs in the
    frame that is computed from it.

    Args:
        arrangements: for the same band, of leaders that begin alike.

    Returns:
        A control frame, a multiple of `QUANTUM_FRAMES`; 0 where nothing is shared. Of a single arrangement, its length.
    """
    first = min(arrangement.num_frames for arrangement in arrangements)
    for one, other in pairwise(arrangements):
        first = min(first, _first_difference(one.leader_db, other.leader_db))
        first = min(first, _first_difference(one.features, other.features) * FRAMES_PER_CONDUCTOR_FRAME)
        for part, twin in zip(one.parts, other.parts, strict=True):
            first = min(first, _first_played_differently(part, twin))
        for name in one.given_dynamics.keys() | other.given_dynamics.keys():
            given, twins = (each.given_dynamics.get(name, _NOT_GIVEN) for each in (one, other))
            first = min(first, _first_difference(given, twins))
    if len(arrangements) == 1:
        return first
    # In the last frame of the shortest one all remaining sound is returned, so that frame is never shared.
    return min(first, min(one.num_frames for one in arrangements) - 1) // QUANTUM_FRAMES * QUANTUM_FRAMES


def _first_played_differently(part: Part | Hits, twin: Part | Hits) -> int:
    if isinstance(part, Hits) or isinstance(twin, Hits):
        return _first_other_stroke(part, twin) if isinstance(part, Hits) and isinstance(twin, Hits) else 0
    return min(_first_difference(part.f0_hz, twin.f0_hz), _first_difference(part.level_db, twin.level_db))


def _first_other_stroke(hits: Hits, twin: Hits) -> int:
    shared = min(hits.num_frames, twin.num_frames)
    for one, other in zip(hits.hits, twin.hits, strict=False):
        if one != other:
            return min(shared, int(min(one.time_s, other.time_s) * FRAME_RATE_HZ))
    left = (*hits.hits[len(twin.hits) :], *twin.hits[len(hits.hits) :])[:1]
    return min(shared, *(int(hit.time_s * FRAME_RATE_HZ) for hit in left)) if left else shared


def _first_difference(one: FloatArray, other: FloatArray) -> int:
    """The first index of the last axis at which two arrays differ; the shorter one's length if there is none."""
    length = min(one.shape[-1], other.shape[-1])
    if one.shape[:-1] != other.shape[:-1]:
        return 0
    differs = (one[..., :length] != other[..., :length]).reshape(-1, length).any(axis=0)
    return int(np.argmax(differs)) if differs.any() else length

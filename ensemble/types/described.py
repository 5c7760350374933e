"""The description of a recording that continuations may come from: chunks that begin at beats, with their features."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensemble.types.arrays import FloatArray, check_array

DESCRIPTORS_VERSION = 1
"""Raised whenever `describe` computes something else: stores and descriptions of other versions are rebuilt."""
DESCRIBED_MORE = 1
"""Raised when `describe` tells more beside the same vectors: older descriptions go on being read."""
Metre = tuple[int, int]
"""Beats in a bar, and the equal parts of a beat: (2, 3) for 6/8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedRecording:
    """A file that continuations may come from."""

    sha256: str
    """sha256 of the file."""
    path: str
    """Absolute path of the file."""
    title: str
    """The recording's name in reports."""
    licence: str
    """The licence that it may be used under."""
    duration_s: float
    """Length in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One recording's description: everything that search and exact scoring need, without opening the file."""

    version: int
    """`DESCRIPTORS_VERSION` when the description was made."""
    recording: IndexedRecording
    """The file that is described."""
    tempo_bpm: float
    """Beats per minute; 0 where there is no beat."""
    tuning_cents: float
    """How far A4 lies above 440 Hz."""
    beats_s: NDArray[np.float64]
    """Beats, rising; empty where there are none.  [beats]"""
    start_s: NDArray[np.float64]
    """Where chunks begin, at beats where there are any; rising.  [chunks]"""
    level_db: FloatArray
    """A-weighted loudness at each chunk's beginning.  [chunks]"""
    low_db: FloatArray
    """Level of the bass band at each chunk's beginning.  [chunks]"""
    remaining_s: FloatArray
    """Seconds from each chunk's beginning to the recording's end.  [chunks]"""
    vectors: FloatArray
    """The vectors that a store compares by their inner product.  [chunks, dimensions]"""
    details: dict[str, np.ndarray]
    """Arrays for exact scoring, by name."""
    metres: tuple[Metre, ...] = ()
    """The metre, and the second choice where it is in doubt; none where there is no beat, or none was described."""

    def __post_init__(self) -> None:
        check_array(self.start_s, (None,), "start_s", np.float64)
        for name in ("level_db", "low_db", "remaining_s"):
            check_array(getattr(self, name), (len(self.start_s),), name)
        check_array(self.vectors, (len(self.start_s), None), "vectors")

    @property
    def num_chunks(self) -> int:
        """Number of chunks."""
        return len(self.start_s)


def chunk_id(recording_sha256: str, chunk: int) -> int:
    """The id of a chunk in every store: 63 bits of a hash of its recording's sha256 and its number."""
    digest = hashlib.sha256(f"{recording_sha256}:{chunk}:{DESCRIPTORS_VERSION}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1

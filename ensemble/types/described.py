"""What is kept of a recording that could come next: chunks that begin at beats, and numbers that describe them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensemble.types.arrays import FloatArray, check_array

DESCRIPTORS_VERSION = 1
"""Of what `describe` computes: a store or a description of another version is made again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedRecording:
    """A file that continuations may come from; `sha256` is of its content, `path` is absolute."""

    sha256: str
    path: str
    title: str
    licence: str
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One recording's description: everything that search and exact scoring need, without opening the file.

    start_s [chunks]: where chunks begin, at beats where there are any, rising. level_db, low_db [chunks]: A-weighted
    loudness and level of the bass band at the chunk's beginning. remaining_s [chunks]: music from there to the end.
    vectors [chunks, dimensions]: what is stored for the inner product. tempo_bpm: 0 where there is no beat. beats_s
    [beats]. details: arrays by name for exact scoring.
    """

    version: int
    recording: IndexedRecording
    tempo_bpm: float
    tuning_cents: float
    beats_s: NDArray[np.float64]
    start_s: NDArray[np.float64]
    level_db: FloatArray
    low_db: FloatArray
    remaining_s: FloatArray
    vectors: FloatArray
    details: dict[str, np.ndarray]

    def __post_init__(self) -> None:
        check_array(self.start_s, (None,), "start_s", np.float64)
        for name in ("level_db", "low_db", "remaining_s"):
            check_array(getattr(self, name), (len(self.start_s),), name)
        check_array(self.vectors, (len(self.start_s), None), "vectors")

    @property
    def num_chunks(self) -> int:
        """Chunks."""
        return len(self.start_s)


def chunk_id(recording_sha256: str, chunk: int) -> int:
    """The key of a chunk in every store: 63 bits of a hash of its recording's content and its number."""
    digest = hashlib.sha256(f"{recording_sha256}:{chunk}:{DESCRIPTORS_VERSION}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1

"""The description of a recording that could come next: chunks that begin at beats, and what is measured of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensemble.types.arrays import FloatArray, check_array

DESCRIPTORS_VERSION = 1
"""Raised whenever `describe` computes something else: stores and descriptions of other versions are made again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedRecording:
    """A file that continuations may come from."""

    sha256: str
    """Of its content."""
    path: str
    """Absolute."""
    title: str
    """What it is called in reports."""
    licence: str
    """What may be done with it."""
    duration_s: float
    """Its length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One recording's description: everything that search and exact scoring need, without opening the file."""

    version: int
    """`DESCRIPTORS_VERSION` when it was made."""
    recording: IndexedRecording
    """The file."""
    tempo_bpm: float
    """0 where there is no beat."""
    tuning_cents: float
    """Distance from 440 Hz."""
    beats_s: NDArray[np.float64]
    """Beats, rising; empty where there are none.  [beats]"""
    start_s: NDArray[np.float64]
    """Where chunks begin, at beats where there are any, rising.  [chunks]"""
    level_db: FloatArray
    """A-weighted loudness at each chunk's beginning.  [chunks]"""
    low_db: FloatArray
    """Level of the bass band there.  [chunks]"""
    remaining_s: FloatArray
    """From each chunk to the recording's end.  [chunks]"""
    vectors: FloatArray
    """What a store keeps for the inner product.  [chunks, dimensions]"""
    details: dict[str, np.ndarray]
    """Arrays for exact scoring, by name."""

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
    """The id of a chunk in every store: 63 bits of a hash of its recording's content and its number."""
    digest = hashlib.sha256(f"{recording_sha256}:{chunk}:{DESCRIPTORS_VERSION}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1

"""Made-up descriptions with known contents, and rows of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from ensemble.retrieve.library.ledger_log import LedgerEntry
from ensemble.retrieve.library.library import rows_of
from ensemble.retrieve.library.store import StoreRow
from ensemble.types.described import DESCRIPTORS_VERSION, Described, IndexedRecording

DIMENSIONS = 24


def described(name: str, num_chunks: int, *, dimensions: int = DIMENSIONS, path: str = "") -> Described:
    """A recording whose every number follows from its name."""
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    rng = np.random.Generator(np.random.Philox(int(sha256[:8], 16)))
    start_s = np.arange(num_chunks) * 0.5
    return Described(
        version=DESCRIPTORS_VERSION,
        recording=IndexedRecording(
            sha256=sha256, path=path or f"/music/{name}.wav", title=name, licence="CC0", duration_s=0.5 * num_chunks
        ),
        tempo_bpm=float(rng.uniform(60, 180)),
        tuning_cents=0.0,
        beats_s=start_s.astype(np.float64),
        start_s=start_s.astype(np.float64),
        level_db=rng.uniform(-50, -10, num_chunks).astype(np.float32),
        low_db=rng.uniform(-60, -20, num_chunks).astype(np.float32),
        remaining_s=(0.5 * num_chunks - start_s).astype(np.float32),
        vectors=rng.standard_normal((num_chunks, dimensions)).astype(np.float32),
        details={"chroma": rng.uniform(0, 1, (12, num_chunks)).astype(np.float32)},
    )


def entry_of(one: Described, path: Path | None = None) -> LedgerEntry:
    status = path.stat() if path else None
    return LedgerEntry(
        recording=one.recording, num_chunks=one.num_chunks, size_bytes=status.st_size if status else 1,
        mtime_ns=status.st_mtime_ns if status else 1,
    )  # fmt: skip


def rows(name: str, num_chunks: int, *, dimensions: int = DIMENSIONS) -> list[StoreRow]:
    return rows_of(described(name, num_chunks, dimensions=dimensions))


def questions(count: int, *, dimensions: int = DIMENSIONS, seed: int = 7) -> np.ndarray:
    return np.random.Generator(np.random.Philox(seed)).standard_normal((count, dimensions)).astype(np.float32)

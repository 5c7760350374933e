"""The dynamics of a take as CSV, and the receipt of any file."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from ensemble.audio.compare import samples_sha256
from ensemble.clock import FRAME_RATE_HZ
from ensemble.files.digest import file_digest
from ensemble.files.receipts import FileReceipt
from ensemble.types.music import Dynamics, Heard

_ROWS = 4096
"""Rows that are converted to Python numbers at once, which take six times the memory."""


def write_dynamics(path: Path, heard: Heard, dynamics: Dynamics) -> None:
    """Write the dynamics as CSV: time, the leader's loudness, and for every part loudness, low and high (dB)."""
    num_frames = dynamics.loudness_db.shape[1]
    leader_db = np.full(num_frames, np.nan, dtype=np.float32)
    leader_db[: heard.frames.num_frames] = heard.frames.loudness_db[: len(leader_db)]
    columns = ["time_s", "leader_db"]
    rows = [leader_db]
    for index, part in enumerate(dynamics.parts):
        columns += [f"{part}_db", f"{part}_low_db", f"{part}_high_db"]
        rows += [dynamics.loudness_db[index], dynamics.low_db[index], dynamics.high_db[index]]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for start in range(0, num_frames, _ROWS):
            table = np.stack([row[start : start + _ROWS] for row in rows], axis=1)
            for frame, values in enumerate(table.tolist(), start):
                cells = ["" if value != value else f"{value:.2f}" for value in values]  # noqa: PLR0124  past the leader
                writer.writerow([f"{frame / FRAME_RATE_HZ:.2f}", *cells])


def file_receipt(path: Path) -> FileReceipt:
    """Hash a file and, of a WAV file, its decoded samples."""
    samples = samples_sha256(path) if path.suffix == ".wav" else None
    return FileReceipt(sha256=file_digest(path), samples_sha256=samples)

"""What is known of a written file: its hashes, and of sound its levels."""

from __future__ import annotations

from ensemble.config import Settings


class FileReceipt(Settings):
    """One written file."""

    sha256: str
    """Of the file."""
    samples_sha256: str | None = None
    """Where it is sound: of its decoded samples, as 32-bit integers."""


class StemFacts(Settings):
    """Measured facts of one stem or mix."""

    peak_dbfs: float
    true_peak_dbtp: float
    loudness_lufs: float | None
    click_ratio: float | None = None
    """Largest second difference at a block join over the local 99.9th percentile: 1 or less is as smooth as the sound
    itself, above 1.5 a click may be audible. None where the file has no joins inside."""
    clipped_samples: int = 0


class WrittenSound(Settings):
    """A sound file as it was written: its receipt, and what was measured meanwhile."""

    receipt: FileReceipt
    facts: StemFacts

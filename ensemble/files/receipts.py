"""Receipts of written files: their hashes and, of sound, its measured levels."""

from __future__ import annotations

from ensemble.config import Settings


class FileReceipt(Settings):
    """The hashes of one written file."""

    sha256: str
    """sha256 of the file."""
    samples_sha256: str | None = None
    """sha256 of its decoded samples as 32-bit integers; None where it is not sound."""


class StemFacts(Settings):
    """Measured levels of one stem or mix."""

    peak_dbfs: float
    """Highest sample; `SILENCE_DB` for silence."""
    true_peak_dbtp: float
    """Highest value between samples; `SILENCE_DB` for silence."""
    loudness_lufs: float | None
    """Integrated loudness (ITU-R BS.1770-4); None where nothing passes the gate."""
    click_ratio: float | None = None
    """Largest second difference at a join of blocks over the 99.9th percentile around it: 1 or less is as smooth as the
    sound itself, above 1.5 a click may be audible. None where the file has no joins."""
    clipped_samples: int = 0
    """Number of samples at full scale."""


class WrittenSound(Settings):
    """A sound file that was hashed and measured while it was written."""

    receipt: FileReceipt
    """Its hashes."""
    facts: StemFacts
    """Its levels."""

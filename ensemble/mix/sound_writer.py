"""Writes a stereo WAV file, and hashes and measures it meanwhile, so that it need not be read again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ensemble.audio.wav_writer import PCM_STEPS, Steps, WavWriter
from ensemble.files.receipts import FileReceipt, WrittenSound
from ensemble.mix.levels import LevelMeter

CHANNELS = 2


class SoundWriter:
    """Writes one stem or mix.

    Args:
        path: the file; replaced if it exists.
        sample_rate: in Hz.
        num_samples: samples per channel that will be written.
        join_samples: where blocks join; see `LevelMeter`.

    Raises:
        OSError: the file cannot be written, or (by any method) the disk is full.
    """

    def __init__(
        self, path: Path, sample_rate: int, num_samples: int, join_samples: Sequence[int] | range = ()
    ) -> None:
        self._file = WavWriter(path, sample_rate, CHANNELS, num_samples)
        self._meter = LevelMeter(sample_rate, CHANNELS, join_samples)

    @property
    def num_samples(self) -> int:
        """Samples per channel written so far."""
        return self._file.num_samples

    @property
    def loudness_lufs(self) -> float:
        """Loudness of the whole, after `close`; -inf when nothing is loud enough to be measured."""
        return self._meter.loudness_lufs

    def write(self, steps: Steps) -> None:
        """Append sound."""
        self._file.write(steps)
        self._meter.push(steps / PCM_STEPS)

    def close(self) -> WrittenSound:
        """Close the file, and return its hashes and levels."""
        sha256, samples_sha256 = self._file.close()
        receipt = FileReceipt(sha256=sha256, samples_sha256=samples_sha256)
        return WrittenSound(receipt=receipt, facts=self._meter.facts())

    def abandon(self) -> None:
        """Close the file, incomplete as it may be."""
        self._file.abandon()

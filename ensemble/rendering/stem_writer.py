"""The stems of a take on disk: appended block by block, and taken up where another process left them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ensemble.audio.disk import disk_errors
from ensemble.config import FollowerSettings
from ensemble.errors import OutputError
from ensemble.mix.gain import place
from ensemble.types.music import Stem

CHANNELS, SAMPLE_BYTES = 2, 3
_HEADER_BYTES = 4096
_AT_ONCE = 1 << 18


class StemFiles:
    """The stems of one take, 24-bit stereo, after gain and pan.

    Args:
        folder: made if absent; what an earlier process wrote in it stays aside until it is taken up.
        followers: who plays.
        sample_rate: in Hz.
    """

    def __init__(self, folder: Path, followers: Sequence[FollowerSettings], sample_rate: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._followers = {follower.name: follower for follower in followers}
        self.paths = {name: folder / f"{name}.wav" for name in self._followers}
        self._earlier = {name: path.with_suffix(".earlier") for name, path in self.paths.items()}
        self._files: dict[str, soundfile.SoundFile] = {}
        for name, path in self.paths.items():
            if _size(path) > _size(self._earlier[name]):
                path.rename(self._earlier[name])
            with disk_errors(path):
                self._files[name] = soundfile.SoundFile(path, "w", sample_rate, CHANNELS, "PCM_24", format="WAV")

    @property
    def num_samples(self) -> dict[str, int]:
        """Written so far, by part."""
        return {name: file.tell() for name, file in self._files.items()}

    def take_up(self, num_samples: dict[str, int]) -> None:
        """Go on after so many samples of each part, as an earlier process wrote them.

        Raises:
            OSError: the disk is full.
            OutputError: they are not there.
        """
        for name, file in self._files.items():
            missing = num_samples[name] - file.tell()
            for samples in _read(self._earlier[name], file.tell(), missing):
                with disk_errors(self.paths[name]):
                    file.write(samples)
                missing -= len(samples)
            if missing > 0:
                raise OutputError(
                    str(self._earlier[name]), "is shorter than the tape says", "render again with --force"
                )

    def append(self, stem: Stem) -> None:
        """Write what one player sounded.

        Raises:
            OSError: the disk is full.
        """
        follower = self._followers[stem.part]
        placed = place(stem.clip.samples[0], follower.gain_db, follower.pan)
        with disk_errors(self.paths[stem.part]):
            self._files[stem.part].write(placed.T)

    def close(self) -> None:
        """Finish every file.

        Raises:
            OSError: the disk is full.
        """
        for name, file in self._files.items():
            with disk_errors(self.paths[name]):
                file.close()

    def forget_earlier(self) -> None:
        """All of it has been taken up."""
        for path in self._earlier.values():
            path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else -1


def _read(path: Path, start: int, num_samples: int) -> Iterator[NDArray[np.int32]]:
    """Samples of a file whose header was never finished.  int32 [samples, channels], 24 bits at the top"""
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
        file.seek(header.index(b"data") + 8 + start * CHANNELS * SAMPLE_BYTES)
        while num_samples > 0:
            raw = file.read(min(num_samples, _AT_ONCE) * CHANNELS * SAMPLE_BYTES)
            whole = len(raw) // (CHANNELS * SAMPLE_BYTES)
            if not whole:
                return
            wide = np.zeros((whole * CHANNELS, 4), np.uint8)
            wide[:, 1:] = np.frombuffer(raw, np.uint8, whole * CHANNELS * SAMPLE_BYTES).reshape(-1, SAMPLE_BYTES)
            yield wide.view("<i4").reshape(whole, CHANNELS)
            num_samples -= whole

"""Sound that a render wrote: its form, and its samples in pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from ensemble.audio.disk import disk_errors, sound_file
from ensemble.errors import AudioError
from ensemble.types.music import PIECE_SAMPLES, FloatArray


class SoundForm(NamedTuple):
    """The form of a sound file."""

    sample_rate: int
    """Samples per second."""
    num_channels: int
    """Number of channels."""
    num_samples: int
    """Samples per channel."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.num_samples / self.sample_rate


def form_of(path: Path) -> SoundForm:
    """The form of a sound file.

    Raises:
        AudioError: it is missing or damaged.
    """
    with _opened(path) as sound:
        return SoundForm(int(sound.samplerate), int(sound.channels), int(sound.frames))


def delivered(path: Path, start: int = 0) -> Iterator[FloatArray]:
    """The samples of a file from one on, in pieces of `PIECE_SAMPLES`: as they were written, for up to 24 bits.

    Yields:
        [channels, samples]

    Raises:
        AudioError: it is missing or damaged.
    """
    with _opened(path) as sound:
        sound.seek(min(start, sound.frames))
        for piece in sound.blocks(PIECE_SAMPLES, dtype="float32", always_2d=True):
            yield np.ascontiguousarray(piece.T)


def write_float(path: Path, pieces: Iterable[FloatArray], sample_rate: int, num_channels: int) -> None:
    """Write a WAV file of 32-bit floating-point samples, which may pass full scale.  [channels, samples] each"""
    with (
        disk_errors(path),
        sound_file(path, "w", sample_rate, num_channels, "FLOAT", format="WAV") as sound,
    ):
        for piece in pieces:
            sound.write(piece.T)


def _opened(path: Path) -> soundfile.SoundFile:
    try:
        return sound_file(path)
    except (OSError, soundfile.LibsndfileError) as error:
        raise AudioError(str(path), "is missing or damaged", "render again") from error

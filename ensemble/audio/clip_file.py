"""A clip that is read from its file when it is needed, so that long leaders take little memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from ensemble.audio.recording import MAX_DURATION_S, Recording, opened
from ensemble.audio.sound import gathered
from ensemble.errors import AudioError, printable
from ensemble.types.music import PIECE_SAMPLES, AudioClip, FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFile:
    """Sound in a file; made by `keep_in_file`."""

    path: Path
    """The file, which libsndfile can read."""
    sample_rate: int
    """Samples per second."""
    num_channels: int
    """Number of channels."""
    num_samples: int
    """Samples per channel."""
    digest: str
    """sha256 of the samples, their shape and their rate: equal to `AudioClip.digest` of the same samples."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.num_samples / self.sample_rate

    def pieces(self) -> Iterator[FloatArray]:
        """All samples in order, `PIECE_SAMPLES` at a time.  [channels, samples]

        Raises:
            AudioError: the file is missing or has changed.
        """
        return self._read(0, self.num_samples)

    def span(self, start: int, stop: int) -> AudioClip:
        """Read the samples from `start` (included) to `stop` (excluded) into memory.

        Raises:
            AudioError: the file is missing or has changed.
        """
        samples = gathered(self._read(start, stop), self.num_channels, stop - start)
        return AudioClip(samples=samples, sample_rate=self.sample_rate)

    def _read(self, start: int, stop: int) -> Iterator[FloatArray]:
        try:
            with self.path.open("rb") as stream, soundfile.SoundFile(stream.fileno(), closefd=False) as sound:
                if (sound.samplerate, sound.channels, sound.frames) != self._form:
                    raise AudioError(printable(self.path), "was changed while it was followed", "render again")
                sound.seek(start)
                for at in range(start, stop, PIECE_SAMPLES):
                    piece = sound.read(min(PIECE_SAMPLES, stop - at), dtype="float32", always_2d=True)
                    yield np.ascontiguousarray(piece.T)
        except (OSError, soundfile.LibsndfileError) as error:
            raise AudioError(printable(self.path), "is gone or damaged", "render again") from error

    @property
    def _form(self) -> tuple[int, int, int]:
        return self.sample_rate, self.num_channels, self.num_samples


def keep_in_file(path: Path, max_duration_s: float = MAX_DURATION_S) -> ClipFile:
    """Make a `ClipFile`; the file is read once for every channel, to check it and to compute its digest.

    Raises:
        AudioError: the file is one that `read_clip` refuses.
    """
    with opened(path, max_duration_s) as recording:
        digest = _digest(recording)
        return ClipFile(
            path=path,
            sample_rate=recording.sample_rate,
            num_channels=recording.num_channels,
            num_samples=recording.num_samples,
            digest=digest,
        )


def _digest(recording: Recording) -> str:
    """Hash one channel after the other, in the order in which an `AudioClip` holds them."""
    shape = (recording.num_channels, recording.num_samples)
    whole = hashlib.sha256(f"{recording.sample_rate}:{shape}".encode())
    for channel in range(recording.num_channels):
        for piece in recording.pieces():
            whole.update(piece[channel].data)
    return whole.hexdigest()

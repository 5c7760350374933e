"""Opens recordings; a file that is damaged, too short, too long, silent or no sound is refused with one clear line."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from ensemble.audio import ffmpeg
from ensemble.audio.riff import read_promise, sized
from ensemble.errors import AudioError
from ensemble.types.music import PIECE_SAMPLES, FloatArray

MIN_DURATION_S = 0.5
MAX_DURATION_S = 30 * 60.0
MAX_DECODED_BYTES = 3 * 2**30
"""Most memory that a recording may take as float32; half an hour of stereo at 192 kHz takes 2.6 GiB."""
SILENT_PEAK = 1e-5
"""A recording with no higher peak is silent."""
CONSTANT_RANGE = 1e-3
"""A recording whose range is no larger than this share of its peak is a constant."""
MAX_PEAK = 2.0**32
"""Highest peak of a float file that is still scaled down, as of 32-bit integers stored as floats; more is damage."""
LOSSLESS = ("WAV", "WAVEX", "RF64", "W64", "FLAC", "AIFF", "CAF", "AU")
"""Formats of libsndfile whose headers give the exact length."""


def printable(path: str | Path) -> str:
    """The path on one line: line breaks and bytes that are not UTF-8 are escaped."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in str(path))


@contextlib.contextmanager
def opened(path: Path, max_duration_s: float = MAX_DURATION_S) -> Iterator[Recording]:
    """Open a recording at its own rate with its own channels: by libsndfile, else by ffmpeg where that is installed.

    Raises:
        AudioError: there is no such file, it cannot be read, is not sound, is cut short, or its header declares a
            length under `MIN_DURATION_S`, over `max_duration_s` or over `MAX_DECODED_BYTES`. The samples are
            checked by `Recording.pieces`.
    """
    what = printable(path)
    _check_file(path, what)
    with contextlib.ExitStack() as copies:
        try:
            recording = _known(path, what, max_duration_s, copies)
        except soundfile.LibsndfileError as error:
            if not ffmpeg.is_installed():
                raise AudioError(what, "is not a recording that libsndfile can read", ffmpeg.INSTALL) from error
            recording = _converted(path, what, max_duration_s, copies)
        yield recording


def _known(path: Path, what: str, max_duration_s: float, copies: contextlib.ExitStack) -> Recording:
    """Open a file that libsndfile can read; raises LibsndfileError for any other format."""
    with _stream(path, what) as stream:
        promise = read_promise(stream, os.fstat(stream.fileno()).st_size)
    if promise.unsized_at is not None:
        return _known(copies.enter_context(sized(path, promise.unsized_at)), what, max_duration_s, copies)
    recording = Recording(path, what, max_duration_s)
    if lost := promise.missing_bytes:
        raise AudioError(what, f"is cut short, {lost} bytes of sound are missing", "copy or export it again")
    return recording


def _converted(path: Path, what: str, max_duration_s: float, copies: contextlib.ExitStack) -> Recording:
    """Decode a file with ffmpeg, and open the result."""
    duration_s = ffmpeg.declared_duration_s(path, what)
    if duration_s is not None:
        _check_duration(duration_s, what, max_duration_s)
    wav = copies.enter_context(ffmpeg.decoded(path, what, max_duration_s + 1.0, MAX_DECODED_BYTES + 2**20))
    try:
        return _known(wav, what, max_duration_s, copies)
    except soundfile.LibsndfileError as error:
        raise AudioError(what, "holds no sound that can be decoded", "convert it to WAV or FLAC") from error


class Recording:
    """A recording that can be read piece by piece, any number of times.

    Attributes:
        sample_rate: in Hz.
        num_channels: number of channels.
        num_samples: samples per channel, by the header.
    """

    def __init__(self, path: Path, what: str, max_duration_s: float) -> None:
        self._path = path
        self._what = what
        self._max_duration_s = max_duration_s
        with self._sound() as sound:
            self.sample_rate, self.num_samples = int(sound.samplerate), int(sound.frames)
            self.num_channels = int(sound.channels)
            self._is_lossless = sound.format in LOSSLESS
        _check_duration(self.num_samples / max(self.sample_rate, 1), what, max_duration_s)
        decoded_bytes = 4 * self.num_samples * self.num_channels
        if decoded_bytes > MAX_DECODED_BYTES:
            size, limit = f"{decoded_bytes / 2**30:.1f} GiB", f"{MAX_DECODED_BYTES / 2**30:.0f} GiB"
            raise AudioError(what, f"takes {size} decoded", f"cut it, or mix it down, to {limit} or less")

    def pieces(self) -> Iterator[FloatArray]:
        """All samples in order, `PIECE_SAMPLES` at a time.  [channels, samples]

        Raises:
            AudioError: the recording is damaged or has samples that are not finite; or, after the last piece, is
                shorter than its header says, silent, constant, or far beyond full scale.
        """
        highest = np.full(self.num_channels, -np.inf)
        lowest = np.full(self.num_channels, np.inf)
        filled = 0
        with self._sound() as sound:
            while filled < self.num_samples:
                piece = self._read(sound, filled, min(PIECE_SAMPLES, self.num_samples - filled))
                if not piece.shape[1]:
                    break
                np.maximum(highest, piece.max(axis=1), out=highest)
                np.minimum(lowest, piece.min(axis=1), out=lowest)
                filled += piece.shape[1]
                yield piece
        if filled < self.num_samples and self._is_lossless:
            lost = self.num_samples - filled
            problem = f"is cut short, {lost} of {self.num_samples} samples are missing"
            raise AudioError(self._what, problem, "copy or export it again")
        _check_duration(filled / self.sample_rate, self._what, self._max_duration_s)
        _check_sound(highest, lowest, self._what)

    def span(self, start: int, stop: int) -> FloatArray:
        """The samples from `start` (included) to `stop` (excluded), as far as there are any.  [channels, samples]

        Raises:
            AudioError: the recording is damaged there.
        """
        start = min(start, self.num_samples)
        with self._sound() as sound:
            if sound.seekable():
                sound.seek(start)
            else:
                self._read(sound, 0, start)
            return self._read(sound, start, min(stop, self.num_samples) - start)

    def _read(self, sound: Any, start: int, wanted: int) -> FloatArray:
        """Read `wanted` samples of an open file whose position is at sample `start`."""
        at_s = start / self.sample_rate
        try:
            piece = sound.read(wanted, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            problem = f"is damaged, decoding stops near {at_s:.1f} s"
            raise AudioError(self._what, problem, "export it again") from error
        if not np.isfinite(piece).all():
            raise AudioError(self._what, f"has samples that are not numbers near {at_s:.1f} s", "export it again")
        return np.ascontiguousarray(piece.T)

    @contextlib.contextmanager
    def _sound(self) -> Iterator[Any]:
        with _stream(self._path, self._what) as stream, soundfile.SoundFile(stream.fileno(), closefd=False) as sound:
            yield sound


def _stream(path: Path, what: str) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise AudioError(what, f"cannot be opened ({error.strerror})", "check its permissions") from error


def _check_file(path: Path, what: str) -> None:
    """Refuse a path that is no readable file, or an empty one; a pipe or a device could block without end."""
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise AudioError(what, "there is no such file", "check the path") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise AudioError(what, f"cannot be opened ({reason})", "check the path") from error
    if stat.S_ISDIR(status.st_mode):
        raise AudioError(what, "is a folder", "name a recording in it")
    if not stat.S_ISREG(status.st_mode):
        raise AudioError(what, "is not a file", "name a recording")
    if not os.access(path, os.R_OK):
        raise AudioError(what, "may not be read by you", "change its permissions")
    if status.st_size == 0:
        raise AudioError(what, "is empty", "export it again")


def _check_duration(duration_s: float, what: str, max_duration_s: float) -> None:
    if duration_s < MIN_DURATION_S:
        raise AudioError(what, f"lasts {duration_s:.2f} s", f"give at least {MIN_DURATION_S} s")
    if duration_s > max_duration_s:
        raise AudioError(what, f"lasts {duration_s / 60:.1f} min", f"cut it to {max_duration_s / 60:.0f} min or less")


def _check_sound(highest: NDArray[np.float64], lowest: NDArray[np.float64], what: str) -> None:
    """Refuse silence, constants and damage, by the highest and the lowest sample of each channel."""
    peak = np.maximum(np.abs(highest), np.abs(lowest))
    if peak.max() <= SILENT_PEAK:
        raise AudioError(what, "is silent", "record it again, or check which track was exported")
    if peak.max() > MAX_PEAK:
        raise AudioError(what, "has samples far beyond full scale", "export it again")
    if (highest - lowest <= CONSTANT_RANGE * peak).all():
        raise AudioError(what, "is a constant, nothing sounds in it", "check the recording's input")

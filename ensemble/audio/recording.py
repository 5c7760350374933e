"""Opens recordings; a file that is too short, too long, silent or no sound is refused with one clear line."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from ensemble.audio import chunks, ffmpeg, flac_streams, mpeg, ogg
from ensemble.audio.decoder import Decoder
from ensemble.audio.layout import Layout
from ensemble.audio.sound import gathered, mean_of_channels, regrouped, resampled
from ensemble.audio.spliced import SplicedFile
from ensemble.errors import AudioError, printable
from ensemble.events import emit
from ensemble.types.diagnostics import Diagnostic
from ensemble.types.music import PIECE_SAMPLES, AudioClip, FloatArray

MIN_DURATION_S = 0.5
MAX_DURATION_S = 30 * 60.0
MAX_DECODED_BYTES = 3 * 2**30
"""Most memory that a clip may take as float32; half an hour of stereo at 192 kHz takes 2.6 GiB."""
SILENT_PEAK = 1e-5
"""A recording with no higher peak is silent."""
CONSTANT_RANGE = 1e-3
"""A recording whose range is no larger than this share of its peak is a constant."""
MAX_PEAK = 2.0**32
"""Highest peak of a float file that is still scaled down, as of 32-bit integers stored as floats; more is damage."""
LOSSLESS = ("WAV", "WAVEX", "RF64", "W64", "FLAC", "AIFF", "CAF", "AU")
"""Formats of libsndfile whose headers give the exact length of a whole file."""
LEAST_MISSING_S = 0.05
"""A file that ends at most so much early is whole: containers round, and encoders pad."""
MAX_MISSING_S = 24 * 3600.0
"""A header that tells of more was not written for this sound."""
MIN_RATE_HZ, MAX_RATE_HZ = 1_000, 3_000_000
"""Nothing is recorded at other rates: a header that tells one is damaged."""
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
"""A path that was meant for the address of a file elsewhere."""
_NEVER = 2**40
"""So many samples, or more, libsndfile says where a header tells none."""


@contextlib.contextmanager
def opened(path: Path, max_duration_s: float = MAX_DURATION_S) -> Iterator[Recording]:
    """Open a recording at its own rate with its own channels: by libsndfile, else by ffmpeg where that is installed.

    Raises:
        AudioError: there is no such file, it cannot be read, is not sound, or holds more than `max_duration_s` by a
            count. The samples are checked by `Recording.pieces`.
    """
    what = printable(path)
    _check_file(path, what)
    with contextlib.ExitStack() as copies:
        try:
            recording = Recording(path, what, max_duration_s)
        except soundfile.LibsndfileError as error:
            if not ffmpeg.is_installed():
                raise AudioError(
                    what, "is not a recording, it cannot be decoded by libsndfile", ffmpeg.INSTALL
                ) from error
            recording = _converted(path, what, max_duration_s, copies)
        yield recording


def _converted(path: Path, what: str, max_duration_s: float, copies: contextlib.ExitStack) -> Recording:
    """Decode a file with ffmpeg, and open the result."""
    declared_s = ffmpeg.declared_duration_s(path, what)
    wav = copies.enter_context(ffmpeg.decoded(path, what, max_duration_s + 1.0, MAX_DECODED_BYTES + 2**20))
    try:
        return Recording(wav, what, max_duration_s, _Original(declared_s, _read_layout(path, what)))
    except soundfile.LibsndfileError as error:
        raise AudioError(what, "holds no sound that can be decoded", "convert it to WAV or FLAC") from error


class _Original(NamedTuple):
    """What is known of a file that was decoded to another."""

    declared_s: float
    """How long it says that it is; 0 where it does not."""
    layout: Layout
    """Where its sound lies."""


class Recording:
    """A recording that can be read piece by piece, any number of times.

    How long it is, is what is decoded: a header is believed only where its number was counted.

    Args:
        path: the file.
        what: its name in errors.
        max_duration_s: how long it may be.
        original: of a decoded copy, what it was decoded from.

    Attributes:
        sample_rate: in Hz.
        num_channels: number of channels.
        num_samples: samples per channel, as far as a header tells; 0 where none does.

    Raises:
        soundfile.LibsndfileError: libsndfile cannot read the file.
        AudioError: it holds more than `max_duration_s`.
    """

    def __init__(self, path: Path, what: str, max_duration_s: float, original: _Original | None = None) -> None:
        self._path, self._what = path, what
        self._max_duration_s, self._declared_s = max_duration_s, original.declared_s if original else 0.0
        self._layout = _read_layout(path, what)
        self._told = original.layout if original else self._layout
        self._is_counted = self._layout.is_counted and original is None
        self._damaged: set[int] = set()
        self._has_more = False
        self._length_s = self._missing_s = 0.0
        with self._opened(0) as sound:
            self.sample_rate, self.num_channels = int(sound.samplerate), int(sound.channels)
            is_told = self._num_links == 1 and sound.frames < _NEVER
            self.num_samples = int(sound.frames) if is_told else 0
            self._is_lossless = sound.format in LOSSLESS
            self._can_seek = self._num_links == 1 and self._layout.is_numbered and sound.format != "MP3"
        if not MIN_RATE_HZ <= self.sample_rate <= MAX_RATE_HZ:
            problem = f"has a sample rate of {self.sample_rate:,} Hz by its header"
            raise AudioError(what, problem, "correct it, or export it again")
        if self._is_counted:
            self._check_longest(self.num_samples)

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What to know before trusting the recording, once all of it has been read."""
        if self._missing_s:
            whole_s = self._length_s + self._missing_s
            is_damage = self._told.gaps or self._has_more or (self._damaged and self._told.is_whole)
            fate = "is damaged" if is_damage else "ends early"
            said = f"The file {fate}: {self._missing_s:.1f} of {whole_s:.1f} s are missing."
        elif (is_damage := self._num_links - 1 in self._damaged) or self._told.is_open:
            problem = "is damaged" if is_damage else "lacks the mark of its end"
            said = f"The file {problem} at {self._length_s:.1f} s: what followed is missing."
        elif gaps := self._told.gaps + len(self._damaged):
            places = f"{gaps} place" + ("s" if gaps > 1 else "")
            said = f"The file is damaged in {places}: what stood there is missing."
        else:
            return ()
        return (Diagnostic(code="cut_short", text=said),)

    def clip(self) -> AudioClip:
        """All of it in memory.

        Raises:
            AudioError: see `pieces`; or it would take more than `MAX_DECODED_BYTES`.
        """
        self._check_size(self.num_samples if self._is_counted else 0)
        is_likely = (  # a header may say any number
            self.num_samples <= self._max_duration_s * self.sample_rate
            and 4 * self.num_samples * self.num_channels <= MAX_DECODED_BYTES
        )
        samples = gathered(self._while_it_fits(), self.num_channels, self.num_samples if is_likely else 0)
        return AudioClip(samples=samples, sample_rate=self.sample_rate)

    def pieces(self) -> Iterator[FloatArray]:
        """All samples in order, `PIECE_SAMPLES` at a time.  [channels, samples]

        Raises:
            AudioError: see `decoded`; or, after the last piece, the recording is silent, constant, or far beyond full
                scale.
        """
        highest = np.full(self.num_channels, -np.inf)
        lowest = np.full(self.num_channels, np.inf)
        for piece in self.decoded():
            np.maximum(highest, piece.max(axis=1), out=highest)
            np.minimum(lowest, piece.min(axis=1), out=lowest)
            yield piece
        _check_sound(highest, lowest, self._what)

    def decoded(self) -> Iterator[FloatArray]:
        """All samples that can be decoded, `PIECE_SAMPLES` at a time, whatever they are.  [channels, samples]

        Raises:
            AudioError: there are samples that are not finite, fewer than for `MIN_DURATION_S`, or more than for the
                longest duration that is allowed.
        """
        num_samples = 0
        for piece in regrouped(self._links(), PIECE_SAMPLES):
            num_samples += piece.shape[1]
            self._check_longest(num_samples)
            yield piece
        self._close(num_samples)

    def span(self, start: int, stop: int) -> FloatArray:
        """The samples from `start` (included) to `stop` (excluded), as far as there are any.  [channels, samples]

        Raises:
            AudioError: there are samples that are not finite.
        """
        return gathered(self._span(start, stop), self.num_channels, stop - start)

    def _span(self, start: int, stop: int) -> Iterator[FloatArray]:
        """See `span`.  [channels, samples]"""
        if self._can_seek:
            with self._opened(0) as sound, contextlib.suppress(soundfile.LibsndfileError):
                start = min(start, sound.frames)
                sound.seek(start)
                yield from self._read(sound, start, stop)
                return
        yield from _between(self._links(), start, stop)  # it is found from the beginning alone

    def _links(self) -> Iterator[FloatArray]:
        """The sound of every file within the file, at the rate and with the channels of the first."""
        for number in range(self._num_links):
            try:
                with self._opened(number) as sound:
                    pieces = self._read(sound, 0, int(sound.frames), number)
                    if sound.channels != self.num_channels:
                        pieces = (np.repeat(mean_of_channels(piece), self.num_channels, axis=0) for piece in pieces)
                    yield from resampled(pieces, int(sound.samplerate), self.sample_rate)
            except soundfile.LibsndfileError:  # a later one cannot be opened
                self._damaged.add(number)

    def _read(self, sound: Decoder, start: int, stop: int, number: int = 0) -> Iterator[FloatArray]:
        """Decode from `start`, where the decoder is, up to `stop` or as far as it goes.  [channels, samples]"""
        while start < stop:
            room = np.empty((min(PIECE_SAMPLES, stop - start), sound.channels), np.float32)
            try:
                piece = sound.read(out=room)
            except soundfile.LibsndfileError:  # what was decoded before the damage is in `room`
                self._damaged.add(number)
                piece = room[: sound.tell() - start]
            if not len(piece):
                return
            if not (is_number := np.isfinite(piece).all(axis=1)).all():
                at_s = (start + int(np.argmin(is_number))) / sound.samplerate
                raise AudioError(self._what, f"has samples that are not numbers near {at_s:.2f} s", "export it again")
            start += len(piece)
            yield np.ascontiguousarray(piece.T)

    @property
    def _num_links(self) -> int:
        return max(len(self._layout.links), 1)

    @contextlib.contextmanager
    def _opened(self, number: int) -> Iterator[Decoder]:
        with _stream(self._path, self._what) as stream, contextlib.ExitStack() as stack:
            if self._layout.links:
                spliced = SplicedFile(stream, self._layout.links[number])
                yield stack.enter_context(Decoder(spliced))
            else:
                yield stack.enter_context(Decoder(stream.fileno(), closefd=False))

    def _while_it_fits(self) -> Iterator[FloatArray]:
        num_samples = 0
        for piece in self.pieces():
            self._check_size(num_samples := num_samples + piece.shape[1])
            yield piece

    def _check_size(self, num_samples: int) -> None:
        decoded_bytes = 4 * num_samples * self.num_channels
        if decoded_bytes > MAX_DECODED_BYTES:
            size, limit = f"{decoded_bytes / 2**30:.1f} GiB", f"{MAX_DECODED_BYTES / 2**30:.0f} GiB"
            raise AudioError(self._what, f"takes {size} decoded", f"cut it, or mix it down, to {limit} or less")

    def _check_longest(self, num_samples: int) -> None:
        if num_samples <= self._max_duration_s * self.sample_rate:
            return
        limit = f"{self._max_duration_s / 60:.0f} min"
        counted_s = num_samples / self.sample_rate if self._is_counted else self._declared_s
        lasts = f"{counted_s / 60:.1f} min" if counted_s > self._max_duration_s else f"more than {limit}"
        raise AudioError(self._what, f"lasts {lasts}", f"cut it to {limit} or less")

    def _close(self, num_samples: int) -> None:
        """Note how much is missing after the last sample, and refuse what is left where that is nothing."""
        self._length_s = num_samples / self.sample_rate
        self._has_more = self._told.reach > num_samples
        missing_s = max(self._told.missing_ratio * self._length_s, self._declared_s - self._length_s)
        if self._is_lossless:
            missing_s = max(missing_s, self.num_samples / self.sample_rate - self._length_s)
        self._missing_s = missing_s if LEAST_MISSING_S <= missing_s <= MAX_MISSING_S else 0.0
        if self._length_s < MIN_DURATION_S:
            problem, cure = f"lasts {int(100 * self._length_s) / 100:.2f} s", f"give at least {MIN_DURATION_S} s"
            if self._missing_s or self._damaged:
                problem, cure = f"is cut short or damaged, {self._length_s:.2f} s are left", "copy or export it again"
            raise AudioError(self._what, problem, cure)
        if self.diagnostics:
            emit("cut_short", file=self._what, missing_s=round(self._missing_s, 2))


def _between(pieces: Iterable[FloatArray], start: int, stop: int) -> Iterator[FloatArray]:
    """The samples from `start` (included) to `stop` (excluded).  [channels, samples]"""
    for piece in pieces:
        if stop <= 0:
            return
        if start < piece.shape[1]:
            yield piece[:, max(start, 0) : stop]
        start, stop = start - piece.shape[1], stop - piece.shape[1]


def _read_layout(path: Path, what: str) -> Layout:
    """Where the sound lies in a file, where its header does not tell."""
    with _stream(path, what) as stream:
        file_bytes = os.fstat(stream.fileno()).st_size
        found = (
            read(stream, file_bytes)
            for read in (chunks.read_layout, ogg.read_layout, flac_streams.read_layout, mpeg.read_layout)
        )
        return next(filter(None, found), Layout())


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
        cure = "download it" if _URL.match(what) else "check the path"
        raise AudioError(what, "there is no such file", cure) from error
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


def _check_sound(highest: NDArray[np.float64], lowest: NDArray[np.float64], what: str) -> None:
    """Refuse silence, constants and damage, by the highest and the lowest sample of each channel."""
    peak = np.maximum(np.abs(highest), np.abs(lowest))
    if peak.max() <= SILENT_PEAK:
        raise AudioError(what, "is silent", "record it again, or check which track was exported")
    if peak.max() > MAX_PEAK:
        raise AudioError(what, "has samples far beyond full scale", "export it again")
    if (highest - lowest <= CONSTANT_RANGE * peak).all():
        raise AudioError(what, "is a constant, nothing sounds in it", "check the recording's input")

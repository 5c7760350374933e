"""Recordings in and out: every way a file can disappoint is refused here, in one line, before anything is heard."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from ensemble.audio import ffmpeg
from ensemble.audio.disk import disk_errors
from ensemble.audio.riff import read_promise, sized
from ensemble.errors import AudioError
from ensemble.types import AudioClip, FloatArray

MIN_DURATION_S = 0.5
MAX_DURATION_S = 30 * 60.0
MAX_DECODED_BYTES = 3 * 2**30
"""As float32: half an hour of stereo at 192 kHz takes 2.6 GiB."""
PEAK_CEILING = 10 ** (-1 / 20)
SILENT_PEAK = 1e-5
CONSTANT_RANGE = 1e-3
"""A signal that moves by less than this, relative to its peak, is a constant."""
PCM_STEPS = 2**23
"""24-bit steps from 0 to full scale: exact in float32, so what is read back is what was written."""
MAX_OFFSET = 1e-3
"""-60 dBFS: a smaller mean is music."""
MAX_PEAK = 2.0**32
"""Float files may hold any number: whole numbers of 32 bits are scaled down, more is damage."""
BLOCK_SAMPLES = 65_536
LOSSLESS = ("WAV", "WAVEX", "RF64", "W64", "FLAC", "AIFF", "CAF", "AU")


def printable(path: str | Path) -> str:
    """The path on one line, whatever its name holds (line breaks, bytes that are not UTF-8)."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in str(path))


def read_clip(path: Path, max_duration_s: float = MAX_DURATION_S) -> AudioClip:
    """Read a recording at its own rate with its own channels.

    What libsndfile reads is read by it; anything else goes through ffmpeg where that is installed.

    Raises:
        AudioError: there is no such file, it cannot be read, is not sound, is cut short, is shorter than
            `MIN_DURATION_S` or longer than `max_duration_s` (said by the header, before anything is decoded), would
            take more than `MAX_DECODED_BYTES`, has samples that are not finite or far beyond full scale, or is silent
            or constant.
    """
    what = printable(path)
    _check_file(path, what)
    try:
        return _read_with_libsndfile(path, what, max_duration_s)
    except soundfile.LibsndfileError as error:
        if not ffmpeg.is_installed():
            raise AudioError(what, "is not a recording that libsndfile can read", ffmpeg.INSTALL) from error
    duration_s = ffmpeg.declared_duration_s(path, what)
    if duration_s is not None:
        _check_duration(duration_s, what, max_duration_s)
    with ffmpeg.decoded(path, what, max_duration_s + 1.0, MAX_DECODED_BYTES + 2**20) as wav:
        try:
            return _read_with_libsndfile(wav, what, max_duration_s)
        except soundfile.LibsndfileError as error:
            raise AudioError(what, "holds no sound that can be decoded", "convert it to WAV or FLAC") from error


def prepare_leader(clip: AudioClip, sample_rate: int) -> AudioClip:
    """Bring a recording to the form that the band plays along with: preparing it again changes nothing.

    One or two channels (more become their mean), at `sample_rate` (soxr, high quality), without a constant offset,
    scaled down only where the peak exceeds -1 dBFS, and rounded to 24 bits, so that the file written from it holds
    exactly these samples.
    """
    samples = clip.samples
    if clip.num_channels > 2:
        samples = samples.mean(axis=0, keepdims=True)
    if clip.sample_rate != sample_rate:
        channels = [soxr.resample(channel, clip.sample_rate, sample_rate, quality="HQ") for channel in samples]
        samples = np.stack(channels)
    samples = _without_offset(samples)
    peak = _peak(samples)
    gain = PEAK_CEILING / peak if peak > PEAK_CEILING + 1 / PCM_STEPS else 1.0
    prepared = _steps(samples, gain)
    prepared /= np.float32(PCM_STEPS)
    return AudioClip(samples=prepared, sample_rate=sample_rate)


def write_clip(path: Path, clip: AudioClip) -> None:
    """Write a 24-bit PCM WAV; beyond full scale is clipped. What is read back, written again, gives the same bytes.

    Raises:
        AudioError: the file cannot be written.
    """
    try:
        with (
            disk_errors(path),
            path.open("wb") as stream,
            soundfile.SoundFile(stream, "w", clip.sample_rate, clip.num_channels, "PCM_24", format="WAV") as sound,
        ):
            for start in range(0, clip.num_samples, BLOCK_SAMPLES):
                steps = _steps(clip.samples[:, start : start + BLOCK_SAMPLES]).astype(np.int32)
                sound.write(np.ascontiguousarray(steps.T) * np.int32(2**8))  # its 32 bits hold our 24 at the top
    except OSError as error:
        raise AudioError(printable(path), f"cannot be written ({error.strerror})", "choose another place") from error


def _without_offset(samples: FloatArray) -> FloatArray:
    """Take away what a faulty input adds to every sample: it would thump where the leader begins and ends."""
    offset = samples.mean(axis=1, dtype=np.float64, keepdims=True)
    if np.abs(offset).max() <= MAX_OFFSET:
        return samples
    centred: FloatArray = samples - offset.astype(np.float32)
    return centred


def _peak(samples: FloatArray) -> float:
    """The largest magnitude, without a copy."""
    return max(float(samples.max(initial=0.0)), -float(samples.min(initial=0.0)))


def _steps(samples: FloatArray, gain: float = 1.0) -> FloatArray:
    """The nearest 24-bit steps, within full scale: whole numbers, exact in float32.  [channels, samples]"""
    steps = samples * np.float32(gain * PCM_STEPS)
    np.rint(steps, out=steps)
    np.clip(steps, -PCM_STEPS, PCM_STEPS - 1, out=steps)
    return steps


def _check_file(path: Path, what: str) -> None:
    """Refuse what is not a readable file with something in it; a pipe or a device could block for ever."""
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


def _read_with_libsndfile(path: Path, what: str, max_duration_s: float) -> AudioClip:
    """Read what libsndfile knows; its own error says that it does not know the format."""
    try:
        stream = path.open("rb")
    except OSError as error:
        raise AudioError(what, f"cannot be opened ({error.strerror})", "check its permissions") from error
    with stream:
        promise = read_promise(stream, os.fstat(stream.fileno()).st_size)
        if promise.unsized_at is not None:
            with sized(path, promise.unsized_at) as copy:
                return _read_with_libsndfile(copy, what, max_duration_s)
        os.lseek(stream.fileno(), 0, os.SEEK_SET)  # of the file itself: Python's own seek may stay in its buffer
        with soundfile.SoundFile(stream.fileno(), closefd=False) as sound:
            sample_rate, declared = int(sound.samplerate), int(sound.frames)
            _check_duration(declared / max(sample_rate, 1), what, max_duration_s)
            decoded_bytes = 4 * declared * int(sound.channels)
            if decoded_bytes > MAX_DECODED_BYTES:
                size, limit = f"{decoded_bytes / 2**30:.1f} GiB", f"{MAX_DECODED_BYTES / 2**30:.0f} GiB"
                raise AudioError(what, f"takes {size} decoded", f"cut it, or mix it down, to {limit} or less")
            if lost := promise.missing_bytes:
                raise AudioError(what, f"is cut short, {lost} bytes of sound are missing", "copy or export it again")
            samples = _decode(sound, what)
            is_lossless = sound.format in LOSSLESS
    if samples.shape[1] < declared and is_lossless:
        lost = declared - samples.shape[1]
        raise AudioError(what, f"is cut short, {lost} of {declared} samples are missing", "copy or export it again")
    _check_duration(samples.shape[1] / sample_rate, what, max_duration_s)
    _check_sound(samples, what)
    return AudioClip(samples=samples, sample_rate=sample_rate)


def _decode(sound: Any, what: str) -> FloatArray:
    """All samples, block by block: one copy in memory.  [channels, samples]"""
    samples = np.empty((sound.channels, sound.frames), dtype=np.float32)
    filled = 0
    while filled < sound.frames:
        try:
            block = sound.read(min(BLOCK_SAMPLES, sound.frames - filled), dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            at_s = filled / sound.samplerate
            raise AudioError(what, f"is damaged, decoding stops near {at_s:.1f} s", "export it again") from error
        if not len(block):
            break
        if not np.isfinite(block).all():
            at_s = filled / sound.samplerate
            raise AudioError(what, f"has samples that are not numbers near {at_s:.1f} s", "export it again")
        samples[:, filled : filled + len(block)] = block.T
        filled += len(block)
    return samples[:, :filled]


def _check_sound(samples: FloatArray, what: str) -> None:
    """Refuse silence, constants and damage."""
    highest, lowest = samples.max(axis=1).astype(np.float64), samples.min(axis=1).astype(np.float64)
    peak = np.maximum(np.abs(highest), np.abs(lowest))
    if peak.max() <= SILENT_PEAK:
        raise AudioError(what, "is silent", "record it again, or check which track was exported")
    if peak.max() > MAX_PEAK:
        raise AudioError(what, "has samples far beyond full scale", "export it again")
    if (highest - lowest <= CONSTANT_RANGE * peak).all():
        raise AudioError(what, "is a constant, nothing sounds in it", "check the recording's input")

"""Recordings in and out: read whole or piece by piece, brought to the form that the band follows, written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ensemble.audio.disk import disk_errors
from ensemble.audio.recording import LOSSLESS as LOSSLESS
from ensemble.audio.recording import MAX_DURATION_S as MAX_DURATION_S
from ensemble.audio.recording import MIN_DURATION_S as MIN_DURATION_S
from ensemble.audio.recording import opened
from ensemble.audio.recording import printable as printable
from ensemble.audio.sound import Sound, gathered, mean_of_channels, regrouped, resampled
from ensemble.errors import AudioError
from ensemble.types.music import PIECE_SAMPLES, AudioClip, FloatArray

PEAK_CEILING = 10 ** (-1 / 20)
PCM_STEPS = 2**23
"""24-bit steps from 0 to full scale: exact in float32, so what is read back is what was written."""
MAX_OFFSET = 1e-3
"""-60 dBFS: a smaller mean is music."""
_SUM_SAMPLES = 8192
"""Sums run over so many samples, and over those sums: fixed, so that they round the same in every way of reading."""


def read_clip(path: Path, max_duration_s: float = MAX_DURATION_S) -> AudioClip:
    """Read a recording at its own rate with its own channels.

    What libsndfile reads is read by it; anything else goes through ffmpeg where that is installed.

    Raises:
        AudioError: there is no such file, it cannot be read, is not sound, is cut short, is shorter than
            `MIN_DURATION_S` or longer than `max_duration_s` (said by the header, before anything is decoded), would
            take more than `MAX_DECODED_BYTES`, has samples that are not finite or far beyond full scale, or is silent
            or constant.
    """
    with opened(path, max_duration_s) as recording:
        samples = gathered(recording.pieces(), recording.num_channels, recording.num_samples)
        return AudioClip(samples=samples, sample_rate=recording.sample_rate)


def prepare_leader(clip: AudioClip, sample_rate: int) -> AudioClip:
    """Bring a clip to the form that the band plays along with; see `prepared`."""
    num_samples = -(-clip.num_samples * sample_rate // clip.sample_rate)
    samples = gathered(prepared(clip, sample_rate), num_prepared(clip), num_samples)
    return AudioClip(samples=samples, sample_rate=sample_rate)


def prepared(sound: Sound, sample_rate: int) -> Iterator[FloatArray]:
    """Bring sound to the form that the band plays along with: preparing it again changes nothing.

    One or two channels (more become their mean), at `sample_rate` (soxr, high quality), without a constant offset,
    scaled down only where the peak exceeds -1 dBFS, and rounded to 24 bits, so that the file written from it holds
    exactly these samples. The sound is gone through twice: once to find offset and peak.

    Returns:
        The prepared sound in order.  [channels, samples]
    """
    offset, peak = _levels(_at_rate(sound, sample_rate))
    gain = PEAK_CEILING / peak if peak > PEAK_CEILING + 1 / PCM_STEPS else 1.0
    return (_prepared(piece, offset, gain) for piece in _at_rate(sound, sample_rate))


def num_prepared(sound: Sound) -> int:
    """Channels that are left of a sound when it is prepared."""
    return sound.num_channels if sound.num_channels <= 2 else 1


def write_clip(path: Path, clip: AudioClip) -> None:
    """Write a 24-bit PCM WAV; beyond full scale is clipped. What is read back, written again, gives the same bytes.

    Raises:
        AudioError: the file cannot be written.
    """
    write_pieces(path, clip.pieces(), clip.sample_rate, clip.num_channels)


def write_pieces(path: Path, pieces: Iterable[FloatArray], sample_rate: int, num_channels: int) -> None:
    """The same as `write_clip`, of sound in pieces of any length.  [channels, samples]

    Raises:
        AudioError: the file cannot be written.
    """
    try:
        with (
            disk_errors(path),
            path.open("wb"),  # says in the system's words why it cannot be; libsndfile has none for it
            soundfile.SoundFile(path, "w", sample_rate, num_channels, "PCM_24", format="WAV") as sound,
        ):
            for piece in regrouped(pieces, PIECE_SAMPLES):
                steps = _steps(piece).astype(np.int32)
                sound.write(np.ascontiguousarray(steps.T) * np.int32(2**8))  # its 32 bits hold our 24 at the top
    except OSError as error:
        raise AudioError(printable(path), f"cannot be written ({error.strerror})", "choose another place") from error


def _at_rate(sound: Sound, sample_rate: int) -> Iterator[FloatArray]:
    """One or two channels at the rate wanted, in pieces of one length."""
    mixed = (mean_of_channels(piece) if len(piece) > 2 else piece for piece in sound.pieces())
    return regrouped(resampled(mixed, sound.sample_rate, sample_rate), PIECE_SAMPLES)


def _levels(pieces: Iterable[FloatArray]) -> tuple[FloatArray | None, float]:
    """What a faulty input adds to every sample, which would thump where the leader begins and ends; and the peak.

    Returns:
        The offset of each channel, None where it is too small to matter; and the largest magnitude without it.
    """
    total: NDArray[np.float64] | float = 0.0
    highest: FloatArray | float = -np.inf
    lowest: FloatArray | float = np.inf
    num_samples = 0
    for piece in pieces:
        for start in range(0, piece.shape[1], _SUM_SAMPLES):
            total = total + piece[:, start : start + _SUM_SAMPLES].sum(axis=1, dtype=np.float64)
        highest, lowest = np.maximum(highest, piece.max(axis=1)), np.minimum(lowest, piece.min(axis=1))
        num_samples += piece.shape[1]
    offset = np.asarray(total / max(num_samples, 1)).astype(np.float32)
    if np.abs(total / max(num_samples, 1)).max() <= MAX_OFFSET:
        return None, max(float(np.max(highest)), -float(np.min(lowest)), 0.0)
    return offset[:, None], max(float((highest - offset).max()), -float((lowest - offset).min()), 0.0)


def _prepared(piece: FloatArray, offset: FloatArray | None, gain: float) -> FloatArray:
    centred = piece if offset is None else piece - offset
    prepared = _steps(centred, gain)
    prepared /= np.float32(PCM_STEPS)
    return prepared


def _steps(samples: FloatArray, gain: float = 1.0) -> FloatArray:
    """The nearest 24-bit steps, within full scale: whole numbers, exact in float32.  [channels, samples]"""
    steps = samples * np.float32(gain * PCM_STEPS)
    np.rint(steps, out=steps)
    np.clip(steps, -PCM_STEPS, PCM_STEPS - 1, out=steps)
    return steps

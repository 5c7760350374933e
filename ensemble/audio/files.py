"""Reads recordings, converts them to the rate and level at which the band follows them, and writes 24-bit WAV files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.disk import disk_errors, sound_file
from ensemble.audio.loudness import LoudnessMeter
from ensemble.audio.recording import LOSSLESS as LOSSLESS
from ensemble.audio.recording import MAX_DURATION_S as MAX_DURATION_S
from ensemble.audio.recording import MIN_DURATION_S as MIN_DURATION_S
from ensemble.audio.recording import SILENT_PEAK, opened
from ensemble.audio.sound import Sound, gathered, mean_of_channels, regrouped, resampled
from ensemble.audio.wav_writer import PCM_STEPS as PCM_STEPS
from ensemble.errors import AudioError
from ensemble.errors import printable as printable
from ensemble.types.music import PIECE_SAMPLES, AudioClip, FloatArray

LEADER_LUFS = -23.0
"""Integrated loudness of a prepared leader (ITU-R BS.1770-4), the programme loudness of EBU R 128: the band reads
loudness against full scale, and so plays alike for a recording at any level."""
LEVEL_TOLERANCE_DB = 0.1
"""A leader that is so near to its level is left as it is."""
PEAK_CEILING = 10 ** (-1 / 20)
"""Highest peak of a prepared leader: -1 dBFS."""
MAX_OFFSET = 1e-3
"""A mean up to -60 dBFS is left as it is; a larger one is a constant offset, and is removed."""
_SUM_SAMPLES = 8192
"""Samples are summed in groups of this length, so that a sum rounds in the same way however the file is read."""


def read_clip(path: Path, max_duration_s: float = MAX_DURATION_S) -> AudioClip:
    """Read a whole recording at its own rate with its own channels, by libsndfile or else by ffmpeg.

    Raises:
        AudioError: the file is one that `opened` or `Recording.clip` refuses.
    """
    with opened(path, max_duration_s) as recording:
        return recording.clip()


def prepared(sound: Sound, sample_rate: int) -> Iterator[FloatArray]:
    """Convert sound to the form that the band follows; converting it again changes nothing.

    The result has one or two channels (more become their mean), the given rate (soxr, high quality) and no constant
    offset. It is brought to `LEADER_LUFS`, or as near as a peak of -1 dBFS allows, and rounded to 24 bits, so that a
    WAV file holds exactly these samples. The sound is read twice: once to find its offset, peak and loudness.

    Returns:
        The converted sound in order.  [channels, samples]
    """
    offset, peak, loudness_lufs = _levels(_at_rate(sound, sample_rate), sample_rate)
    gain = _leader_gain(peak, loudness_lufs)
    return (_prepared(piece, offset, gain) for piece in _at_rate(sound, sample_rate))


def prepared_clip(clip: AudioClip, sample_rate: int) -> AudioClip:
    """A whole clip as `prepared` converts it."""
    at_most = -(-clip.num_samples * sample_rate // clip.sample_rate)
    samples = gathered(prepared(clip, sample_rate), num_prepared(clip), at_most)
    return AudioClip(samples=samples, sample_rate=sample_rate)


def one_channel(sound: Sound, sample_rate: int) -> Iterator[FloatArray]:
    """The mean of the channels at this rate, at the level that it has.  [1, samples]"""
    return resampled((mean_of_channels(piece) for piece in sound.pieces()), sound.sample_rate, sample_rate)


def num_prepared(sound: Sound) -> int:
    """Number of channels that `prepared` makes of a sound."""
    return sound.num_channels if sound.num_channels <= 2 else 1


def write_clip(path: Path, clip: AudioClip) -> None:
    """Write a 24-bit PCM WAV file, clipped at full scale; reading it and writing it again gives the same bytes.

    Raises:
        AudioError: the file cannot be written.
    """
    write_pieces(path, clip.pieces(), clip.sample_rate, clip.num_channels)


def write_pieces(path: Path, pieces: Iterable[FloatArray], sample_rate: int, num_channels: int) -> None:
    """Write sound in pieces of any length; see `write_clip`.  [channels, samples]

    Raises:
        AudioError: the file cannot be written.
    """
    try:
        with (
            disk_errors(path),
            path.open("wb"),  # its error gives the reason; libsndfile's does not
            sound_file(path, "w", sample_rate, num_channels, "PCM_24", format="WAV") as sound,
        ):
            for piece in regrouped(pieces, PIECE_SAMPLES):
                steps = _steps(piece).astype(np.int32)
                sound.write(np.ascontiguousarray(steps.T) * np.int32(2**8))  # libsndfile keeps the upper 24 of 32 bits
    except OSError as error:
        raise AudioError(printable(path), f"cannot be written ({error.strerror})", "choose another place") from error


def _at_rate(sound: Sound, sample_rate: int) -> Iterator[FloatArray]:
    """Convert sound to one or two channels at `sample_rate`, in pieces of one length."""
    mixed = (mean_of_channels(piece) if len(piece) > 2 else piece for piece in sound.pieces())
    return regrouped(resampled(mixed, sound.sample_rate, sample_rate), PIECE_SAMPLES)


def _levels(pieces: Iterable[FloatArray], sample_rate: int) -> tuple[FloatArray | None, float, float]:
    """Find the constant offset of a recording, which would thump where the leader begins and ends, and its levels.

    Returns:
        The offset of each channel (None where no channel's exceeds `MAX_OFFSET`), the peak without the offset, and the
        loudness in LUFS, -inf where nothing is loud enough to be measured.
    """
    total: NDArray[np.float64] | float = 0.0
    highest: FloatArray | float = -np.inf
    lowest: FloatArray | float = np.inf
    num_samples = 0
    loudness = LoudnessMeter(sample_rate)
    start_at: FloatArray | None = None
    for piece in pieces:
        start_at = piece[:, :1] if start_at is None else start_at
        loudness.push(piece - start_at)  # an offset that sets in would be a thump
        for start in range(0, piece.shape[1], _SUM_SAMPLES):
            total = total + piece[:, start : start + _SUM_SAMPLES].sum(axis=1, dtype=np.float64)
        highest, lowest = np.maximum(highest, piece.max(axis=1)), np.minimum(lowest, piece.min(axis=1))
        num_samples += piece.shape[1]
    offset = np.asarray(total / max(num_samples, 1)).astype(np.float32)
    if np.abs(total / max(num_samples, 1)).max() <= MAX_OFFSET:
        return None, max(float(np.max(highest)), -float(np.min(lowest)), 0.0), loudness.lufs()
    peak = max(float((highest - offset).max()), -float((lowest - offset).min()), 0.0)
    return offset[:, None], peak, loudness.lufs()


def _leader_gain(peak: float, loudness_lufs: float) -> float:
    """The factor that brings a leader to its level, or as near as its peak allows."""
    wanted = 1.0 if math.isinf(loudness_lufs) else 10 ** ((LEADER_LUFS - loudness_lufs) / 20)
    gain = min(wanted, PEAK_CEILING / max(peak, SILENT_PEAK))
    is_near = abs(math.log10(gain)) < LEVEL_TOLERANCE_DB / 20 and peak <= PEAK_CEILING + 1 / PCM_STEPS
    return 1.0 if is_near else gain


def _prepared(piece: FloatArray, offset: FloatArray | None, gain: float) -> FloatArray:
    centred = piece if offset is None else piece - offset
    prepared = _steps(centred, gain)
    prepared /= np.float32(PCM_STEPS)
    return prepared


def _steps(samples: FloatArray, gain: float = 1.0) -> FloatArray:
    """Samples as 24-bit steps, rounded and clipped at full scale: whole numbers in float32.  [channels, samples]"""
    steps = samples * np.float32(gain * PCM_STEPS)
    np.rint(steps, out=steps)
    np.clip(steps, -PCM_STEPS, PCM_STEPS - 1, out=steps)
    return steps

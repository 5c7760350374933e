"""Sound in pieces: processing it piece by piece takes little memory, and gives the same bytes as all at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
import soxr

from ensemble.types.music import PIECE_SAMPLES, AudioClip, FloatArray

_SLACK_SAMPLES = 64
"""Room for samples beyond the expected length, since a resampler may round up."""


class Sound(Protocol):
    """Sound that can be read any number of times: a clip in memory or in its file, or a recording."""

    @property
    def sample_rate(self) -> int:
        """Samples per second."""

    @property
    def num_channels(self) -> int:
        """Number of channels."""

    @property
    def num_samples(self) -> int:
        """Samples per channel; a recording of which that is an estimate may have fewer or more."""

    def pieces(self) -> Iterator[FloatArray]:
        """All samples in order, in pieces of one length, the last one shorter.  [channels, samples]"""


class KeptSound(Sound, Protocol):
    """Sound that a render follows: a clip in memory or in its file."""

    @property
    def digest(self) -> str:
        """sha256 of the samples, their shape and their rate."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""

    def span(self, start: int, stop: int) -> AudioClip:
        """The samples from `start` (included) to `stop` (excluded), in memory."""


def mean_of_channels(piece: FloatArray) -> FloatArray:
    """The mean of the channels, summed in order so that a piece's length does not change the bytes.  [1, samples]"""
    if len(piece) == 1:
        return piece
    total = piece[0].copy()
    for channel in piece[1:]:
        total += channel
    total /= np.float32(len(piece))
    mean: FloatArray = total[None]
    return mean


def resampled(pieces: Iterable[FloatArray], from_hz: int, to_hz: int) -> Iterator[FloatArray]:
    """Resample sound (soxr, high quality); the bytes do not depend on how it is cut into pieces.

    Args:
        pieces: [channels, samples] each, in order.
        from_hz: their rate.
        to_hz: the new rate.

    Yields:
        [channels, samples], of any length.
    """
    if from_hz == to_hz:
        yield from pieces
        return
    streams: list[soxr.ResampleStream] = []
    at_once = max(PIECE_SAMPLES * from_hz // to_hz, 1)
    for piece in pieces:
        streams = streams or [soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ") for _ in piece]
        for start in range(0, piece.shape[1], at_once):  # a second of 1 Hz is a long piece of 48 kHz
            part = piece[:, start : start + at_once]
            yield np.stack([one.resample_chunk(channel) for one, channel in zip(streams, part, strict=True)])
    if streams:
        yield np.stack([one.resample_chunk(np.zeros(0, np.float32), last=True) for one in streams])


def regrouped(pieces: Iterable[FloatArray], num_samples: int) -> Iterator[FloatArray]:
    """Cut the same sound into pieces of `num_samples`, the last one shorter.  [channels, samples]"""
    waiting: list[FloatArray] = []
    length = 0
    for piece in pieces:
        if not length and piece.shape[1] == num_samples:
            yield piece
            continue
        waiting.append(piece)
        length += piece.shape[1]
        if length >= num_samples:
            whole = np.concatenate(waiting, axis=1)
            stop = length - length % num_samples
            yield from (whole[:, start : start + num_samples] for start in range(0, stop, num_samples))
            waiting, length = [whole[:, stop:].copy()], length - stop
    if length:
        yield np.concatenate(waiting, axis=1)


def gathered(pieces: Iterable[FloatArray], num_channels: int, expected: int) -> FloatArray:
    """Join pieces into one array.  [channels, samples]

    Args:
        pieces: [channels, samples] each, in order.
        num_channels: channels of every piece.
        expected: how many samples they are together, as far as is known; there is room for more.
    """
    whole = np.empty((num_channels, max(expected, 0) + _SLACK_SAMPLES), np.float32)
    filled = 0
    for piece in pieces:
        if filled + piece.shape[1] > whole.shape[1]:
            whole = np.concatenate(
                [whole[:, :filled], np.empty((num_channels, filled + piece.shape[1]), np.float32)], 1
            )
        whole[:, filled : filled + piece.shape[1]] = piece
        filled += piece.shape[1]
    return whole[:, :filled]

"""Sound in pieces: what is done to half an hour of it never needs the whole at once, and gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
import soxr

from ensemble.types.music import AudioClip, FloatArray

_SLACK_SAMPLES = 64
"""A resampler may round up."""


class Sound(Protocol):
    """Sound that can be gone through as often as it is wanted: a clip in memory, in its file, or a recording."""

    @property
    def sample_rate(self) -> int:
        """In Hz."""

    @property
    def num_channels(self) -> int:
        """Channels."""

    @property
    def num_samples(self) -> int:
        """Samples per channel, at most."""

    def pieces(self) -> Iterator[FloatArray]:
        """The whole in order, in pieces of one length, the last one shorter.  [channels, samples]"""


class KeptSound(Sound, Protocol):
    """Sound that a render follows."""

    @property
    def digest(self) -> str:
        """sha256 of the samples, their shape and their rate, as `AudioClip.digest`."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""

    def span(self, start: int, stop: int) -> AudioClip:
        """From one sample to before another, in memory.  start, stop: 0 to `num_samples`"""


def mean_of_channels(piece: FloatArray) -> FloatArray:
    """One channel, summed from the first to the last: the same bytes for any length.  [1, samples]"""
    if len(piece) == 1:
        return piece
    total = piece[0].copy()
    for channel in piece[1:]:
        total += channel
    total /= np.float32(len(piece))
    mean: FloatArray = total[None]
    return mean


def resampled(pieces: Iterable[FloatArray], from_hz: int, to_hz: int) -> Iterator[FloatArray]:
    """Bring sound to another rate (soxr, high quality); as a stream it gives what it gives of the whole.

    Args:
        pieces: [channels, samples] each, in order.
        from_hz: their rate.
        to_hz: the rate wanted.

    Yields:
        [channels, samples], of any length.
    """
    if from_hz == to_hz:
        yield from pieces
        return
    streams: list[soxr.ResampleStream] = []
    for piece in pieces:
        streams = streams or [soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ") for _ in piece]
        yield np.stack([one.resample_chunk(channel) for one, channel in zip(streams, piece, strict=True)])
    if streams:
        yield np.stack([one.resample_chunk(np.zeros(0, np.float32), last=True) for one in streams])


def regrouped(pieces: Iterable[FloatArray], num_samples: int) -> Iterator[FloatArray]:
    """The same sound in pieces of `num_samples`, the last one shorter.  [channels, samples]"""
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


def gathered(pieces: Iterable[FloatArray], num_channels: int, at_most: int) -> FloatArray:
    """The whole, written once into its place.  [channels, samples]

    Args:
        pieces: [channels, samples] each, in order.
        num_channels: of every piece.
        at_most: how many samples they may be together; a few more fit.
    """
    whole = np.empty((num_channels, at_most + _SLACK_SAMPLES), np.float32)
    filled = 0
    for piece in pieces:
        whole[:, filled : filled + piece.shape[1]] = piece
        filled += piece.shape[1]
    return whole[:, :filled]

"""A stream brought to the rate at which it is listened to, 2 ms late: all that has come is known at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from ensemble.types.music import FloatArray

LATE_S = 0.0022
"""Half the filter's length: so much later than it came everything stands in what is resampled."""
CUTOFF, KAISER_BETA = 0.9375, 6.755
"""Of the new rate's half: 6 dB down there, flat below 0.87 and 70 dB down above 1."""
_AT_ONCE = 4800


class StreamResampler:
    """Resamples one channel to a lower rate; the bytes do not depend on how the stream is cut.

    Args:
        from_hz: the stream's rate.
        to_hz: the new rate.

    Source: Smith and Gossett, A Flexible Sampling-Rate Conversion Method, ICASSP 1984, with the window of Kaiser,
    Nonrecursive Digital Filter Design Using the I0-sinh Window Function, ISCAS 1974.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        common = math.gcd(from_hz, to_hz)
        self._step, self._phases = from_hz // common, to_hz // common
        half = math.ceil(LATE_S * from_hz)
        self._filters = _filters(half, self._phases, CUTOFF * to_hz / from_hz)
        self._kept = np.zeros(2 * half - 1, np.float32)
        self._received = self._next = 0

    def push(self, samples: FloatArray) -> FloatArray:
        """Go on: as much as has come.  [samples] -> [samples at the new rate]"""
        pieces = [self._push(samples[start : start + _AT_ONCE]) for start in range(0, len(samples), _AT_ONCE)]
        return np.concatenate([np.zeros(0, np.float32), *pieces])

    def _push(self, samples: FloatArray) -> FloatArray:
        length, before = self._filters.shape[1], self._received
        known = np.concatenate([self._kept, samples])
        self._received, self._kept = before + len(samples), known[len(samples) :]
        stop = -(-self._received * self._phases // self._step)
        place, phase = np.divmod(np.arange(self._next, stop) * self._step, self._phases)
        self._next = stop
        around = np.lib.stride_tricks.sliding_window_view(known, length)[place - before]
        resampled: FloatArray = (around * self._filters[phase]).sum(axis=1)
        return resampled


def resampled_soon(pieces: Iterable[FloatArray], from_hz: int, to_hz: int) -> Iterator[FloatArray]:
    """A stream that has ended, as `StreamResampler` gives it; see `ensemble.audio.sound.resampled`."""
    if from_hz == to_hz:
        yield from pieces
        return
    streams: list[StreamResampler] = []
    for piece in pieces:
        streams = streams or [StreamResampler(from_hz, to_hz) for _ in piece]
        yield np.stack([one.push(channel) for one, channel in zip(streams, piece, strict=True)])


def _filters(half: int, phases: int, cutoff: float) -> FloatArray:
    """A windowed sinc for each place between two samples, each with a sum of 1.  [phases, 2 * half]"""
    apart = np.arange(1 - half, half + 1) - np.arange(phases)[:, None] / phases
    window = np.i0(KAISER_BETA * np.sqrt(np.maximum(1.0 - (apart / half) ** 2, 0.0)))
    rows = np.sinc(cutoff * apart) * window
    return np.asarray(rows / rows.sum(axis=1, keepdims=True), np.float32)

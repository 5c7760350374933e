"""swift-f0 over sound of any length: its own windows, one after the other, in the memory of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from swift_f0 import FMAX, FMIN, FRAME_PERIOD, SwiftF0
from swift_f0.core import HOP, LEFT_FRAMES, LOOKAHEAD_FRAMES, WINDOW_FRAMES

from ensemble.types.music import FloatArray

Array = NDArray[np.float64]


class PieceTracker(SwiftF0):
    """Follows pitch through sound that comes in pieces; hears what `SwiftF0.detect` hears of the whole, to the bit."""

    def follow(self, pieces: Iterable[FloatArray]) -> tuple[Array, Array, Array]:
        """Follow the fundamental at every step of `FRAME_PERIOD`.

        Args:
            pieces: mono, at 16 kHz, in order, of any length.  [samples]

        Returns:
            The time in seconds, the pitch in Hz, and the confidence, 0..1.  [steps] each
        """
        heard = []
        for window, wanted in _windows(pieces):
            pitch_hz, confidence, _ = self._run(window, FMIN, FMAX)
            heard.append(np.stack([pitch_hz, confidence])[:, wanted])
        whole = np.concatenate(heard, axis=1)
        return np.arange(whole.shape[1], dtype=np.float64) * FRAME_PERIOD, whole[0], whole[1]


def _windows(pieces: Iterable[FloatArray]) -> Iterator[tuple[FloatArray, slice]]:
    """The sound of every window with what the model sees around it, and which of its steps are wanted."""
    waiting = np.zeros(0, np.float32)
    first = start = 0  # steps: where the waiting sound begins, and the next window
    for piece, is_last in chain(((piece, False) for piece in pieces), [(waiting, True)]):
        waiting = np.concatenate([waiting, piece])
        num_steps = first + len(waiting) // HOP
        while start + WINDOW_FRAMES + LOOKAHEAD_FRAMES <= num_steps or (is_last and start < max(num_steps, 1)):
            stop = min(start + WINDOW_FRAMES, max(num_steps, 1))
            left = max(0, start - LEFT_FRAMES)
            end = (stop + LOOKAHEAD_FRAMES - first) * HOP if stop < num_steps else len(waiting)
            yield waiting[(left - first) * HOP : end], slice(start - left, stop - left)
            start = stop
            keep = max(0, start - LEFT_FRAMES)
            waiting, first = waiting[(keep - first) * HOP :], keep

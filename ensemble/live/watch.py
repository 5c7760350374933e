"""What is wrong with a microphone while a band follows it: it hears the band, or it clips; no music hangs on that."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.types.music import FloatArray

WINDOW_S = 2.0
LATEST_S = 0.6
"""The band may come back so much later than it was sent."""
CLEAR = 12.0
"""How far the peak of the correlation stands above the rest, in standard deviations, where the band comes back."""
NEAR_S = 0.002
WINDOWS = 3
"""So many windows in a row must say it, with the same delay."""
FULL_SCALE, CLIPPED_RUN = 0.999, 4
"""So many samples in a row at full scale are clipped."""


class MicrophoneWatch:
    """Compares what comes in with what the band played.

    Args:
        sample_rate: of both, in Hz.

    Attributes:
        hears_band: whether the microphone has heard the band.
        clips: whether the leader was too loud for it.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate, self._window = sample_rate, round(WINDOW_S * sample_rate)
        self._came = np.zeros(0, np.float32)
        self._played = np.zeros(0, np.float32)
        self._first = 0
        self._delays_s: list[float] = []
        self.hears_band = self.clips = False

    def play(self, start_sample: int, sound: FloatArray) -> None:
        """The band plays this from a sample of the leader's stream on.  [2, samples]"""
        mono = sound.mean(axis=0)
        room = np.zeros(max(start_sample - self._first - len(self._played), 0), np.float32)
        self._played = np.concatenate([self._played, room, mono])

    def hear(self, samples: FloatArray) -> None:
        """The leader's stream goes on.  [samples]"""
        at_full = np.abs(samples) >= FULL_SCALE
        if not self.clips and at_full.any():
            runs = np.convolve(at_full, np.ones(CLIPPED_RUN), "valid") if len(samples) >= CLIPPED_RUN else np.zeros(1)
            self.clips = bool(runs.max() >= CLIPPED_RUN)
        self._came = np.concatenate([self._came, samples])
        while len(self._came) >= self._window and len(self._played) >= self._window:
            self._compare()

    def _compare(self) -> None:
        """Look for one delay at which the last window of the stream is the band's.

        Source: Knapp and Carter, The Generalized Correlation Method for Estimation of Time Delay, IEEE ASSP 1976: all
        frequencies count alike, so common notes make no peak.
        """
        came, played = self._came[: self._window], self._played[: self._window]
        self._came, self._played = self._came[self._window :], self._played[self._window :]
        self._first += self._window
        size = 2 * self._window
        cross = np.fft.rfft(came, size) * np.conj(np.fft.rfft(played, size))
        strength = np.abs(cross)
        if not strength.max() > 0.0:
            self._delays_s = []
            return
        whitened = np.fft.irfft(cross / (strength + 1e-3 * strength.mean()), size)
        near: NDArray[np.float64] = whitened[: round(LATEST_S * self._rate)]
        peak = int(np.argmax(np.abs(near)))
        is_clear = np.abs(near[peak]) > CLEAR * near.std()
        self._delays_s = [*self._delays_s, peak / self._rate][-WINDOWS:] if is_clear else []
        alike = len(self._delays_s) == WINDOWS and np.ptp(self._delays_s) < NEAR_S
        self.hears_band = self.hears_band or alike

"""What is told while a band follows: a microphone hears the band or clips; how soon it rests after the leader.

No music hangs on that.
"""

from __future__ import annotations

import math

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


STOP_WINDOW_S = 0.2
"""How finely stops are seen."""
USUAL_WINDOWS, DOWN_DB = 20, 20.0
"""Who is so much softer than the middle of so many windows before has stopped."""
SOUNDING_DB = -60.0
"""Who is softer was not playing."""
LONGEST_WINDOWS = 50
"""A band that plays on for so long does not rest, and what lies further back is not asked for."""


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


class StopWatch:
    """Looks for moments in which the leader stops, and for how long the band then goes on.

    Args:
        sample_rate: of both, in Hz.

    Attributes:
        bars: of every stop after which the band rested, how many bars later it was 20 dB down.
    """

    def __init__(self, sample_rate: int) -> None:
        self._leader, self._band = (_Levels(round(STOP_WINDOW_S * sample_rate)) for _ in range(2))
        self._stopped: tuple[int, float, float] | None = None  # where, and how loud the band and the leader were
        self._is_playing = False
        self.bars: list[float] = []

    def play(self, sound: FloatArray) -> None:
        """The band goes on.  [2, samples]"""
        self._band.add(sound.mean(axis=0))

    def hear(self, samples: FloatArray, bar_s: float) -> None:
        """The leader goes on.

        Args:
            samples: of the leader.  [samples]
            bar_s: how long a bar is; 0 before the band has entered.
        """
        before = self._leader.end
        self._leader.add(samples)
        for here in range(before, self._leader.end):
            self._look(here, bar_s)
            for levels in (self._leader, self._band):
                levels.forget(here + 1 - LONGEST_WINDOWS)

    def _look(self, here: int, bar_s: float) -> None:
        level_db = self._leader.between(here, here + 1)[0]
        if self._stopped is None:
            usual_db, band_db = self._leader.usual(here), self._band.usual(here)
            self._is_playing = self._is_playing or level_db > usual_db - DOWN_DB
            if self._is_playing and level_db < usual_db - DOWN_DB and min(usual_db, band_db) > SOUNDING_DB and bar_s:
                self._stopped, self._is_playing = (here, band_db, usual_db), False
            return
        stop, band_db, usual_db = self._stopped
        band = self._band.between(stop, here + 1)
        rested = next((at for at, sounding_db in enumerate(band) if sounding_db < band_db - DOWN_DB), None)
        if level_db > usual_db - DOWN_DB:  # a rest between two notes
            self._stopped = None
        elif rested is not None and bar_s:
            self.bars.append(rested * STOP_WINDOW_S / bar_s)
            self._stopped = None
        elif here - stop >= LONGEST_WINDOWS:
            self._stopped = None


class _Levels:
    """How loud something is, window by window, in dB.

    Attributes:
        end: how many windows there have been.
    """

    def __init__(self, window: int) -> None:
        self._window, self._rest = window, np.zeros(0, np.float32)
        self._db: list[float] = []  # of the last windows
        self.end = 0

    def add(self, samples: FloatArray) -> None:
        """Go on.  [samples]"""
        self._rest = np.concatenate([self._rest, samples])
        whole = len(self._rest) // self._window * self._window
        power = np.square(self._rest[:whole].reshape(-1, self._window)).mean(axis=1)
        self._db += (10 * np.log10(power + 1e-12)).tolist()
        self.end += len(power)
        self._rest = self._rest[whole:]

    def between(self, first: int, end: int) -> list[float]:
        """The windows from one to before another, as far as they are there and kept."""
        gone = self.end - len(self._db)
        return self._db[max(first - gone, 0) : max(end - gone, 0)]

    def usual(self, here: int) -> float:
        """The middle of the last windows before one."""
        before = self.between(here - USUAL_WINDOWS, here)
        return float(np.median(before)) if before else -math.inf

    def forget(self, before: int) -> None:
        """The windows before one are not asked for again."""
        del self._db[: max(before - (self.end - len(self._db)), 0)]

"""The band's own beat: it goes on ahead of what has been heard, and is never taken back.

Every tenth of a second the clock is advanced to the next commitment, at the tempo that is heard, and corrected by a
share of how far it is off; so the band drifts towards the leader's beat and never jumps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.live.beats import BeatNow
from ensemble.live.growing import Growing

CORRECTION = 0.95
"""Share of what the clock is off that is corrected within a beat. Measured: the filter's beat is steady enough, and at
0.5 the clock lags behind a player whose tempo drifts by more than it smooths."""
SLOWEST_SHARE = 0.25
"""A correction never slows the clock below this share of the tempo."""


class BandClock:
    """Beats that have passed since the clock began, at every frame up to `frame`.

    Args:
        pulse: where the leader's beat is.
        frame: where the clock begins; the first beat that begins after it is beat 0.
    """

    def __init__(self, pulse: BeatNow, frame: int) -> None:
        self.start_frame = frame
        self._phase = Growing((0,), np.float64)
        self._began_at = _ahead(pulse, frame) % 1.0 - 1.0
        self._phase.append(np.array([self._began_at]))
        self.period_frames = pulse.period_frames

    @property
    def frame(self) -> int:
        """The last frame whose phase is committed."""
        return self.start_frame + len(self._phase) - 1

    @property
    def phase(self) -> float:
        """Beats at that frame, -1 or more."""
        return float(self._phase.values[-1])

    def advance(self, pulse: BeatNow, num_frames: int) -> None:
        """Commit the next frames; there may be none, where a horizon in beats becomes shorter."""
        step = num_frames / pulse.period_frames
        off = (_ahead(pulse, self.frame + num_frames) - self.phase - step + 0.5) % 1.0 - 0.5
        taken = max(step + (1 - (1 - CORRECTION) ** step) * off, SLOWEST_SHARE * step)
        self._phase.append(self.phase + taken * np.arange(1, num_frames + 1) / num_frames)
        self.period_frames = pulse.period_frames

    def frames_of(self, beats: NDArray[np.float64]) -> NDArray[np.float64]:
        """At which frames some beats fall, in fractions; those that are not committed at the tempo of now."""
        phase = self._phase.values
        inside = np.interp(beats, phase, self.frame + 1 - len(phase) + np.arange(len(phase)))
        return np.where(beats > phase[-1], self.frame + (beats - phase[-1]) * self.period_frames, inside)

    def phase_at(self, frame: int) -> float:
        """Beats at a frame; before the clock began, at the tempo of now."""
        if frame < self.start_frame:
            return self._began_at - (self.start_frame - frame) / self.period_frames
        return float(self._phase.rows(min(frame, self.frame) - self.start_frame)[0])

    def beats_s(self, first: int = 0) -> NDArray[np.float64]:
        """The beats that are committed, from one on, in seconds.  [beats]"""
        return self.frames_of(np.arange(first, np.floor(self.phase) + 1)) / FRAME_RATE_HZ

    def forget(self, frame: int) -> None:
        """Nothing before this frame is asked for any more."""
        self._phase.forget(frame - self.start_frame)


def _ahead(pulse: BeatNow, frame: int) -> float:
    """The phase at a frame beyond what has been heard."""
    return pulse.phase + (frame - pulse.frame) / pulse.period_frames

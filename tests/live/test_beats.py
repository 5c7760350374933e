"""The beat of a leader who is still playing."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.live.beats import BeatFilter
from ensemble.live.clock import BandClock


def pulses(beats_s: np.ndarray, duration_s: float) -> np.ndarray:
    """What a network says of clear beats: 0.9 on each, less beside it, little between them."""
    said = np.full(round(duration_s * 100), 0.02, np.float32)
    at = np.rint(beats_s * 100).astype(int)
    for beside, probability in ((-2, 0.1), (2, 0.4), (-1, 0.4), (1, 0.7), (0, 0.9)):
        said[at + beside] = probability
    return said


def tick_by_tick(beats_s: np.ndarray, duration_s: float, lead: int = 45) -> BandClock:
    said = pulses(beats_s, duration_s)
    heard, clock = BeatFilter(), None
    for start in range(0, len(said) - 10, 10):
        heard.hear(said[start : start + 10], said[start : start + 10])
        if clock is not None:
            clock.advance(heard.now(), 10)
        elif start >= 250:
            clock = BandClock(heard.now(), start + lead)
    assert clock is not None
    return clock


@pytest.mark.parametrize("tempo_bpm", [72.0, 100.0, 144.0])
def test_beats_to_come_lie_where_they_will_be(tempo_bpm: float) -> None:
    beats_s = np.arange(0.3, 19.9, 60 / tempo_bpm)
    foretold = tick_by_tick(beats_s, 20.0).beats_s()
    late = foretold[(foretold > 6) & (foretold < 19)]
    off_s = np.abs(late[:, None] - beats_s).min(axis=1)
    assert len(late) == pytest.approx(13 * tempo_bpm / 60, abs=1.5)
    assert np.median(off_s) < 0.015
    assert off_s.max() < 0.04


def test_a_drift_is_followed() -> None:
    beats_s = np.cumsum(np.linspace(0.5, 0.46, 60))
    foretold = tick_by_tick(beats_s[beats_s < 28], 28.0).beats_s()
    late = foretold[(foretold > 6) & (foretold < 27)]
    assert np.percentile(np.abs(late[:, None] - beats_s).min(axis=1), 95) < 0.06


def test_a_jump_of_tempo_is_followed_and_the_clock_never_goes_back() -> None:
    beats_s = np.concatenate([np.arange(0.3, 10.0, 0.6), np.arange(10.1, 19.9, 0.5)])
    clock = tick_by_tick(beats_s, 20.0)
    phases = [clock.phase_at(frame) for frame in range(clock.start_frame, clock.frame + 1)]
    assert (np.diff(phases) > 0).all()
    late = clock.beats_s()
    late = late[(late > 14) & (late < 19)]
    assert np.abs(late[:, None] - beats_s).min(axis=1).max() < 0.07


def test_a_tempo_that_is_given_keeps_the_filter_from_the_double() -> None:
    said = pulses(np.arange(0.3, 9.9, 0.4), 10.0)
    given = BeatFilter(75.0)
    given.hear(said, said)
    assert given.now().period_frames == pytest.approx(80, rel=0.03)

"""Beats under a tempo that changes, and slow music whose off-beats are soft."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.listen.beats import Beats, track_beats
from ensemble.listen.onsets import onset_strength
from ensemble.listen.tempo import even_time, tempo_course
from tests.listen.leader_sounds import RATE, tone

TRIADS = ((48, 60, 64, 67), (45, 60, 64, 69), (41, 60, 65, 69), (43, 59, 62, 67))


def strums(times_s: np.ndarray, levels: tuple[float, ...], beats_per_chord: int = 4) -> np.ndarray:
    """Chords at these times, one after the other, as loud as `levels` say in turn."""
    samples = np.zeros(round((times_s[-1] + 1.5) * RATE))
    for number, (start_s, stop_s) in enumerate(zip(times_s, [*times_s[1:], times_s[-1] + 1.0], strict=True)):
        triad = TRIADS[number // beats_per_chord % 4]
        chord = sum(tone(midi, stop_s - start_s, peak=0.1) for midi in triad) * levels[number % len(levels)]
        start = round(start_s * RATE)
        samples[start : start + len(chord)] += chord
    return samples.astype(np.float32)


def track(samples: np.ndarray) -> Beats:
    return track_beats(onset_strength(samples, RATE, -(-len(samples) // 160)), len(samples) / RATE)


def at_tempi(tempi_bpm: np.ndarray) -> np.ndarray:
    return 0.2 + np.append(0.0, np.cumsum(60 / tempi_bpm))[:-1]


TEMPI = {
    "slowing to half": np.concatenate([np.full(24, 130.0), np.linspace(130, 72, 36)]),
    "running away": np.concatenate([np.full(20, 76.0), np.linspace(76, 128, 44)]),
    "a faster part": np.concatenate([np.full(28, 96.0), np.full(40, 132.0)]),
    "a slower part": np.concatenate([np.full(40, 126.0), np.full(28, 92.0)]),
}


@pytest.mark.parametrize("name", TEMPI)
def test_beats_follow_the_tempo_wherever_it_goes(name):
    played_s = at_tempi(TEMPI[name])
    found = track(strums(played_s, (1.3, 1.0, 1.0, 1.0))).times_s
    assert max(np.abs(found - time_s).min() for time_s in played_s) < 0.07
    inside = found[(found > 0.1) & (found < played_s[-1] + 0.1)]
    assert len(inside) == len(played_s)


@pytest.mark.parametrize("tempo_bpm", [60, 76])
@pytest.mark.parametrize("soft", [0.3, 0.4])
def test_soft_off_beats_of_slow_music_are_no_beats(tempo_bpm, soft):
    eighths_s = at_tempi(np.full(56, 2.0 * tempo_bpm))
    beats = track(strums(eighths_s, (1.4, soft, 1.0, soft, 1.0, soft, 1.0, soft), 8))
    assert beats.tempo_bpm == pytest.approx(tempo_bpm, rel=0.02)
    assert max(np.abs(beats.times_s - time_s).min() for time_s in eighths_s[::2]) < 0.05


def test_equally_loud_chords_are_beats():
    assert track(strums(at_tempi(np.full(48, 132.0)), (1.3, 0.9, 1.0, 0.9))).tempo_bpm == pytest.approx(132, rel=0.02)


def test_a_steady_tempo_leaves_time_as_it_is():
    accents = np.zeros(3000)
    accents[::47] = 1.0
    course = tempo_course(accents)
    np.testing.assert_array_equal(course, 1.0)
    np.testing.assert_allclose(even_time(course), np.arange(3001))


def test_even_time_undoes_the_course():
    """A pulse that slows down by a half is even once time is stretched by its course."""
    even = even_time(np.geomspace(1.0, 1.5, 2000))
    assert even[0] == 0.0
    assert (np.diff(even) > 0).all()
    np.testing.assert_allclose(np.diff(even)[[0, -1]], [1.0, 1.5], rtol=2e-3)

"""A tempo map: known places, ticks that a reader of the file finds again, and tempos fitted to beats."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.types.tempo_map import TempoMap

QUICKER = TempoMap(quarters=np.array([0.0, 4.0]), quarter_s=np.array([0.5, 0.25]))


@pytest.mark.parametrize(("quarter", "expected_s"), [(-1, -0.5), (0, 0), (3, 1.5), (4, 2.0), (5, 2.25), (12, 4.0)])
def test_each_tempo_holds_until_the_next_and_the_last_for_ever(quarter, expected_s):
    assert float(QUICKER.seconds(quarter)) == expected_s


@pytest.mark.parametrize(
    ("time_s", "expected"), [(-0.2, 0), (0.0, 0), (0.2502, 480), (1.9997, 3839), (2.0, 3840), (2.125, 4320)]
)
def test_ticks_are_counted_at_the_tempo_of_their_place(time_s, expected):
    assert int(QUICKER.ticks(time_s, 960)) == expected


def test_times_on_ticks_are_found_again_as_those_ticks():
    times_s = np.random.default_rng(0).uniform(0, 6, 500)
    on_ticks = QUICKER.on_ticks(times_s, 960)
    assert np.abs(on_ticks - times_s).max() <= 0.5 / 960 * 0.5 + 1e-9
    np.testing.assert_array_equal(QUICKER.ticks(on_ticks, 960), QUICKER.ticks(times_s, 960))


def test_a_steady_player_gets_one_tempo_and_a_swaying_one_is_followed():
    beats = np.arange(1, 60)
    steady = TempoMap.through((0.5 * beats).tolist(), 0.0005)
    assert len(steady.quarters) == 1
    swaying_s = 0.5 * beats + 0.15 * np.sin(beats / 3)
    swaying = TempoMap.through(swaying_s.tolist(), 0.0005)
    assert len(swaying.quarters) > 30
    assert np.abs(swaying.seconds(beats) - swaying_s).max() < 0.0006


def test_a_tempo_is_one_that_midi_can_hold():
    assert TempoMap.through([0.0, 100.0], 0.0005).quarter_us == [1, 2**24 - 1]

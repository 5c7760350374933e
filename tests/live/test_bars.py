"""Bars of a leader who is still playing."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.errors import ConfigError
from ensemble.live.bars import BarGrid, LiveBars, metres_for
from ensemble.settings.style_file import load_style


def after(downbeats: list[float], beats_per_bar: int | None = None) -> LiveBars:
    bars = LiveBars() if beats_per_bar is None else LiveBars([beats_per_bar])
    for downbeat in downbeats:
        bars.hear_beat(downbeat, 0.0)
    return bars


@pytest.mark.parametrize(("beats_per_bar", "offset"), [(4, 2), (3, 1)])
def test_metre_and_phase_are_found(beats_per_bar: int, offset: int) -> None:
    rng = np.random.default_rng(beats_per_bar)
    said = [(0.6 if (beat - offset) % beats_per_bar == 0 else 0.2) + 0.1 * rng.random() for beat in range(24)]
    assert after(said).grid == BarGrid(beats_per_bar, offset)


def test_a_metre_that_is_given_stays() -> None:
    said = [0.6 if beat % 3 == 0 else 0.1 for beat in range(24)]
    assert after(said, 5).grid.beats_per_bar == 5


def test_a_little_evidence_moves_no_bars() -> None:
    bars = after([0.5, 0.1, 0.1, 0.1] * 8)
    bars.hear_beat(0.4, 0.0)
    bars.hear_beat(0.6, 0.0)
    assert bars.grid == BarGrid(4, 0)


def test_bars_move_when_all_speaks_for_it() -> None:
    assert after([0.5, 0.1, 0.1, 0.1] * 4 + [0.1, 0.1, 0.6, 0.1] * 12).grid == BarGrid(4, 2)


def test_chords_tell_bars_where_nothing_else_does() -> None:
    bars = LiveBars()
    for beat in range(16):
        bars.hear_beat(0.2, 0.9 if beat % 4 == 3 else 0.1)
    assert bars.grid == BarGrid(4, 3)


def test_a_style_is_played_in_metres_that_it_has() -> None:
    assert metres_for(None, None) == ((4, 2), (3, 2))
    assert metres_for(load_style("bossa_nova"), None) == ((4, 2),)
    assert metres_for(load_style("waltz"), None) == ((3, 2),)
    assert metres_for(load_style("rock"), 3) == ((3, 2),)
    assert metres_for(load_style("six_eight"), None)[0] == (2, 3)
    assert metres_for(load_style("six_eight"), 2) == ((2, 3),)
    assert metres_for(load_style("rock"), 2, 3) == ((2, 3),)
    for style, *metre in (("funk", 3), ("bossa_nova", 2, 3)):
        with pytest.raises(ConfigError, match=f"{style} is in"):
            metres_for(load_style(style), *metre)

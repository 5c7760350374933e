"""Where in its chart a song is."""

from __future__ import annotations

import numpy as np

from ensemble.chart.text import parse_chart
from ensemble.live.chart_position import ChartPosition
from ensemble.types.harmony import NO_CHORD, Chord

CHORDS = (*(Chord(root=root, quality=quality) for root in range(12) for quality in ("maj", "min")), NO_CHORD)
SONG = parse_chart("| C | Am7 | F | G | Em | Am | Dm | G7 |\n")
ROOTS = (0, 19, 10, 14, 9, 19, 5, 14)
"""Rows of `CHORDS`, one for each bar."""


def hear(position: ChartPosition, bars: list[int], chance: np.random.Generator) -> None:
    for bar in bars:
        for beat in range(4):
            said = chance.dirichlet(np.full(len(CHORDS), 0.3), size=12).astype(np.float32) * 0.6
            said[:, ROOTS[bar]] += 0.4
            position.hear_beat(said, 0.4 if beat == 0 else 0.15)


def test_a_chart_that_begins_with_the_leader_is_followed() -> None:
    position = ChartPosition(SONG, CHORDS)
    position.begin(-3.2)
    assert position.shift == -3
    position.begin(0.1)
    hear(position, [0, 1, 2, 3, 4], np.random.default_rng(1))
    assert position.shift % 32 == 0


def test_a_leader_who_begins_in_the_middle_is_found() -> None:
    position = ChartPosition(SONG, CHORDS)
    position.begin(0.0)
    hear(position, [4, 5, 6, 7], np.random.default_rng(2))
    assert position.shift % 32 == 16


def test_a_skip_is_found_within_two_bars() -> None:
    position = ChartPosition(SONG, CHORDS)
    position.begin(0.0)
    chance = np.random.default_rng(3)
    hear(position, [0, 1, 2, 3], chance)
    hear(position, [6, 7], chance)
    assert position.shift % 32 == (16 - 24) % 32


def test_of_two_like_places_the_nearer_one_is_skipped_to() -> None:
    bars = ["C", "Am7", "F", "G"] * 2 + ["Em", "Am7"] + ["C", "F", "G", "F"] * 3 + ["Em", "Am7"] + ["C", "G"]
    song = parse_chart(f"| {' | '.join(bars)} |\n")
    for seed in range(5):
        position = ChartPosition(song, CHORDS)
        position.begin(0.0)
        hear(position, [0, 1, 2, 3, 0, 1, 4, 1], np.random.default_rng(seed))
        assert (24 - position.shift) % 104 == 32, "from bar 6 to bar 8, not to bar 22"

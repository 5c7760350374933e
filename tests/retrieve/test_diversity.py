"""What is chosen among good candidates: different spots, and rather different recordings."""

from __future__ import annotations

from ensemble.retrieve.search.diversity import MIN_APART_S, REPEAT_PENALTY, spread


def test_a_recording_is_chosen_again_only_where_it_is_clearly_better() -> None:
    places = [("a", 10.0), ("a", 20.0), ("b", 5.0)]
    assert spread(places, [0.60, 0.59, 0.59 - 0.9 * REPEAT_PENALTY], 3) == [0, 2, 1]
    assert spread(places, [0.60, 0.59, 0.59 - 1.1 * REPEAT_PENALTY], 3) == [0, 1, 2]


def test_every_repetition_costs_more() -> None:
    places = [("a", 10.0 * number) for number in range(4)] + [("b", 0.0)]
    totals = [0.6, 0.6, 0.6, 0.6, 0.6 - 2.5 * REPEAT_PENALTY]
    assert spread(places, totals, 5) == [0, 1, 2, 4, 3]


def test_one_spot_is_chosen_once_and_fewer_than_asked_for_is_an_answer() -> None:
    places = [("a", 10.0), ("a", 10.0 + 0.9 * MIN_APART_S), ("a", 10.0 + MIN_APART_S), ("b", 10.0)]
    assert spread(places, [0.9, 0.8, 0.7, 0.1], 4) == [0, 2, 3]
    assert spread(places, [0.9, 0.8, 0.7, 0.1], 1) == [0]
    assert spread([], [], 3) == []

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemble.retrieve.join.beam_search import Chain, Step, best_chain

WIDTH = 4


def step(recording: str, start_s: float, cost: float, *, lasts_s: float = 5.0, rings_s: float | None = None) -> Step:
    return Step(
        recording=recording, start_s=start_s, stop_s=start_s + lasts_s, lasts_s=lasts_s,
        rings_s=lasts_s + 1.0 if rings_s is None else rings_s, cost=cost,
    )  # fmt: skip


def names(chain: Chain[Step] | None) -> str:
    assert chain is not None
    return "".join(one.recording for one in chain.steps)


def by_recording(table: dict[str, list[Step]]) -> Callable[[Step], list[Step]]:
    return lambda before: table.get(before.recording, [])


def greedy(first: list[Step], follow: Callable[[Step], list[Step]], wanted_s: float) -> float:
    """Written once more, plainly: what always taking the cheapest costs."""
    chain = [min(first, key=lambda one: (one.cost, one.recording, one.start_s))]
    while sum(one.lasts_s for one in chain[:-1]) + chain[-1].rings_s < wanted_s and len(chain) < 32:
        after = [
            one
            for one in follow(chain[-1])
            if all(
                one.recording != old.recording or one.stop_s <= old.start_s or old.stop_s <= one.start_s
                for old in chain
            )
        ]
        if not after:
            break
        chain.append(min(after, key=lambda one: (one.cost, one.recording, one.start_s)))
    lasts_s = sum(one.lasts_s for one in chain[:-1]) + chain[-1].rings_s
    return sum(one.cost for one in chain) + max(0.0, wanted_s - lasts_s)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Step], Callable[[Step], list[Step]], float]:
    """Recordings with a few places to enter, and random costs from each to each."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    places = [
        (name, float(start), float(rng.uniform(2, 9)))
        for name in "abcd"[: draw(st.integers(1, 4))]
        for start in rng.choice(30, size=3, replace=False)
    ]
    fanout = draw(st.integers(1, 5))

    def some(key: int) -> list[Step]:
        local = np.random.default_rng(key)
        chosen = local.choice(len(places), size=min(fanout, len(places)), replace=False)
        return [step(places[i][0], places[i][1], float(local.uniform(0, 2)), lasts_s=places[i][2]) for i in chosen]

    seed = draw(st.integers(0, 10_000))
    return (
        some(seed),
        lambda before: some(seed + round(1000 * before.stop_s) + ord(before.recording)),
        draw(st.floats(1.0, 60.0)),
    )


@settings(max_examples=200)
@given(graphs())
def test_never_costlier_than_greedy_and_never_the_same_twice(graph):
    first, follow, wanted_s = graph
    chain = best_chain(first, follow, wanted_s, WIDTH)
    assert chain is not None
    assert chain.cost <= greedy(first, follow, wanted_s) + 1e-9
    spans = sorted((one.recording, one.start_s, one.stop_s) for one in chain.steps)
    for before, after in pairwise(spans):
        assert before[0] != after[0] or before[2] <= after[1]


def test_a_cheap_start_that_leads_nowhere_is_passed_over():
    first = [step("a", 0, 0.1), step("b", 0, 0.3)]
    follow = by_recording({"a": [step("c", 0, 2.0)], "b": [step("d", 0, 0.1)]})
    assert names(best_chain(first, follow, 10.0, WIDTH)) == "bd"
    assert greedy(first, follow, 10.0) == pytest.approx(2.1)


def test_staying_costs_nothing():
    first = [step("a", 0, 0.5, lasts_s=30.0), step("b", 0, 0.2, lasts_s=5.0)]
    follow = by_recording({"b": [step("c", 0, 0.4, lasts_s=30.0)]})
    chain = best_chain(first, follow, 20.0, WIDTH)
    assert names(chain) == "a"
    assert chain is not None
    assert chain.cost == 0.5


def test_two_good_joins_beat_one_bad_recording():
    first = [step("a", 0, 2.0, lasts_s=30.0), step("b", 0, 0.1)]
    assert names(best_chain(first, by_recording({"b": [step("c", 0, 0.1, lasts_s=30.0)]}), 20.0, WIDTH)) == "bc"


def test_a_recording_that_only_leads_to_itself_is_not_looped():
    again = [step("a", 0, 0.0), step("a", 2.0, 0.0)]
    chain = best_chain([step("a", 0, 0.0)], lambda _: again, 100.0, WIDTH)
    assert names(chain) == "a"
    assert chain is not None
    assert chain.lasts_s == 6.0


def test_another_part_of_a_recording_is_other_material():
    chain = best_chain([step("a", 0, 0.0)], lambda _: [step("a", 5.0, 0.1), step("a", 10.0, 0.1)], 14.0, WIDTH)
    assert chain is not None
    assert [one.start_s for one in chain.steps] == [0, 5.0, 10.0]


def test_what_is_missing_is_paid_for():
    chain = best_chain([step("a", 0, 0.25)], lambda _: [], 10.0, WIDTH)
    assert chain is not None
    assert (chain.lasts_s, chain.cost) == (6.0, pytest.approx(0.25 + 4.0))


def test_the_order_of_the_candidates_decides_nothing():
    first = [step(name, 0, 0.5) for name in "abcdefgh"]
    follow = by_recording({name: [step("x", 0, 0.1), step("y", 0, 0.1)] for name in "abcdefgh"})
    found = {names(best_chain(order, follow, 10.0, 2)) for order in (first, first[::-1], first[3:] + first[:3])}
    assert found == {"ax"}


def test_nothing_may_come_first():
    assert best_chain([], lambda _: [], 10.0, WIDTH) is None


def test_scraps_of_no_length_end_the_search():
    chain = best_chain([step("a", 0, 0.1)], lambda _: [step("b", 0, 0.0, lasts_s=0.0)], 50.0, WIDTH)
    assert names(chain) == "a"

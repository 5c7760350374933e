"""The store in memory: the nearest by inner product under every filter, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.errors import StoreError
from ensemble.retrieve.library.exact import ExactStore
from ensemble.retrieve.library.store import StoreFilter, StoreRow

RNG = np.random.Generator(np.random.Philox(3))
VECTORS = RNG.standard_normal((300, 17)).astype(np.float32)


def row(number: int, vector: np.ndarray | None = None) -> StoreRow:
    return StoreRow(
        id=1000 - number,
        vector=VECTORS[number] if vector is None else vector,
        recording=f"r{number % 3}",
        chunk=number,
        level_db=-float(number % 40),
        low_db=-50.0,
        tempo_bpm=float(60 + number % 90),
        remaining_s=float(number % 20),
    )  # fmt: skip


@pytest.fixture
def store() -> ExactStore:
    filled = ExactStore()
    filled.add([row(number) for number in range(300)])
    return filled


def test_the_nearest_come_first(store: ExactStore) -> None:
    asked = RNG.standard_normal((5, 17)).astype(np.float32)
    for question, answers in zip(asked, store.search(asked, 10, StoreFilter()), strict=True):
        products = VECTORS @ question
        assert [match.chunk for match in answers] == np.argsort(-products)[:10].tolist()
        np.testing.assert_allclose([match.score for match in answers], np.sort(products)[::-1][:10], rtol=1e-5)


@pytest.mark.parametrize(
    ("where", "allowed"),
    [
        (StoreFilter(min_level_db=-20.0, max_level_db=-10.0), lambda number: 10 <= number % 40 <= 20),
        (StoreFilter(min_remaining_s=15.0), lambda number: number % 20 >= 15),
        (StoreFilter(min_level_db=-20.0, min_remaining_s=15.0), lambda number: number % 40 <= 20 and number % 20 >= 15),
    ],
)
def test_filters_let_in_exactly_what_they_say(store: ExactStore, where: StoreFilter, allowed: object) -> None:
    found = store.search(VECTORS[:1], 300, where)[0]
    assert {match.chunk for match in found} == {number for number in range(300) if allowed(number)}  # type: ignore[operator]


def test_equal_scores_come_by_rising_id_however_few_are_asked_for() -> None:
    store = ExactStore()
    same = np.ones(4, dtype=np.float32)
    store.add([row(number, same) for number in range(20)])
    assert [match.id for match in store.search(same[None], 3, StoreFilter())[0]] == [981, 982, 983]


def test_rows_are_replaced_by_id_and_removed_by_recording(store: ExactStore) -> None:
    store.add([row(7, 100 * VECTORS[7])])
    assert store.count() == 300
    assert store.search(VECTORS[7:8], 1, StoreFilter())[0][0].chunk == 7
    assert store.remove(["r0"]) == 100
    assert store.recordings() == {"r1": 100, "r2": 100}
    assert store.remove(["r0", "unknown"]) == 0


@pytest.mark.parametrize("wrong", [np.ones(16, dtype=np.float32), np.full(17, np.nan, dtype=np.float32)])
def test_a_vector_that_cannot_be_compared_is_refused_and_nothing_is_added(store: ExactStore, wrong: np.ndarray) -> None:
    with pytest.raises(StoreError, match="describe it again"):
        store.add([row(0, 2 * VECTORS[0]), row(1, wrong)])
    assert store.search(VECTORS[:1], 1, StoreFilter())[0][0].score == pytest.approx(
        float(VECTORS[0] @ VECTORS[0]), rel=1e-5
    )


def test_an_empty_store_answers_every_question_with_nothing() -> None:
    assert ExactStore().search(VECTORS[:3], 5, StoreFilter()) == [[], [], []]

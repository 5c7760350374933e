"""One suite, four engines: what the store promises holds on each, and the same search gives the same ranking."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from ensemble.errors import StoreError
from ensemble.retrieve.library.exact import ExactStore
from ensemble.retrieve.library.milvus import MAX_LIMIT, MilvusStore
from ensemble.retrieve.library.store import Store, StoreFilter
from tests.retrieve.engines import TOKEN, lite_server, real_server
from tests.retrieve.shelves import DIMENSIONS, questions, rows

NAMES = ("one", "two", "three")
WHERES = (
    StoreFilter(),
    StoreFilter(min_level_db=-33.3333333333, max_level_db=-20.1),
    StoreFilter(min_remaining_s=12.0),
    StoreFilter(min_level_db=-40.0, min_remaining_s=3.0),
    StoreFilter(min_level_db=100.0),
)

Open = Callable[..., MilvusStore]


@pytest.fixture(scope="module", params=["lite", "lite-server", "real-2.3.5"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    folder = tmp_path_factory.mktemp("engine")
    if request.param == "lite":
        yield lambda **options: MilvusStore(str(folder), **options)
    elif request.param == "lite-server":
        with lite_server(folder) as address:
            yield lambda **options: MilvusStore(address, **options)
    else:
        with real_server(folder) as address:
            yield lambda **options: MilvusStore(address, **({"token": TOKEN} | options))


@pytest.fixture
def store(engine: Open) -> Iterator[MilvusStore]:
    opened = engine(is_fresh=True)
    yield opened
    opened.close()


def filled(store: Store) -> Store:
    for name in NAMES:
        store.add(rows(name, 300))
    return store


def test_rankings_and_scores_are_those_of_an_exact_search(store: MilvusStore) -> None:
    filled(store)
    exact = filled(ExactStore())
    for where in WHERES:
        found = store.search(questions(12), 50, where)
        wanted = exact.search(questions(12), 50, where)
        assert [[(match.id, match.recording, match.chunk) for match in matches] for matches in found] == [
            [(match.id, match.recording, match.chunk) for match in matches] for matches in wanted
        ]
        scores = [match.score for matches in found for match in matches]
        np.testing.assert_allclose(scores, [match.score for matches in wanted for match in matches], atol=1e-5)
    assert not any(store.search(questions(2), 5, WHERES[-1]))


def test_what_is_added_twice_is_there_once_and_as_it_was_last(store: MilvusStore) -> None:
    first = rows("one", 50)
    store.add(first)
    store.add([replace(row, vector=-row.vector) for row in first])
    assert store.count() == 50
    (best,) = store.search(first[7].vector[None], 1, StoreFilter())[0]
    assert best.score < float(first[7].vector @ first[7].vector)
    store.add(first)
    assert store.search(first[7].vector[None], 1, StoreFilter())[0][0].id == first[7].id


def test_removing_a_recording_removes_its_rows_and_no_others(store: MilvusStore) -> None:
    filled(store)
    exact = filled(ExactStore())
    gone = rows("two", 1)[0].recording
    assert store.remove([gone, "0" * 64]) == exact.remove([gone, "0" * 64]) == 300
    assert store.recordings() == exact.recordings()
    assert store.count() == 600
    assert store.remove([gone]) == 0
    assert not [match for match in store.search(questions(1), 900, StoreFilter())[0] if match.recording == gone]


def test_rows_outlive_the_client(engine: Open) -> None:
    store = engine(is_fresh=True)
    filled(store)
    before = store.search(questions(3), 20, StoreFilter())
    store.close()
    again = engine()
    assert again.search(questions(3), 20, StoreFilter()) == before
    assert again.count() == 900
    again.close()


def test_an_empty_store_answers_with_nothing(store: MilvusStore) -> None:
    assert store.count() == 0
    assert store.recordings() == {}
    assert store.search(questions(2), 5, StoreFilter()) == [[], []]
    assert store.remove(["0" * 64]) == 0
    store.add([])
    assert store.count() == 0


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused_and_nothing_of_the_batch_stays(
    store: MilvusStore, wrong: float
) -> None:
    good, bad, worse = rows("one", 3)
    spoilt = bad.vector.copy()
    spoilt[3] = wrong
    for row in (replace(bad, vector=spoilt), replace(worse, level_db=wrong), replace(worse, vector=np.zeros(0, "f4"))):
        with pytest.raises(StoreError, match="not described by finite float32 numbers"):
            store.add([good, row])
    assert store.count() == 0
    store.add([good])
    with pytest.raises(StoreError, match="not a list of finite vectors"):
        store.search(np.full((1, DIMENSIONS), wrong, dtype=np.float32), 1, StoreFilter())


def test_vectors_of_another_length_are_refused(store: MilvusStore) -> None:
    store.add(rows("one", 2))
    with pytest.raises(StoreError, match=r"has 5 dimensions, the store's have 24; run `ensemble index repair"):
        store.add(rows("two", 2, dimensions=5))
    with pytest.raises(StoreError, match=r"a question has 5 dimensions"):
        store.search(questions(1, dimensions=5), 1, StoreFilter())
    assert store.count() == 2


@pytest.mark.parametrize("limit", [0, MAX_LIMIT + 1])
def test_a_limit_that_a_server_would_refuse_is_refused_everywhere(store: MilvusStore, limit: int) -> None:
    store.add(rows("one", 2))
    with pytest.raises(StoreError, match="ask for 1 to 16384"):
        store.search(questions(1), limit, StoreFilter())
    assert len(store.search(questions(1), MAX_LIMIT, StoreFilter())[0]) == 2


def test_a_wrong_token_is_said_in_one_line(engine: Open, request: pytest.FixtureRequest) -> None:
    if "real" not in request.node.callspec.params["engine"]:
        return  # Milvus Lite asks nobody for a token
    with pytest.raises(StoreError, match=r"refuses the token; set ENSEMBLE_MILVUS_TOKEN") as refused:
        engine(token="nobody:knows", patience_s=5.0)  # noqa: S106
    assert "\n" not in str(refused.value)

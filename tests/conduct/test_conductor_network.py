"""The network that conducts: causal, alike for any company and any length, and the same as the one that is trained."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from ensemble.conduct.conductor_features import NUM_ROWS
from ensemble.conduct.conductor_file import follower_ids
from ensemble.conduct.conductor_network import UNIT_DB, ConductorNetwork
from ensemble.conduct.foretell import foretell
from ensemble.conduct.summary import PAST, summary, with_past
from ensemble.train.conductor.network import ConductorNet
from tests.conduct.small_conductor import small_conductor

FRAMES = 200


def leader(frames: int = FRAMES, seed: int = 1) -> np.ndarray:
    return np.random.Generator(np.random.Philox(seed)).standard_normal((NUM_ROWS, frames)).astype(np.float32)


def ids(*instruments: str) -> np.ndarray:
    return np.stack([follower_ids(small_conductor().card, name, "bass") for name in instruments])


def test_numpy_and_torch_say_the_same():
    conductor, rows, band = small_conductor(), leader(), ids("cello", "drums", "flute")
    said = foretell(conductor, band, rows)
    network = ConductorNet.from_weights(conductor)
    with torch.no_grad():
        inputs = (rows.T.copy(), summary(with_past(rows)), band)
        levels, strokes = network(*(torch.from_numpy(one)[None] for one in inputs))
    np.testing.assert_allclose(said.levels_db, UNIT_DB * levels[0].numpy(), atol=2e-3)
    np.testing.assert_allclose(said.probability, strokes[0, ..., :7].sigmoid().numpy(), atol=1e-5)
    np.testing.assert_allclose(said.velocity, strokes[0, ..., 7:].sigmoid().numpy(), atol=1e-5)
    assert np.ptp(said.levels_db[..., 2]) > 5.0  # it does say different things


def test_what_a_follower_is_told_does_not_depend_on_the_company():
    conductor, rows = small_conductor(), leader()
    alone = foretell(conductor, ids("cello"), rows)
    names = ("flute", "drums", "cello", "electric_bass") * 4
    together = foretell(conductor, ids(*names), rows)
    assert together.levels_db.shape[0] == 16
    for place in range(2, 16, 4):
        assert together.levels_db[place].tobytes() == alone.levels_db[0].tobytes()
        assert together.probability[place].tobytes() == alone.probability[0].tobytes()
    assert not np.allclose(together.levels_db[0], together.levels_db[2], atol=0.5)


def test_threads_do_not_change_a_byte():
    conductor, rows, band = small_conductor(width=64, heads=4), leader(50), ids("cello", "flute", "drums")
    said = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads):
            said.append(foretell(conductor, band, rows).levels_db.tobytes())
    assert said[0] == said[1]


@pytest.mark.parametrize("changed", [20, 100, 199])
def test_a_frame_says_nothing_of_later_ones(changed):
    conductor, rows, band = small_conductor(), leader(), ids("cello")
    other = rows.copy()
    other[:, changed:] += 1.0
    before, after = (foretell(conductor, band, some).levels_db for some in (rows, other))
    quantum = changed // 5 * 5
    np.testing.assert_array_equal(before[:, :quantum], after[:, :quantum])
    np.testing.assert_allclose(before[:, quantum:changed], after[:, quantum:changed], atol=1e-3)
    assert np.abs(before[:, changed:] - after[:, changed:]).max() > 0.1


def test_what_lies_behind_every_window_is_forgotten():
    conductor, band = small_conductor(), ids("cello")
    rows = leader(500)
    other = rows.copy()
    other[:, :100] = -other[:, :100]
    one, two = (foretell(conductor, band, some).levels_db for some in (rows, other))
    reach = 3 * 23 + PAST  # two layers of the leader's and the followers' own, 24 frames each, and the summary
    np.testing.assert_array_equal(one[:, 100 + reach + 5 :], two[:, 100 + reach + 5 :])
    assert np.abs(one[:, 100:104] - two[:, 100:104]).max() > 0.1


def test_memory_does_not_grow_and_is_not_changed_in_place():
    network = ConductorNetwork(small_conductor(), ids("cello"))
    first = network.start()
    copies = {name: value.copy() for name, value in first.items()}
    rows, memory = leader(2000), first
    for start in range(0, 2000, 5):
        _, memory = network.step(rows[:, start : start + 5], memory)
    assert {name: value.nbytes for name, value in memory.items()} == {name: one.nbytes for name, one in first.items()}
    for name, value in copies.items():
        np.testing.assert_array_equal(first[name], value)


def test_quantiles_never_cross():
    said = foretell(small_conductor(spread=1.0), ids("cello", "drums"), leader())
    assert (np.diff(said.levels_db, axis=-1) >= 0).all()
    assert np.isfinite(said.levels_db).all()


def test_a_stranger_is_one_of_its_family():
    card = small_conductor().card
    np.testing.assert_array_equal(
        follower_ids(card, "violin", "bass"), [*follower_ids(card, "cello", "bass")[:1], 0, 1]
    )
    np.testing.assert_array_equal(
        follower_ids(card, "piano", "pad"), [0, 0, 0]
    )  # no keyed instrument was met, and no pad
    np.testing.assert_array_equal(follower_ids(card, "theremin", "bass"), [0, 0, 1])

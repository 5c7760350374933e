import itertools
from itertools import product

import numpy as np
import pytest

from ensemble.audio.viterbi import fixed_lag_viterbi, posteriors


def lattice(seed: int, steps: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    chance = np.random.default_rng(seed)
    sizes = chance.integers(1, 5, steps)
    costs = [chance.random(size) for size in sizes]
    moves = [np.zeros((1, 1))] + [chance.random(pair) * 2 for pair in itertools.pairwise(sizes)]
    return costs, moves


def cost_of(path: tuple[int, ...], costs: list[np.ndarray], moves: list[np.ndarray]) -> float:
    stay = sum(cost[choice] for cost, choice in zip(costs, path, strict=True))
    return stay + sum(moves[t][path[t - 1], path[t]] for t in range(1, len(path)))


@pytest.mark.parametrize("seed", range(8))
def test_with_the_whole_future_in_sight_it_is_the_best_of_all_paths(seed: int) -> None:
    costs, moves = lattice(seed, 6)
    best = min(itertools.product(*(range(len(c)) for c in costs)), key=lambda path: cost_of(path, costs, moves))
    assert tuple(fixed_lag_viterbi(costs, moves.__getitem__, look_ahead=6)) == best


@pytest.mark.parametrize("look_ahead", [0, 1, 3])
def test_a_longer_piece_never_changes_what_was_decided(look_ahead: int) -> None:
    costs, moves = lattice(99, 40)
    whole = fixed_lag_viterbi(costs, moves.__getitem__, look_ahead)
    for cut in (5, 17, 39):
        short = fixed_lag_viterbi(costs[:cut], moves.__getitem__, look_ahead)
        assert short[: cut - look_ahead] == whole[: cut - look_ahead]


def test_looking_ahead_avoids_a_trap_that_greed_walks_into() -> None:
    costs = [np.array([0.0, 0.1]), np.array([0.0, 0.0])]
    moves = [np.zeros((1, 1)), np.array([[9.0, 9.0], [0.0, 0.0]])]
    assert fixed_lag_viterbi(costs, moves.__getitem__, 0)[0] == 0
    assert fixed_lag_viterbi(costs, moves.__getitem__, 1)[0] == 1


@pytest.mark.parametrize("temperature", [0.3, 1.0])
def test_posteriors_are_those_of_all_paths_counted_one_by_one(temperature: float) -> None:
    rng = np.random.default_rng(5)
    costs, changes = rng.random((5, 3)), rng.random((5, 3, 3))
    counted = np.zeros_like(costs)
    for path in product(range(3), repeat=5):
        cost = sum(costs[step, here] for step, here in enumerate(path))
        cost += sum(changes[step][path[step - 1], path[step]] for step in range(1, 5))
        counted[np.arange(5), path] += np.exp(-cost / temperature)
    shares = posteriors(costs, lambda step: changes[step], temperature)
    np.testing.assert_allclose(shares, counted / counted.sum(axis=1, keepdims=True), rtol=1e-9)


def test_posteriors_of_ten_thousand_steps_stay_finite() -> None:
    costs = np.tile([0.0, 50.0], (10_000, 1))
    shares = posteriors(costs, lambda _: np.array([[0.0, 9.0], [9.0, 0.0]]), 0.1)
    assert shares[:, 0].min() > 0.999
    assert posteriors(np.zeros((0, 2)), lambda _: np.zeros((2, 2)), 1.0).shape == (0, 2)

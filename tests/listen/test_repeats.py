"""Music that comes round again: its length is found, rounds lend to each other, and chance is not taken for a loop."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.listen.bars import find_bars
from ensemble.listen.harmony import find_chords
from ensemble.listen.repeats import loop_beats, pool_rounds
from ensemble.types.music import Key

TRIADS = {"C": (0, 4, 7), "Am": (9, 0, 4), "F": (5, 9, 0), "G": (7, 11, 2), "Dm": (2, 5, 9)}


def played(names: list[str], beats_each: int, rounds: int, seed: int, wrong: float) -> np.ndarray:
    """Beats on which one or two tones of the chord sound, and often a foreign one, another in every round."""
    rng = np.random.default_rng(seed)
    chroma = np.zeros((12, len(names) * beats_each * rounds), np.float32)
    for beat in range(chroma.shape[1]):
        tones = TRIADS[names[beat // beats_each % len(names)]]
        chroma[rng.permutation(tones)[:2], beat] = rng.uniform(0.5, 1.0, 2)
        chroma[rng.integers(12), beat] += wrong * rng.uniform(0.5, 1.0)
    return chroma


@pytest.mark.parametrize(("names", "beats_each"), [(["C", "G", "Am", "F"], 4), (["C", "Am", "Dm", "F", "G"], 3)])
@pytest.mark.parametrize("seed", range(4))
def test_the_length_of_a_loop_is_found_whatever_is_played_over_it(names, beats_each, seed):
    assert loop_beats(played(names, beats_each, 5, seed, 0.8)) == len(names) * beats_each


@pytest.mark.parametrize("seed", range(8))
def test_what_never_comes_round_has_no_loop(seed):
    rng = np.random.default_rng(seed)
    names = [list(TRIADS)[index] for index in rng.integers(len(TRIADS), size=24)]
    assert loop_beats(played(names, 4, 1, seed, 0.8)) is None
    assert loop_beats(rng.random((12, 80)).astype(np.float32)) is None


@pytest.mark.parametrize("num_beats", [0, 1, 2, 5, 11])
def test_the_shortest_and_the_stillest_have_none(num_beats):
    assert loop_beats(np.ones((12, num_beats), np.float32)) is None
    assert loop_beats(np.zeros((12, 8 * num_beats), np.float32)) is None


def test_all_rounds_together_tell_chords_that_one_round_hides():
    names = ["C", "G", "Am", "F"]
    key, right, alone = Key(tonic=0, mode="major"), [], []
    for seed in range(6):
        chroma = played(names, 4, 6, seed, 1.6)
        truth = [names[beat // 4 % 4] for beat in range(chroma.shape[1])]
        for found, context in ((right, pool_rounds(chroma, 16)), (alone, chroma)):
            chords = [str(chord) for chord in find_chords(context, key, 4, 0)]
            found.append(np.mean([one == other for one, other in zip(chords, truth, strict=True)]))
    assert np.mean(right) > 0.9
    assert np.mean(right) > np.mean(alone) + 0.1


def test_a_silent_beat_stays_silent_and_a_single_round_stays_itself():
    chroma = played(["C", "F"], 4, 4, 0, 0.0)
    chroma[:, 5] = 0
    assert not pool_rounds(chroma, 8)[:, 5].any()
    once = pool_rounds(chroma, 64)
    np.testing.assert_allclose(once[:, 0], chroma[:, 0] / np.linalg.norm(chroma[:, 0]), rtol=1e-6)


@pytest.mark.parametrize(("loop", "expected"), [(15, 3), (30, 3), (16, 4), (20, 4)])
def test_a_loop_is_whole_bars(loop, expected):
    still, never, flat = np.zeros((12, 60), np.float32), np.zeros(60, np.bool_), np.ones(60, np.float32)
    assert find_bars(still, never, flat, loop)[0] == expected
    assert find_bars(still, never, flat)[0] == 4

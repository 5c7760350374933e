"""What a join is worth is told in a word and in percentiles; another metre is refused."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from ensemble.retrieve.search import pulse
from ensemble.retrieve.search.context import context_of_recording
from ensemble.retrieve.search.gather import Pair
from ensemble.retrieve.search.quality import AMONG_RANDOM, WITHIN_SONGS, in_words, is_chance, quality_of
from ensemble.retrieve.search.rerank import measure, vetoes
from ensemble.retrieve.settings import RetrieveSettings
from tests.bench.calibrate_joins import join_totals, told_apart
from tests.conduct.handmade_leader import heard_of
from tests.retrieve.tunes import Shelf, clip_of, shelf_of, tune

USUAL = RetrieveSettings()


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    kinds = ((1, 80.0, 0.5), (2, 104.0, 1.0), (3, 130.0, 3.0))
    sounds = {f"{seed}": clip_of(tune(seed, 48, tempo_bpm=bpm, brightness=bright)) for seed, bpm, bright in kinds}
    return shelf_of(tmp_path_factory.mktemp("shelf"), sounds)


def test_the_word_follows_the_percentile_within_songs() -> None:
    qualities = [quality_of(total, USUAL) for total in np.linspace(0, 1, 41).tolist()]
    assert [word for word, _ in itertools.groupby(one.word for one in qualities if one)] == ["poor", "fair", "good"]
    within = [one.within_songs for one in qualities if one]
    assert within == sorted(within)
    assert (within[0], within[-1]) == (0.0, 100.0)


def test_a_stranger_is_called_poor() -> None:
    stranger = quality_of(0.39, USUAL)
    assert stranger is not None
    assert in_words(stranger) == "poor: better than 14 % of joins within songs and 72 % of random ones"
    assert is_chance(quality_of(0.3, USUAL))
    assert not is_chance(stranger)


@pytest.mark.parametrize("weights", [{"alpha": 0.2}, {"relevance": {"chroma": 1.0}}])
def test_other_weights_were_not_calibrated(weights: dict[str, object]) -> None:
    assert quality_of(0.9, RetrieveSettings.model_validate(weights)) is None


def test_the_tables_rise() -> None:
    for table in (WITHIN_SONGS, AMONG_RANDOM):
        assert list(table) == sorted(set(table))
        assert len(table) == 21


def test_joins_within_tunes_score_more_than_random_ones(shelf: Shelf) -> None:
    totals = join_totals(list(shelf.known.values()), places_each=6)
    assert told_apart(totals) > 0.7
    assert told_apart(totals._replace(random=totals.within)) == pytest.approx(0.5, abs=0.05)
    assert told_apart(totals._replace(random=totals.within - 2)) == 1.0


@pytest.mark.parametrize(
    ("one", "other", "fits"),
    [
        ((4, 2), (4, 2), True), ((2, 2), (4, 2), True), ((3, 2), (6, 2), True), ((3, 2), (4, 2), False),
        ((2, 3), (2, 2), False), ((2, 3), (4, 3), True), ((3, 2), (12, 2), False),
    ],
)  # fmt: skip
def test_bars_go_on_as_long_or_twice_as_long(one: tuple[int, int], other: tuple[int, int], *, fits: bool) -> None:
    assert pulse.fits_metre((one,), (other,)) == pulse.fits_metre((other,), (one,)) == fits
    assert pulse.fits_metre((one,), ())
    assert pulse.fits_metre((one,), (other, one))


def test_a_doubtful_metre_leaves_its_second_choice_open() -> None:
    heard = replace(heard_of(bars=8, bpm=120.0), second_bars=(3, 0))
    assert pulse.metres_of(heard, heard.beats_s) == ((4, 2),)
    doubtful = replace(heard, bar_confidence=np.full(8, 0.4, np.float32))
    assert pulse.metres_of(doubtful, heard.beats_s) == ((4, 2), (3, 2))
    assert pulse.metres_of(doubtful, np.zeros(0)) == ()


def test_another_metre_is_a_veto(shelf: Shelf) -> None:
    first, second = itertools.islice(shelf.known.values(), 2)
    for metre, expected in ((first.metres[0], False), ((first.metres[0][0], 5 - first.metres[0][1]), True)):
        pair = Pair(described=replace(second, metres=(metre,)), chunk=4, semitones=0)
        context = context_of_recording(first, 8.0)
        assert ("metre" in vetoes(context, pair, measure(context, [pair], USUAL), 0, USUAL)) is expected

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ensemble.errors import DataError
from ensemble.measure import retrieval
from ensemble.measure.bootstrap import interval
from ensemble.measure.retrieval import recall_at, reciprocal_ranks
from ensemble.measure.retrieval_songs import draw_order, leaders_of, make_songs, other_soundfont
from ensemble.measure.retrieval_store import mean_chroma
from tests.data.composed import needs_renderer


def test_reciprocal_ranks_of_hand_counted_ranks() -> None:
    np.testing.assert_array_equal(reciprocal_ranks([1, 2, None, 4]), [1.0, 0.5, 0.0, 0.25])


def test_a_missing_answer_is_found_at_no_depth() -> None:
    ranks = [1, 10, 11, None]
    assert [recall_at(ranks, depth) for depth in (1, 10, 200)] == [0.25, 0.5, 0.75]


def test_a_rank_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="begin at 1"):
        reciprocal_ranks([0])


def test_songs_that_agree_leave_no_doubt() -> None:
    assert interval(np.full(12, 0.25), [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]) == (0.25, 0.25)


def test_doubt_comes_from_songs_not_from_questions() -> None:
    """Ten songs that are all right or all wrong are ten observations, however many questions each was asked."""
    songs = np.arange(10)
    right = (songs % 2).astype(float)
    few = interval(right, songs.tolist())
    many = interval(np.repeat(right, 50), np.repeat(songs, 50).tolist())
    assert few == pytest.approx(many)
    assert few[0] < 0.3
    assert few[1] > 0.7


def test_an_interval_shrinks_with_the_root_of_the_songs() -> None:
    rng = np.random.Generator(np.random.Philox(3))
    widths = []
    for num_songs in (25, 400):
        low, high = interval(rng.normal(0, 1, num_songs), list(range(num_songs)))
        widths.append(high - low)
    assert widths[0] / widths[1] == pytest.approx(4.0, rel=0.35)


def test_values_without_songs_are_refused() -> None:
    with pytest.raises(ValueError, match="no interval"):
        interval(np.zeros(3), [1, 2])


def test_mean_chroma_of_a_note_is_that_note_and_silence_is_nothing() -> None:
    chroma = np.zeros((12, 300), dtype=np.float32)
    chroma[7, 100:200] = 0.5
    expected = np.eye(12, dtype=np.float32)[7]
    np.testing.assert_allclose(mean_chroma(chroma, 1.0, 2.0), expected, atol=1e-6)
    np.testing.assert_array_equal(mean_chroma(chroma, 0.0, 1.0), np.zeros(12))
    np.testing.assert_array_equal(mean_chroma(chroma, 5.0, 6.0), np.zeros(12))


def test_songs_are_drawn_by_seed_and_number_alone() -> None:
    assert draw_order(3, 1) == draw_order(3, 1)
    assert len({(draw_order(number, 1).tonic, draw_order(number, 1).tempo_bpm) for number in range(12)}) == 12
    assert draw_order(3, 1) != draw_order(3, 2)


def test_a_soundfont_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.sf2"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match=r"mine\.sf2"):
        other_soundfont(path)


@needs_renderer
def test_both_takes_sound_the_same_bar_where_the_map_says() -> None:
    """A moment of one take, mapped to the other, lies at the same loud onset: both are quiet before it."""
    (song,) = make_songs(1, 5, None)
    assert song.semitones != 0
    assert abs(song.tempo_ratio - 1) <= 0.05
    bar_s = float(song.take.tempo.seconds(4 * 3.0))
    there_s = song.other_s(bar_s)
    assert song.other_take.tempo.ticks(there_s, 960) == pytest.approx(song.take.tempo.ticks(bar_s, 960), abs=2)
    assert there_s == pytest.approx(bar_s / song.tempo_ratio, rel=0.04)
    (first, second, third) = leaders_of(song, 3)
    assert first[0] < second[0] < third[0]
    assert all(11 <= clip.duration_s <= 15 for _, clip in (first, second, third))
    assert len(song.take.samples) / 48_000 - third[0] - third[1].duration_s >= 6.0


@needs_renderer
def test_what_truly_follows_is_found_far_above_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    from ensemble.measure import retrieval_questions

    monkeypatch.setattr(retrieval_questions, "LEADERS_PER_SONG", 1)
    figures = retrieval.evaluate_retrieval(2, seed=9)
    assert set(figures["mrr"]) >= {"random", "mean_chroma", "relevance", "seam", "full"}
    assert figures["questions"] == 2
    assert figures["mrr"]["full"] > 5 * figures["mrr"]["random"]
    assert figures["recall_at_200"]["full"] >= figures["recall_at_10"]["full"] >= figures["recall_at_1"]["full"]
    assert figures["difference_interval"][0] <= figures["difference_interval"][1]
    assert figures["second_takes"]
    assert "full minus relevance" in retrieval.written_out(figures)

"""Search: the true continuation in another take is found, and every rule about what may answer is kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from ensemble.listen.listener import Listener
from ensemble.retrieve.library.exact import ExactStore
from ensemble.retrieve.library.library import rows_of
from ensemble.retrieve.search import feature_layout
from ensemble.retrieve.search.context import JoinContext, context_of_leader, context_of_recording
from ensemble.retrieve.search.query import SEAM_SCALE, queries, transpositions
from ensemble.retrieve.search.search import Found, Search, recall_proxy
from ensemble.retrieve.settings import RetrieveSettings
from ensemble.types.described import Described
from tests.retrieve.two_takes import RATE, clip_of, other, plain, play, store_of, take_of

PIECES = (0, 1, 2)


def search_of(*all_described: Described, **changes: object) -> Search:
    by_sha256 = {described.recording.sha256: described for described in all_described}
    return Search(store_of(*all_described), by_sha256.__getitem__, RetrieveSettings(**changes))


def others() -> list[Described]:
    return [other(piece).described for piece in PIECES]


def leader_until(piece: int, at_s: float, gain: float = 1.0, silence_s: float = 0.0) -> JoinContext:
    """A leader that was never longer than this, as it is heard."""
    samples = np.concatenate(
        [gain * plain(piece).clip.samples[0, : round(at_s * RATE)], np.zeros(round(silence_s * RATE))]
    )
    clip = clip_of(samples)
    return context_of_leader(Listener().listen(clip), clip, clip.duration_s)


def everything(search: Search, context: JoinContext, **wishes: float) -> Found:
    return search.candidates(context, 5, min_remaining_s=wishes.get("min_remaining_s", 0.0))


@pytest.mark.parametrize(("piece", "at_s"), [(0, 10.0), (1, 12.5), (2, 16.0), (0, 19.0)])
def test_the_true_continuation_is_found_in_another_take(piece: int, at_s: float) -> None:
    best = everything(search_of(*others()), leader_until(piece, at_s)).candidates[0]
    take = other(piece)
    assert best.recording == take.described.recording
    assert best.start_s == pytest.approx(at_s / 1.04, abs=0.1)
    assert best.semitones == -3
    assert best.tempo_ratio == pytest.approx(1 / 1.04, abs=0.012)


def test_every_candidate_says_what_was_measured() -> None:
    found = everything(search_of(*others()), leader_until(0, 12.0))
    for candidate in found.candidates:
        score = candidate.score
        assert 0 <= score.relevance <= 1
        assert 0 <= score.seam <= 1
        assert {"level_step_db", "spectral_distance", "chroma", "bass_step_db", "harmony", "seam_cost"} <= set(
            score.terms
        )
        assert all(np.isfinite(term.value) for term in score.terms.values())
        percentiles = [term.percentile for term in score.terms.values() if term.percentile is not None]
        assert len(percentiles) >= 4
        assert all(0 <= percentile <= 100 for percentile in percentiles)
    totals = [candidate.score.total for candidate in found.candidates]
    assert totals[0] == max(totals)
    for recording in {candidate.recording.sha256 for candidate in found.candidates}:
        own = [candidate.score.total for candidate in found.candidates if candidate.recording.sha256 == recording]
        assert own == sorted(own, reverse=True)


def test_the_inner_product_is_relevance_less_the_cost_of_the_seam() -> None:
    """Up to a constant of the question: the formula, computed the long way round."""
    settings = RetrieveSettings(alpha=2.0, beta=3.0)
    context, described = leader_until(0, 12.0), other(1).described
    asked, which = queries(context, settings)
    assert len(asked) == 12 * 4
    for number in (0, 17, 47):
        look_back_s, semitones = which[number]
        rows = described.vectors
        products = rows @ asked[number]
        seam = feature_layout.rolled_seam(context.seam, -semitones)
        cost = np.square(seam - rows[:, feature_layout.SEAM]).sum(axis=1)
        # the relevance's weights sum to 1, so a row made of the question's own blocks has a relevance of 1
        own = np.concatenate(
            [
                feature_layout.rolled(row, -semitones) if block.kind == "chroma" else row
                for block in feature_layout.BLOCKS
                for row in context.blocks[block.name]
            ]
        )
        assert own @ asked[number][: feature_layout.SEAM.start] == pytest.approx(0.4, abs=1e-5)
        reach = [block for block in feature_layout.BLOCKS if block.reach_s > look_back_s]
        assert not any(asked[number][feature_layout.AT[block.name]].any() for block in reach)
        relevance = rows[:, : feature_layout.SEAM.start] @ asked[number][: feature_layout.SEAM.start]
        constant = products - (relevance - 0.6 * SEAM_SCALE * cost)
        np.testing.assert_allclose(constant, constant[0], atol=1e-4)


def test_twelve_transpositions_at_most_nearest_first() -> None:
    assert transpositions(0) == (0,)
    assert transpositions(2) == (0, -1, 1, -2, 2)
    assert len(transpositions(6)) == 12
    assert {step % 12 for step in transpositions(6)} == set(range(12))


def test_a_smaller_range_of_transposition_is_kept_to() -> None:
    found = everything(search_of(*others(), max_semitones=1), leader_until(0, 12.0))
    assert found.candidates
    assert {abs(candidate.semitones) for candidate in found.candidates} <= {0, 1}


def test_a_tempo_that_cannot_be_bent_that_far_is_left_alone() -> None:
    best = everything(search_of(*others(), max_stretch=0.02), leader_until(0, 12.0)).candidates[0]
    assert best.tempo_ratio == 1.0


def test_results_are_different_spots() -> None:
    found = search_of(*others()).candidates(leader_until(0, 12.0), 8, min_remaining_s=0.0)
    spots = [(candidate.recording.sha256, candidate.start_s) for candidate in found.candidates]
    for number, (recording, start_s) in enumerate(spots):
        assert all(abs(start_s - away_s) >= 4.0 for same, away_s in spots[:number] if same == recording)


def test_the_level_tolerance_widens_and_says_so() -> None:
    search = search_of(*others(), level_tolerance_db=3.0)
    near = search.candidates(leader_until(0, 12.0), 2, min_remaining_s=0.0)
    softer = search.candidates(leader_until(0, 12.0, gain=10 ** (-11 / 20)), 2, min_remaining_s=0.0)
    assert (near.level_tolerance_db or 99.0) < (softer.level_tolerance_db or 99.0)
    assert softer.candidates


def test_a_veto_of_level_never_relaxes() -> None:
    found = everything(search_of(*others()), leader_until(0, 12.0, gain=10 ** (-40 / 20)))
    assert found.candidates == ()
    assert found.level_tolerance_db is None
    assert found.vetoed["level"] == found.num_scored > 0


def test_the_leaders_own_recording_answers_only_if_it_may() -> None:
    take = plain(0)
    context = context_of_leader(take.heard, take.clip, 12.0, recording_sha256=take.described.recording.sha256)
    allowed = everything(search_of(take.described), context)
    assert allowed.candidates[0].start_s == pytest.approx(12.0, abs=0.05)
    refused = everything(search_of(take.described, exclude_same_recording=True), context)
    assert refused.candidates == ()
    assert refused.vetoed["same recording"] == refused.num_scored


def test_silence_is_no_continuation() -> None:
    samples = play(0, tempo_bpm=120)
    samples[14 * RATE :] = 0
    described = take_of(samples, "stops", 0.5).described
    found = search_of(described, rerank=2000).ranked(leader_until(0, 14.0), None, min_remaining_s=0.0)
    silent = [candidate for candidate in found if candidate.start_s > 14.3]
    assert silent
    assert all("silence" in candidate.score.vetoes for candidate in silent)


def test_every_candidate_has_the_music_left_that_was_asked_for() -> None:
    search, context = search_of(*others()), leader_until(0, 12.0)
    long = everything(search, context, min_remaining_s=9.0).candidates
    assert long
    assert all(candidate.recording.duration_s - candidate.start_s >= 8.9 for candidate in long)
    assert everything(search, context, min_remaining_s=1000.0).candidates == ()


def test_an_empty_store_has_no_answer() -> None:
    found = Search(ExactStore(), {}.__getitem__, RetrieveSettings()).candidates(
        leader_until(0, 12.0), 3, min_remaining_s=1.0
    )
    assert (found.candidates, found.num_scored, found.vetoed) == ((), 0, {})


@pytest.mark.parametrize("at_s", [0.6, 1.5, 3.0])
def test_a_leader_shorter_than_a_look_back_asks_the_ones_it_has(at_s: float) -> None:
    context = leader_until(0, at_s)
    assert context.look_backs_s == tuple(look for look in (1.0, 2.0, 4.0, 8.0) if look <= max(at_s, 1.0))
    found = everything(search_of(*others()), context)
    assert found.candidates
    assert np.isfinite([candidate.score.total for candidate in found.candidates]).all()


def test_a_silence_at_the_end_of_the_leader_is_looked_past() -> None:
    plainly, late = leader_until(0, 12.0), leader_until(0, 12.0, silence_s=1.5)
    assert late.at_s == pytest.approx(13.5)
    assert late.sounds_until_s == pytest.approx(plainly.at_s, abs=0.1)
    assert late.level_db == pytest.approx(plainly.level_db, abs=1.5)
    best = everything(search_of(*others()), late).candidates[0]
    assert best.recording == other(0).described.recording
    assert best.start_s == pytest.approx(12.0 / 1.04, abs=0.6)


def test_a_silent_leader_is_answered_without_nan() -> None:
    clip = clip_of(np.zeros(3 * RATE))
    context = context_of_leader(Listener().listen(clip), clip, 3.0)
    found = everything(search_of(*others()), context)
    assert context.is_silent
    assert found.level_tolerance_db is None
    assert all(np.isfinite(candidate.score.total) for candidate in found.candidates)


def test_a_join_outside_the_leader_is_refused() -> None:
    take = plain(0)
    for at_s in (0.0, -1.0, 25.0):
        with pytest.raises(ValueError, match="lies outside"):
            context_of_leader(take.heard, take.clip, at_s)
        with pytest.raises(ValueError, match="lies outside"):
            context_of_recording(take.described, at_s)


def test_the_next_hop_goes_on_where_the_last_one_stopped() -> None:
    context = context_of_recording(other(1).described, 23 * other(1).note_s)
    best = everything(search_of(*[plain(piece).described for piece in PIECES]), context).candidates[0]
    assert best.recording == plain(1).described.recording
    assert best.start_s == pytest.approx(23 * plain(1).note_s, abs=0.1)
    assert best.semitones == 3


def test_the_order_of_rows_does_not_matter() -> None:
    context, settings = leader_until(0, 12.0), RetrieveSettings()
    by_sha256 = {described.recording.sha256: described for described in others()}
    backwards = ExactStore()
    for described in reversed(others()):
        backwards.add(rows_of(described)[::-1])
    found = [
        Search(store, by_sha256.__getitem__, settings).candidates(context, 5, min_remaining_s=0.0)
        for store in (store_of(*others()), backwards)
    ]
    assert found[0] == found[1]


def test_weights_need_no_new_index() -> None:
    """Seam alone and relevance alone rank the same rows differently, and each by its own score."""
    context = leader_until(0, 12.0)
    for alpha, beta, name in ((1.0, 0.0, "relevance"), (0.0, 1.0, "seam")):
        ranked = search_of(*others(), alpha=alpha, beta=beta, max_semitones=0, max_stretch=0.0).ranked(
            context, None, min_remaining_s=0.0
        )
        scores = [getattr(candidate.score, name) for candidate in ranked]
        assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    ("ranks", "share"),
    [
        (range(40), 1.0),  # the store's order is the exact one
        (range(39, -1, -1), 0.0),  # it is the reverse
        ([0, 39, 1, 38, 2, 37, 3, 36, 4, 35, *range(5, 35)], 0.5),
        ([0], 1.0),
        ([], None),
    ],
)
def test_the_recall_proxy_of_known_orders(ranks: Sequence[int], share: float | None) -> None:
    assert recall_proxy(list(ranks)) == share

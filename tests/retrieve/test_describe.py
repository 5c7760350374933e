"""A recording's description: where chunks begin, and what moves their numbers and what does not."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from ensemble.listen.listener import Listener
from ensemble.retrieve.search import feature_layout
from ensemble.retrieve.search.context import context_of_recording
from ensemble.retrieve.search.describe import describe
from ensemble.types.music import AudioClip
from tests.retrieve.two_takes import RATE, clip_of, plain, play, recording_of, take_of

BEFORE = [block for block in feature_layout.BLOCKS if block.reach_s > 0]


def test_chunks_begin_at_the_beats_and_end_before_the_music_does() -> None:
    described = plain(0).described
    assert described.num_chunks > 40
    assert np.abs(described.start_s[:, None] - 0.5 * np.arange(48)).min(axis=1).max() < 0.03
    np.testing.assert_allclose(described.start_s + described.remaining_s, 24.0, atol=0.05)
    assert described.remaining_s.min() >= 0.5


def test_where_there_is_no_beat_chunks_begin_every_half_second() -> None:
    hiss = 0.1 * np.random.Generator(np.random.Philox(1)).standard_normal(6 * RATE)
    held = 0.1 * np.sin(2 * np.pi * 220 * np.arange(6 * RATE) / RATE)
    for samples in (hiss, held):
        described = take_of(samples, "steady", 0.5).described
        assert described.tempo_bpm == 0.0
        assert len(described.beats_s) == 0
        np.testing.assert_allclose(described.start_s, 0.5 * np.arange(12))


def test_a_transposed_take_has_its_chroma_rolled() -> None:
    low = plain(0).described
    high = take_of(play(0, tempo_bpm=120, semitones=4), "high", 0.5).described
    at = feature_layout.AT["chroma_4s"]
    for time_s in (8.0, 12.0, 20.0):
        one = low.vectors[np.argmin(np.abs(low.start_s - time_s)), at]
        other = high.vectors[np.argmin(np.abs(high.start_s - time_s)), at]
        likeness = [float(other @ feature_layout.rolled(one, step)) for step in range(12)]
        assert int(np.argmax(likeness)) == 4
        assert likeness[4] > 0.95


def test_a_softer_copy_differs_in_level_only() -> None:
    loud, soft = plain(0).described, take_of(play(0, tempo_bpm=120) * 0.25, "soft", 0.5).described
    np.testing.assert_allclose(soft.start_s, loud.start_s, atol=0.01)
    np.testing.assert_allclose(loud.level_db - soft.level_db, 12.04, atol=0.3)
    likeness = (loud.vectors[20:, : feature_layout.SEAM.start] * soft.vectors[20:, : feature_layout.SEAM.start]).sum(
        axis=1
    )
    assert likeness.min() > 0.97 * len(feature_layout.BLOCKS)


def test_what_follows_a_chunk_does_not_colour_what_came_before_it() -> None:
    samples = play(0, tempo_bpm=120)
    changed = samples.copy()
    changed[12 * RATE :] = play(2, tempo_bpm=120, semitones=5)[12 * RATE :]
    rows = []
    for variant in (samples, changed):
        described = take_of(variant, "variant", 0.5).described
        rows.append(described.vectors[np.argmin(np.abs(described.start_s - 12.0))])
    for block in BEFORE:
        assert rows[0][feature_layout.AT[block.name]] @ rows[1][feature_layout.AT[block.name]] > 0.95, block.name
    assert rows[0][feature_layout.AT["chroma_after"]] @ rows[1][feature_layout.AT["chroma_after"]] < 0.7


def test_blocks_are_unit_rows_or_nothing_and_the_square_belongs_to_the_seam() -> None:
    vectors = plain(1).described.vectors
    for block in feature_layout.BLOCKS:
        length = np.linalg.norm(vectors[:, feature_layout.AT[block.name]], axis=1)
        assert np.all((np.abs(length - 1) < 1e-4) | (length == 0)), block.name
    assert vectors[0, feature_layout.AT["chroma_8s"]].any() == False  # noqa: E712  # the first chunk has no past
    assert vectors[30, feature_layout.AT["chroma_8s"]].any()
    np.testing.assert_allclose(vectors[:, -1], np.square(vectors[:, feature_layout.SEAM]).sum(axis=1), rtol=1e-5)


def test_the_same_bytes_on_any_number_of_threads() -> None:
    take = plain(0)
    with threadpool_limits(limits=4):
        again = describe(take.clip, take.described.recording, take.heard)
    np.testing.assert_array_equal(again.vectors, take.described.vectors)
    for name, values in take.described.details.items():
        np.testing.assert_array_equal(again.details[name], values)


@pytest.mark.parametrize("duration_s", [0.6, 3.0])
def test_silence_is_described_as_nothing(duration_s: float) -> None:
    samples = np.zeros(round(duration_s * RATE))
    described = take_of(samples, "silence", 0.5).described
    assert np.isfinite(described.vectors).all()
    assert not described.vectors[:, : feature_layout.SEAM.start].any()
    assert (described.level_db == -100).all()
    assert context_of_recording(described, 0.5).is_silent


def test_a_clip_that_was_not_prepared_is_refused() -> None:
    clip = clip_of(play(0, tempo_bpm=120)[: 2 * RATE])
    heard = Listener().listen(clip)
    recording = recording_of(clip.samples[0], "clip")
    for wrong in (
        AudioClip(samples=clip.samples, sample_rate=48_000),
        AudioClip(samples=np.repeat(clip.samples, 2, axis=0), sample_rate=RATE),
    ):
        with pytest.raises(ValueError, match="was not prepared"):
            describe(wrong, recording, heard)

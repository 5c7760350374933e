"""What the network reads: the past and its look-ahead, nothing else; and where in the bar it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ensemble.conduct.conductor_features import (
    FAINTEST_DB,
    HEARD_ROWS,
    LEVEL_SCALE_DB,
    NUM_ROWS,
    PLACED_ROWS,
    anchor,
    anchor_db_of,
    beat_position,
    conductor_features,
    conductor_frame_of,
    sixteenths_s,
)
from ensemble.types.doubts import KeySection
from ensemble.types.names import parse_key
from tests.conduct.handmade_leader import cut, heard_of


def row(features: np.ndarray, name: str) -> np.ndarray:
    return features[[*HEARD_ROWS, *PLACED_ROWS].index(name)]


@pytest.mark.parametrize("look_ahead", [0, 20])
def test_pitch_and_chroma_are_relative_to_the_key_of_their_time(look_ahead):
    heard = replace(heard_of(bars=4), key=parse_key("C"), key_sections=())
    minor = replace(heard, key=parse_key("A minor"))
    sections = (KeySection(start_beat=0, key=heard.key), KeySection(start_beat=8, key=minor.key))
    one, other, both = (
        conductor_features(each, 600, look_ahead) for each in (heard, minor, replace(heard, key_sections=sections))
    )
    heard_at = int(heard.beats_s[8] * 25) - look_ahead // 4
    np.testing.assert_array_equal(both[: len(HEARD_ROWS), :heard_at], one[: len(HEARD_ROWS), :heard_at])
    np.testing.assert_array_equal(both[: len(HEARD_ROWS), heard_at + 1 :], other[: len(HEARD_ROWS), heard_at + 1 :])
    assert not np.array_equal(one[:, heard_at + 1 :], other[:, heard_at + 1 :])
    placed_at = int(heard.beats_s[8] * 25)
    assert row(both, "is_minor").nonzero()[0][0] in (placed_at, placed_at + 1)


@pytest.mark.parametrize("look_ahead", [0, 10, 25, 50])
def test_a_column_hears_its_look_ahead_and_no_further(look_ahead):
    heard = heard_of(bars=4)
    early = cut(heard, 8)
    stop = early.frames.num_frames
    whole = conductor_features(heard, heard.frames.num_frames, look_ahead)[: len(HEARD_ROWS)]
    short = conductor_features(early, heard.frames.num_frames, look_ahead)[: len(HEARD_ROWS)]
    safe = (stop - look_ahead) // 4
    np.testing.assert_array_equal(whole[:, :safe], short[:, :safe])
    assert not np.allclose(whole[:, safe + 1 : safe + 20], short[:, safe + 1 : safe + 20])


def test_hearing_ahead_moves_what_is_heard_and_not_where_it_is():
    heard = heard_of(bars=4)
    now, ahead = (conductor_features(heard, 800, frames) for frames in (0, 20))
    np.testing.assert_allclose(row(now, "onset")[5:150], row(ahead, "onset")[:145])
    np.testing.assert_array_equal(row(now, "bar_sine"), row(ahead, "bar_sine"))
    assert row(ahead, "look_ahead")[0] == pytest.approx(0.4)
    assert now.shape == (NUM_ROWS, 200)


def test_another_recording_level_changes_two_rows_by_as_much_and_no_others():
    loud = heard_of(bars=4)
    quieter_db = np.where(loud.frames.loudness_db > -100.0, loud.frames.loudness_db - 12.0, -100.0)
    soft = replace(loud, frames=replace(loud.frames, loudness_db=quieter_db.astype(np.float32)))
    one, two = (conductor_features(heard, 600, 0) for heard in (loud, soft))
    playing = row(one, "loudness") > (FAINTEST_DB + 40.0) / LEVEL_SCALE_DB
    difference = (one - two)[:, playing]
    names = [*HEARD_ROWS, *PLACED_ROWS]
    shifted = {name for name, values in zip(names, difference, strict=True) if np.abs(values).max() > 1e-4}
    assert shifted == {"loudness", "anchor"}
    assert np.ptp(row(difference, "anchor")) < 1e-4


def test_the_anchor_begins_at_once_rises_fast_falls_slowly_and_waits_through_rests():
    level = np.concatenate([np.full(25, -100.0), np.full(50, -40.0), np.full(50, -20.0), np.full(50, -30.0)])
    curve = anchor(np.concatenate([level, np.full(200, -100.0)]))
    assert (curve[:25] == FAINTEST_DB).all()
    assert curve[25] == -40.0
    assert curve[75 + 5] > -23.0
    assert -27.0 < curve[125 + 12] < -22.0
    assert (curve[175:] == curve[174]).all()
    features = conductor_features(heard_of(bars=1), 100, 0)
    assert anchor_db_of(features).max() < 0.0


def test_phases_turn_once_a_beat_and_once_a_bar():
    heard = heard_of(bars=4, bpm=120.0, first_beat_s=0.02)
    features = conductor_features(heard, 800, 0)
    downbeats = conductor_frame_of(heard.beats_s[heard.first_downbeat :: heard.beats_per_bar])
    assert (row(features, "bar_cosine")[downbeats] > 0.97).all()
    assert (row(features, "beat_cosine")[conductor_frame_of(heard.beats_s)] > 0.8).all()
    np.testing.assert_allclose(
        np.square(row(features, "bar_cosine")) + np.square(row(features, "bar_sine")), 1.0, atol=1e-5
    )


def test_beats_go_on_before_the_first_and_after_the_last():
    beats = np.array([1.0, 1.5, 2.0, 2.5])
    np.testing.assert_allclose(beat_position(beats, np.array([0.0, 0.5, 1.25, 2.5, 4.0])), [-2, -1, 0.5, 3, 6])


def test_the_grid_has_four_places_to_a_beat_until_the_end():
    grid = sixteenths_s(np.array([0.5, 1.0, 1.5]), 3.0)
    np.testing.assert_allclose(grid, np.arange(0.5, 3.0, 0.125))
    assert len(sixteenths_s(np.array([0.5]), 3.0)) == 0


def test_beats_that_come_later_leave_a_beginning_as_it_was():
    """A leader that goes on, with another tempo: whoever begins before the first beat begins alike."""
    beats_s, time_s = 0.3 + 0.6 * np.arange(20), np.arange(0.0, 11.0, 0.04)
    later_s = np.concatenate([beats_s, beats_s[-1] + 0.49 * np.arange(1, 25)])
    np.testing.assert_array_equal(beat_position(beats_s, time_s), beat_position(later_s, time_s))
    assert beat_position(beats_s, np.zeros(1))[0] == pytest.approx(-0.5)

"""What a conductor is shown: the same crop for the same number, never the leader among its followers, gaps masked."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.conduct.conductor_features import HEARD_ROWS, NUM_ROWS, anchor_db_of
from ensemble.train.conductor.crops import ConductorDataset, scenes_of, stroke_grid
from ensemble.train.conductor.fit import balance_db, starting_card
from ensemble.train.conductor.material import ConductorMaterial, StrokeTimes, at_conductor_rate, is_playing
from ensemble.train.conductor.settings import TrainConductorSettings
from tests.played_pieces import heard_playing, played_piece

SETTINGS = TrainConductorSettings(width=16, heads=2, crop_frames=64, warmup_frames=8, followers=3)


@pytest.fixture(scope="module")
def scenes():
    return scenes_of([played_piece(number) for number in range(3)])


def dataset(scenes, **options):
    material = ConductorMaterial(train=[], held_out=[])
    settings = options.pop("settings", SETTINGS)
    return ConductorDataset(scenes, starting_card(settings, material, scenes), settings, **options)


def test_an_item_is_the_same_in_every_run_and_after_a_break(scenes):
    whole, later = dataset(scenes), dataset(scenes)
    later[0]
    for name, tensor in whole[20].items():
        np.testing.assert_array_equal(tensor, later[20][name])
    assert not np.array_equal(whole[20]["rows"], whole[21]["rows"])


def test_every_pitched_part_leads_and_none_follows_itself(scenes):
    assert [scene.leader.instrument for scene in scenes] == ["cello", "flute", "violin"] * 3
    for scene in scenes:
        assert scene.leader.name not in {part.name for part in scene.followers}
        assert len(scene.followers) == 3


def test_the_target_is_the_distance_from_anchor_and_balance(scenes):
    plain = dataset(scenes, changes=False)
    card = starting_card(SETTINGS, ConductorMaterial(train=[], held_out=[]), scenes)
    for item in range(10):
        crop = plain[item]
        rows, playing = crop["rows"].numpy().T, crop["is_playing"].numpy() > 0
        level = 10 * crop["target"].numpy() + anchor_db_of(rows)
        truths = [part.loudness_db - card.balance_db[part.instrument] for scene in scenes for part in scene.followers]
        for row, known in zip(level, playing, strict=True):
            starts = [
                np.abs(np.lib.stride_tricks.sliding_window_view(one, 64)[:, known] - row[known]).max(axis=1)
                for one in truths
            ]
            assert min(found.min() for found in starts) < 1e-3


def test_a_louder_recording_moves_two_rows_and_leaves_the_targets(scenes):
    loud = TrainConductorSettings.model_validate(
        SETTINGS.model_dump() | {"gain_share": 1.0, "hidden_share": 0.0, "stranger_share": 0.0}
    )
    quiet = TrainConductorSettings.model_validate(loud.model_dump() | {"gain_share": 0.0})
    one, two = (dataset(scenes, settings=settings)[5] for settings in (loud, quiet))
    moved = (one["rows"] - two["rows"]).abs().amax(dim=0) > 1e-5
    assert [name for name, changed in zip(HEARD_ROWS, moved, strict=False) if changed] == ["loudness", "anchor"]
    np.testing.assert_array_equal(one["target"], two["target"])


def test_a_late_leader_is_heard_as_before_and_the_conductor_is_told(scenes):
    scene = scenes[0]
    now, late = (scene.rows(frames, slice(40, 80)) for frames in (0, -60))
    np.testing.assert_array_equal(late[: len(HEARD_ROWS)], scene.rows(0, slice(25, 65))[: len(HEARD_ROWS)])
    np.testing.assert_array_equal(late[len(HEARD_ROWS) : -1], now[len(HEARD_ROWS) : -1])
    assert (late[-1] == np.float32(-1.2)).all()
    before = scene.rows(-60, slice(0, 20))[: len(HEARD_ROWS)]
    np.testing.assert_array_equal(before[:, :16], np.repeat(before[:, :1], 16, axis=1))


@pytest.mark.parametrize(("late_share", "latest", "earliest"), [(0.0, 0.0, 1.0), (1.0, -2.0, -0.03)])
def test_look_aheads_are_drawn_from_a_second_late_to_half_a_second_ahead(scenes, late_share, latest, earliest):
    settings = TrainConductorSettings.model_validate(SETTINGS.model_dump() | {"late_share": late_share})
    told = [float(dataset(scenes, settings=settings)[item]["rows"][0, -1]) for item in range(60)]
    assert latest <= min(told) < latest + 0.3
    assert earliest - 0.3 < max(told) <= earliest


def test_what_is_hidden_is_hidden_whole(scenes):
    settings = TrainConductorSettings.model_validate(SETTINGS.model_dump() | {"hidden_share": 1.0, "gain_share": 0.0})
    rows = dataset(scenes, settings=settings)[0]["rows"].numpy()
    assert (rows[:, HEARD_ROWS.index("pitch") : NUM_ROWS - 2] == 0).all()
    assert (rows[:, : HEARD_ROWS.index("pitch")] != 0).any()


def test_gaps_and_tails_are_not_played():
    level = np.full(100, -30.0, np.float32)
    level[40:44], level[60:64], level[80:] = -45.0, -35.0, -80.0
    playing = is_playing(level)
    assert not playing[40:44].any()
    assert playing[60:64].all()
    assert not playing[80:].any()
    assert not is_playing(np.full(50, -90.0, np.float32)).any()


def test_four_control_frames_are_one_by_mean_power():
    np.testing.assert_allclose(
        at_conductor_rate(np.float32([-20, -20, -20, -20, 0, -100, -100, -100, -3])), [-20, -6.02], atol=0.01
    )


def test_strokes_fall_on_the_nearest_sixteenth_of_the_beats_that_were_heard():
    strokes = StrokeTimes(
        time_s=np.array([0.51, 0.77, 1.245]), drum=np.array([0, 1, 2]), velocity=np.float32([0.5, 0.6, 0.7])
    )
    grid = stroke_grid(strokes, heard_playing(np.full(100, -30.0)), 100)
    sixteenths = np.flatnonzero(grid[0])
    np.testing.assert_array_equal(sixteenths[:9], np.floor(np.arange(9) * 0.125 * 25 + 1e-9))
    struck = {(int(drum), int(frame)) for drum, frame in zip(*np.nonzero(grid[1:8]), strict=True)}
    assert struck == {(0, 12), (1, 18), (2, 31)}
    assert grid[8 + 1, 18] == pytest.approx(0.6)


def test_the_balance_is_the_usual_distance_from_the_leader():
    scenes = scenes_of([played_piece(number, noise_db=0.0) for number in range(4)])
    found = balance_db(scenes)
    assert found["cello"] - found["flute"] == pytest.approx(3.0, abs=0.8)  # each beside the others as leaders
    assert found["bowed"] > found["blown"]

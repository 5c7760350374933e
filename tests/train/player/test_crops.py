"""Crops and their changes: known by number, and true to their recording."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ensemble.errors import DataError
from ensemble.train.player.analysis import analyse
from ensemble.train.player.augment import augment
from ensemble.train.player.crops import SynthDataset
from ensemble.train.player.settings import AugmentSettings
from ensemble.types.music import SILENCE_DB
from tests.train.teacher import phrase

SETTINGS = {"crop_frames": 50, "warmup_frames": 30, "seed": 4}


@pytest.fixture(scope="module")
def recordings():
    return [phrase(1), phrase(2, num_frames=300)]


@pytest.fixture(scope="module")
def analyses(recordings):
    return [analyse(recording) for recording in recordings]


def test_a_later_run_goes_on_with_the_crops_that_come_next(recordings, analyses):
    whole = SynthDataset(recordings, analyses, changes=AugmentSettings(share=0.5), **SETTINGS)
    late = SynthDataset(recordings, analyses, changes=AugmentSettings(share=0.5), **SETTINGS)
    for item in range(7, 12):
        for name, tensor in whole[item].items():
            np.testing.assert_array_equal(tensor, late[item][name])
    assert not np.array_equal(whole[0]["samples"], whole[1]["samples"])


def test_controls_and_samples_of_a_crop_belong_together(recordings, analyses):
    crops = SynthDataset(recordings, analyses, **SETTINGS)
    longest = recordings[0].samples.tobytes(), recordings[1].samples.tobytes()
    for item in range(20):
        crop = crops[item]
        which = 0 if crop["samples"].numpy().tobytes() in longest[0] else 1
        start = longest[which].index(crop["samples"].numpy().tobytes()) // 4 // 160
        recording = recordings[which]
        np.testing.assert_array_equal(crop["f0_hz"][30:], recording.f0_hz[start : start + 51])
        lead = recording.loudness_db[max(start - 30, 0) : start]
        np.testing.assert_array_equal(crop["loudness_db"][30 - len(lead) : 30], lead)
        assert (crop["loudness_db"][: 30 - len(lead)] == SILENCE_DB).all()
        np.testing.assert_array_equal(
            crop["harmonics"], analyses[which].harmonics[start : start + 51].astype(np.float32)
        )


def test_loud_crops_are_raised_and_quiet_ones_are_not(recordings, analyses):
    quiet = replace(
        recordings[0],
        samples=recordings[0].samples * np.float32(0.1),
        loudness_db=np.maximum(recordings[0].loudness_db - 20, np.float32(SILENCE_DB)),
    )
    recordings, analyses = [*recordings, quiet], [*analyses, analyses[0]]
    plain = SynthDataset(recordings, analyses, **SETTINGS)
    only_gain = AugmentSettings(share=0.0, gain_share=1.0, gain_db=12.0)
    changed = SynthDataset(recordings, analyses, changes=only_gain, **SETTINGS)
    loudest_db = max(float(recording.loudness_db.max()) for recording in recordings)
    moved_db, stayed = [], 0
    for item in range(30):
        before, after = plain[item], changed[item]
        gain_db = 20 * np.log10(float(after["samples"].abs().max() / before["samples"].abs().max()))
        loud = before["loudness_db"] > -80
        np.testing.assert_allclose((after["loudness_db"] - before["loudness_db"])[loud], gain_db, atol=1e-3)
        if float(before["loudness_db"].max()) < loudest_db - 12:
            assert gain_db == 0
            stayed += 1
        moved_db.append(gain_db)
    assert stayed > 0
    assert 0 <= min(moved_db) < max(moved_db) <= 12.0
    assert np.std(moved_db) > 1.0


def test_rests_stay_rests_and_the_pitch_drifts_by_cents():
    draw = np.random.default_rng(0)
    f0_hz = np.array([0.0, 0.0, 440.0, 440.0], np.float32)
    loudness_db = np.array([SILENCE_DB, SILENCE_DB, -20.0, SILENCE_DB], np.float32)
    settings = AugmentSettings(share=1.0, f0_cents=10.0, gain_share=0.5)
    drifts = []
    for _ in range(200):
        asked = augment(f0_hz, loudness_db, settings, -20.0, draw)
        assert (asked.f0_hz[:2] == 0).all()
        assert (asked.loudness_db[[0, 1, 3]] == SILENCE_DB).all()
        drifts.append(1200 * np.log2(asked.f0_hz[3] / 440.0))
    assert 7.0 < np.std(drifts) < 13.0


def test_the_loudness_asked_for_wavers_and_what_is_wanted_stays(recordings, analyses):
    still = AugmentSettings(share=0.0, gain_share=0.0)
    plain = SynthDataset(recordings, analyses, changes=still, **SETTINGS)
    wavers = SynthDataset(recordings, analyses, changes=still.model_copy(update={"waver_db": 3.0}), **SETTINGS)
    spreads_db = []
    for item in range(20):
        before, after = plain[item], wavers[item]
        for name in ("f0_hz", "samples", "harmonics", "noise"):
            np.testing.assert_array_equal(before[name], after[name])
        silent = before["loudness_db"] == SILENCE_DB
        assert (after["loudness_db"][silent] == SILENCE_DB).all()
        moved_db = (after["loudness_db"] - before["loudness_db"])[before["loudness_db"] > -80]
        spreads_db.append(float(moved_db.std()))
        assert abs(float(moved_db.mean())) < spreads_db[-1]
    assert min(spreads_db) < 1.0
    assert 2.0 < max(spreads_db) < 4.0


def test_recordings_shorter_than_a_crop_are_refused(recordings, analyses):
    with pytest.raises(DataError, match="longer than a crop of 9 s"):
        SynthDataset(recordings, analyses, crop_frames=900, warmup_frames=0)

"""From a data set's folder to what a voice learns from."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from ensemble.errors import ConfigError, DataError
from ensemble.train.player.material import gather, left_out, takes_of
from ensemble.train.recordings import held_pitch
from tests.train.small_set import write_set


@pytest.fixture
def data(tmp_path):
    return write_set(tmp_path / "set")


def stem(data, split):
    (take, *_) = takes_of(data, "violin", split)
    return take


def test_pieces_never_stand_on_both_sides(data):
    material = gather(data, "violin", 16_000, "the command")
    assert (len(material.train), len(material.held_out)) == (2, 1)
    assert not {one.name for one in material.train} & {one.name for one in material.held_out}
    assert "3 pieces" in material.provenance
    assert "may be shipped" in material.licence
    assert material.train[0].num_frames == 400


def test_takes_at_another_rate_are_resampled(data):
    plain, faster = (gather(data, "violin", rate).train[0] for rate in (16_000, 48_000))
    assert len(faster.samples) == 3 * len(plain.samples)
    assert np.sqrt(np.mean(faster.samples**2)) == pytest.approx(np.sqrt(np.mean(plain.samples**2)), rel=0.05)


def test_a_pitch_is_held_through_rests_and_zero_before_the_first():
    held = held_pitch(np.array([0, 0, 440, 0, 0, 220, 0], np.float32))
    np.testing.assert_array_equal(held, [0, 0, 440, 440, 440, 220, 220])


def test_a_take_without_labels_is_listened_to(data):
    take = stem(data, "valid")
    truth = np.load(take.labels)["f0_hz"]
    take.labels.unlink()
    heard = gather(data, "violin", 16_000).held_out[0]
    both = (truth > 0) & heard.is_voiced
    assert both.sum() > 0.8 * (truth > 0).sum()
    assert np.median(np.abs(1200 * np.log2(heard.f0_hz[both] / truth[both]))) < 20


@pytest.mark.parametrize("damage", ["truncated", "nan", "labels", "pickle"])
def test_a_damaged_take_is_skipped_by_name(data, damage):
    take = stem(data, "train")
    if damage == "truncated":
        take.audio.write_bytes(take.audio.read_bytes()[:30])
    elif damage == "nan":
        soundfile.write(take.audio, np.full(64_000, np.nan, np.float32), 16_000, subtype="FLOAT")
    elif damage == "labels":
        np.savez(take.labels, f0_hz=np.zeros((2, 400), np.float32), loudness_db=np.zeros(400, np.float32))
    else:
        np.savez(take.labels, f0_hz=np.array([{"run": "me"}], dtype=object), loudness_db=np.zeros(1))
    foreseen = left_out(data, "violin")
    material = gather(data, "violin", 16_000)
    assert len(material.train) == 1
    (skip,) = material.skips
    assert skip.path.stem == "S00"
    assert skip.reason
    assert foreseen == ([] if damage == "nan" else [skip])  # which only decoding finds


def test_what_is_not_there_is_named(data, tmp_path):
    with pytest.raises(ConfigError, match="kazoo"):
        gather(data, "kazoo", 16_000)
    with pytest.raises(DataError, match=r"no take of cello.*violin"):
        gather(data, "cello", 16_000)
    with pytest.raises(DataError, match="no such folder"):
        gather(tmp_path / "nowhere", "violin", 16_000)
    with pytest.raises(DataError, match=r"no take of violin in its valid split \(pieces with one: 1\); three pieces"):
        gather(write_set(tmp_path / "one", splits=("train",)), "violin", 16_000)


def test_two_pieces_are_enough_to_learn_from_one_and_audit_with_the_other(tmp_path):
    material = gather(write_set(tmp_path / "two", splits=("train", "train")), "violin", 16_000)
    assert (len(material.train), len(material.held_out)) == (1, 1)

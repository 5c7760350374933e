"""A run goes on only as the run it was: what changed is named, all of it, and nothing is touched."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from cluster.training.player import train_player
from ensemble.errors import VoiceError
from ensemble.train.player.fit import fit_player as fit
from ensemble.train.player.material import PlayerMaterial, gather
from tests.train.player.test_fit import SMALL
from tests.train.small_set import write_set
from tests.train.teacher import phrase

SHORT = SMALL.model_copy(update={"max_steps": 1})
CHECKPOINT = "checkpoint.safetensors"


def material(*, train=(1, 2), held_out=(3,)) -> PlayerMaterial:
    return PlayerMaterial(train=[phrase(seed) for seed in train], held_out=[phrase(seed) for seed in held_out])


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    out = tmp_path_factory.mktemp("begun")
    fit(SHORT, material(), out)
    return (out / CHECKPOINT).read_bytes()


@pytest.fixture
def out(tmp_path, begun):
    (tmp_path / CHECKPOINT).write_bytes(begun)
    return tmp_path


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"size": "large"}, "size starter, not large"),
        ({"loss": "mel_l1"}, "loss multi_scale, not mel_l1"),
        ({"sample_rate": 48_000}, "sample_rate 16000, not 48000"),
        ({"learning_rate": 1e-4}, "learning_rate 0.002, not 0.0001"),
        ({"instrument": "cello", "seed": 9}, "instrument violin, not cello, seed 0, not 9"),
    ],
)
def test_other_settings_are_named(out, begun, changes, named):
    with pytest.raises(VoiceError, match=f"was made with {named}; train into another folder"):
        fit(SMALL.model_copy(update=changes), material(), out, resume=True)
    assert [path.name for path in out.iterdir()] == [CHECKPOINT]
    assert (out / CHECKPOINT).read_bytes() == begun


@pytest.mark.parametrize("other", [{"train": (1, 4)}, {"train": (1,)}, {"held_out": (4,)}])
def test_other_data_is_named(out, other):
    with pytest.raises(
        VoiceError, match=r"was made with data 0\.20 min in 2 takes \(\w+\), not 0\.\d+ min in [12] take"
    ):
        fit(SMALL, material(**other), out, resume=True)


def test_the_same_data_in_another_order_is_the_same(out):
    budget = {"max_steps": 2, "max_minutes": 7.0, "audit_steps": 1, "patience": 9, "checkpoint_minutes": 5.0}
    assert fit(SMALL.model_copy(update=budget), material(train=(2, 1)), out, resume=True).steps == 2


def test_labels_are_data(tmp_path):
    root = write_set(tmp_path / "set")
    before = gather(root, "violin", 16_000).identity
    labels = min(root.rglob("*.npz"))
    with np.load(labels) as told:
        f0_hz, loudness_db = told["f0_hz"], told["loudness_db"]
    np.savez(labels, f0_hz=f0_hz, loudness_db=loudness_db + np.float32(1.0))
    assert gather(root, "violin", 16_000).identity != before


def test_a_checkpoint_that_tells_less_is_gone_on_from(out, begun):
    """Checkpoints were written before data was part of a run's fingerprint."""
    (length,) = struct.unpack("<Q", begun[:8])
    header = json.loads(begun[8 : 8 + length])
    told = json.loads(header["__metadata__"]["checkpoint"])
    del told["callbacks"]["FitCallback"]["fingerprint"]["data"]
    header["__metadata__"]["checkpoint"] = json.dumps(told)
    text = json.dumps(header).encode()
    (out / CHECKPOINT).write_bytes(struct.pack("<Q", len(text)) + text + begun[8 + length :])
    assert fit(SMALL.model_copy(update={"max_steps": 2}), material(train=(1,)), out, resume=True).steps == 2


def test_a_finished_run_says_so_again(out):
    again = fit(SHORT, material(), out, resume=True)
    assert (again.steps, again.reason) == (1, "all steps were done")


def test_a_damaged_checkpoint_is_refused_before_any_worker_is_asked(out, begun, tmp_path):
    """Without a Ray: the command would have to wait for one."""
    data = write_set(tmp_path / "set")
    for content, complaint in ((begun[: len(begun) // 2], "is not a checkpoint"), (begun, "batch_size 2, not 3")):
        (out / CHECKPOINT).write_bytes(content)
        with pytest.raises(VoiceError, match=complaint):
            train_player(SMALL.model_copy(update={"batch_size": 3}), data, out, num_workers=2, resume=True)


def test_workers_find_a_start_that_is_named_from_here(tmp_path, monkeypatch):
    """Ray gives each a folder of its own."""
    data, seen = write_set(tmp_path / "set"), []
    monkeypatch.setattr("cluster.training.player.on_ray", lambda fit, *_, **__: seen.append(fit))
    monkeypatch.chdir(tmp_path)
    fit(SHORT, material(), tmp_path / "first")
    told = SHORT.model_copy(update={"start": "first/voice.safetensors"})
    train_player(told, data, tmp_path / "then", num_workers=2)
    (tmp_path / "worker").mkdir()
    monkeypatch.chdir(tmp_path / "worker")
    assert seen[0](resume=True).steps == 1

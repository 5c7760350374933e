"""A conductor on disk: read back as written, and refused where anything is wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ensemble.conduct.conductor_file import CONDUCTOR, ConductorWeights
from ensemble.errors import ConductorError
from tests.conduct.small_conductor import small_conductor


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "small.safetensors"
    CONDUCTOR.write(path, small_conductor())
    return path


def test_what_is_written_is_read(path):
    read = CONDUCTOR.read(path)
    for name, tensor in small_conductor().tensors.items():
        np.testing.assert_array_equal(read.tensors[name], tensor.astype(np.float16).astype(np.float32))
    assert read.card.balance_db == small_conductor().card.balance_db
    assert CONDUCTOR.sha256_of(str(path)) == read.card.weights_sha256
    assert CONDUCTOR.sha256_of("leader-gain") is None


def test_writing_it_again_gives_the_same_bytes(path, tmp_path):
    again = tmp_path / "again.safetensors"
    CONDUCTOR.write(again, small_conductor())
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"weights_sha256": "0" * 64}, "sha256 differs"),
        ({"format_version": 9}, "conductor format 9"),
        ({"width": 24}, "tensor"),
        ({"heads": 3}, "3 heads"),
        ({"num_rows": 7}, "7 rows"),
        ({"instruments": ["cello"]}, "tensor instrument.weight"),
        ({"colour": "red"}, "unknown key 'colour'"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(path, change, problem):
    card = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(card | change))
    with pytest.raises(ConductorError, match=problem):
        CONDUCTOR.read(path)


def test_damage_is_refused(path):
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(ConductorError, match="sha256 differs"):
        CONDUCTOR.read(path)
    path.unlink()
    with pytest.raises(ConductorError, match="cannot be read"):
        CONDUCTOR.read(path)
    with pytest.raises(ConductorError, match="is not a conductor"):
        CONDUCTOR.read(path.with_suffix(".onnx"))


def test_weights_that_are_not_finite_are_never_written(tmp_path):
    sick = small_conductor()
    tensors = dict(sick.tensors)
    tensors["level.bias"] = np.full(5, np.nan, np.float32)
    with pytest.raises(ConductorError, match="not finite"):
        CONDUCTOR.write(tmp_path / "sick.safetensors", ConductorWeights(card=sick.card, tensors=tensors))
    assert list(tmp_path.iterdir()) == []

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from ensemble.errors import VoiceError
from ensemble.play.seeded import seeded_voice
from ensemble.play.voice_file import VOICE, VoiceWeights


@pytest.fixture
def voice():
    return seeded_voice(3, "flute")


@pytest.fixture
def path(tmp_path, voice) -> Path:
    VOICE.write(tmp_path / "flute.safetensors", voice)
    return tmp_path / "flute.safetensors"


def rewrite_card(path, **changes):
    card = path.with_suffix(".json")
    card.write_text(json.dumps(json.loads(card.read_text()) | changes))


def test_a_voice_comes_back_as_it_was_saved(path, voice):
    again = VOICE.read(path)
    assert again.card.instrument == "flute"
    assert again.tensors.keys() == voice.tensors.keys()
    for name, tensor in voice.tensors.items():
        np.testing.assert_array_equal(again.tensors[name], tensor)
    assert again.card.weights_sha256 == VOICE.sha256_of(str(path))


def test_voices_without_a_file_have_no_digest():
    assert VOICE.sha256_of("naive") is None
    assert VOICE.sha256_of("seeded") is None


def test_a_starter_voice_is_small(voice):
    assert sum(np.prod(shape) for shape in VOICE.shapes(voice.card).values()) < 600_000


@pytest.mark.parametrize("missing", [".safetensors", ".json"])
def test_a_missing_file_is_named(path, missing):
    path.with_suffix(missing).unlink()
    with pytest.raises(VoiceError, match=rf"flute\{missing}.*cannot be read"):
        VOICE.read(path)


@pytest.mark.parametrize("name", ["voice.pt", "voice.ckpt", "violin"])
def test_other_files_are_refused_unopened(tmp_path, name):
    with pytest.raises(VoiceError, match="is not a voice"):
        VOICE.read(tmp_path / name)
    with pytest.raises(VoiceError, match="is not a voice"):
        VOICE.sha256_of(str(tmp_path / name))


@pytest.mark.parametrize("name", VOICE.built_in)
def test_what_is_built_in_has_no_file(name):
    with pytest.raises(VoiceError, match="is built in and has learned nothing; choose a shipped voice"):
        VOICE.load(name)


def test_a_pickle_under_a_false_name_is_not_loaded(path):
    path.write_bytes(pickle.dumps({"a": 1}))
    rewrite_card(path, weights_sha256=VOICE.sha256_of(str(path)))
    with pytest.raises(VoiceError, match="not a safetensors file"):
        VOICE.read(path)


def test_other_weights_than_the_cards_are_refused(path):
    path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\0")
    with pytest.raises(VoiceError, match="sha256 differs"):
        VOICE.read(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 99}, "voice format 99"),
        ({"hidden": 256}, "it must be"),
        ({"layers": 4}, "_l3 is missing"),
        ({"num_harmonics": 60}, "60 harmonics"),
        ({"f0_scale_midi": 0}, "f0_scale_midi"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(path, changes, message):
    rewrite_card(path, **changes)
    with pytest.raises(VoiceError, match=message):
        VOICE.read(path)


def test_a_card_that_is_not_json_is_refused(path):
    path.with_suffix(".json").write_text("instrument: flute")
    with pytest.raises(VoiceError, match="is not JSON"):
        VOICE.read(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop("norm.bias"), "norm.bias is missing"),
        (lambda tensors: tensors.update(extra=np.zeros(3, np.float32)), "extra is not part of a voice"),
        (lambda tensors: tensors.update({"norm.bias": np.full(128, np.nan, np.float32)}), "not finite"),
        (lambda tensors: tensors.update({"norm.bias": np.zeros(128, np.float64)}), "float64"),
    ],
)
def test_broken_tensors_are_refused_on_the_way_in_and_out(path, voice, change, message):
    tensors = dict(voice.tensors)
    change(tensors)
    save_file(tensors, path)
    rewrite_card(path, weights_sha256=VOICE.sha256_of(str(path)))
    with pytest.raises(VoiceError, match=message):
        VOICE.read(path)
    with pytest.raises(VoiceError, match=message):
        VOICE.write(path, VoiceWeights(card=voice.card, tensors=tensors))

"""A run on disk: whole or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

from ensemble.errors import OutputError, VoiceError
from ensemble.files.replace import write_output
from ensemble.play.seeded import seeded_voice
from ensemble.play.voice_file import VOICE, VoiceWeights
from ensemble.train.checkpoints import SafetensorsIO, check_run, read_state
from ensemble.train.pace import FitState

FACTS = {"state": {"step": 5, "rows": [{"held_out": 0.25}], "best_loss": 0.25}, "fingerprint": {"seed": "0"}}


def checkpoint(seed: int) -> dict[str, object]:
    """What Lightning hands over: names of three kinds, numbers as keys, tensors at any depth."""
    torch.manual_seed(seed)
    network = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(network.parameters(), 0.1)
    network(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return {
        "state_dict": network.state_dict(),
        "optimizer_states": [optimizer.state_dict()],
        "callbacks": {"FitCallback": FACTS, "EarlyStopping": {"best_score": torch.tensor(torch.inf)}},
    }


def full_disk(path: Path):
    """A disk that fills up while a file is written: what was written so far stays cut short."""

    def write(self, *_):
        raise OSError(errno.ENOSPC, "No space left on device")

    return write


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    written = checkpoint(0)
    SafetensorsIO().save_checkpoint(written, tmp_path / "run")
    read = SafetensorsIO().load_checkpoint(tmp_path / "run")
    assert read["callbacks"]["EarlyStopping"]["best_score"] == torch.inf
    (ours,), (theirs,) = read["optimizer_states"], written["optimizer_states"]
    assert ours["state"].keys() == theirs["state"].keys() == {0, 1}
    for name, moment in theirs["state"][0].items():
        assert torch.equal(ours["state"][0][name], moment)
    for name, tensor in written["state_dict"].items():
        assert torch.equal(read["state_dict"][name], tensor)
    assert read_state(tmp_path / "run") == FitState(step=5, rows=[{"held_out": 0.25}], best_loss=0.25)


def test_a_run_with_other_settings_is_refused(tmp_path):
    SafetensorsIO().save_checkpoint(checkpoint(0), tmp_path / "run")
    check_run(tmp_path / "run", {"seed": "0", "not told then": "1"})
    with pytest.raises(VoiceError, match="seed 0, not 1"):
        check_run(tmp_path / "run", {"seed": "1"})


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickle", b"cut short"])
def test_what_is_no_checkpoint_is_refused(tmp_path, content):
    SafetensorsIO().save_checkpoint(checkpoint(0), tmp_path / "run")
    whole = (tmp_path / "run").read_bytes()
    (tmp_path / "run").write_bytes(whole[: len(whole) // 2] if content == b"cut short" else content)
    for read in (SafetensorsIO().load_checkpoint, read_state):
        with pytest.raises(VoiceError, match="not a checkpoint"):
            read(tmp_path / "run")


def test_a_checkpoint_of_the_first_release_is_refused_in_one_line(tmp_path):
    facts = {"state": '{"step": 5, "stage": "spectral"}', "fingerprint": "{}"}
    (tmp_path / "run").write_bytes(save({"weights/norm.weight": torch.ones(3)}, metadata=facts))
    with pytest.raises(VoiceError, match="is the checkpoint of another release; train into another folder"):
        check_run(tmp_path / "run", {})


def test_a_full_disk_leaves_the_last_file(tmp_path, monkeypatch):
    write_output(tmp_path / "file", b"the last good one")
    monkeypatch.setattr("os.fsync", full_disk(tmp_path))
    with pytest.raises(OutputError, match="No space left"):
        write_output(tmp_path / "file", b"the next one")
    assert (tmp_path / "file").read_bytes() == b"the last good one"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_leaves_the_last_voice(tmp_path, monkeypatch):
    path = tmp_path / "voice.safetensors"
    first = seeded_voice(1, "flute")
    VOICE.write(path, first)
    monkeypatch.setattr("os.fsync", full_disk(tmp_path))
    with pytest.raises(VoiceError, match="No space left"):
        VOICE.write(path, seeded_voice(2, "flute"))
    monkeypatch.undo()
    np.testing.assert_array_equal(VOICE.read(path).tensors["norm.weight"], first.tensors["norm.weight"])
    assert {file.name for file in tmp_path.iterdir()} == {"voice.safetensors", "voice.json"}


def test_half_floats_halve_the_file_and_keep_the_voice(tmp_path):
    voice = seeded_voice(1, "flute")
    VOICE.write(tmp_path / "whole.safetensors", voice)
    half = voice.card.model_copy(update={"storage": "float16"})
    VOICE.write(tmp_path / "half.safetensors", VoiceWeights(card=half, tensors=voice.tensors))
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("whole", "half")]
    assert sizes[1] < 0.55 * sizes[0]
    assert sizes[1] * 8 < 10e6
    again = VOICE.read(tmp_path / "half.safetensors")
    for name, tensor in voice.tensors.items():
        assert again.tensors[name].dtype == np.float32
        np.testing.assert_allclose(again.tensors[name], tensor, rtol=1e-3, atol=1e-6)


def test_a_card_that_says_another_storage_is_refused(tmp_path):
    path = tmp_path / "voice.safetensors"
    VOICE.write(path, seeded_voice(1, "flute"))
    card = path.with_suffix(".json")
    card.write_text(card.read_text().replace('"float32"', '"float16"'))
    with pytest.raises(VoiceError, match="its card says float16"):
        VOICE.read(path)

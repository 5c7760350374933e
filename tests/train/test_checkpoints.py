"""A run on disk: whole or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
import torch

from ensemble.errors import OutputError, VoiceError
from ensemble.files.replace import write_output
from ensemble.play.seeded import seeded_voice
from ensemble.play.voice_file import VoiceWeights, load_voice, save_voice
from ensemble.train.checkpoints import load_run, save_run
from ensemble.train.pace import RunState

FINGERPRINT = {"instrument": "violin", "seed": "0"}


def taught(seed: int, steps: int) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    network = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(network.parameters(), 0.1)
    teach(network, optimizer, range(steps))
    return network, optimizer


def teach(network, optimizer, steps) -> None:
    for step in steps:
        optimizer.zero_grad()
        (network(torch.full((1, 3), float(step))) ** 2).sum().backward()
        optimizer.step()


def full_disk(path: Path):
    """A disk that fills up while a file is written: what was written so far stays cut short."""

    def write(self, *_):
        raise OSError(errno.ENOSPC, "No space left on device")

    return write


def test_a_run_goes_on_exactly_where_it_stood(tmp_path):
    network, optimizer = taught(0, 5)
    state = RunState(step=5, seconds=3.5, stage="regression", rows=[{"step": 5.0, "held_out": 0.25}], best_loss=0.25)
    save_run(tmp_path / "run", network, optimizer, state, FINGERPRINT)
    teach(network, optimizer, range(5, 9))

    other, its_optimizer = taught(1, 0)
    assert load_run(tmp_path / "run", other, its_optimizer, FINGERPRINT) == state
    teach(other, its_optimizer, range(5, 9))
    for ours, theirs in zip(other.parameters(), network.parameters(), strict=True):
        np.testing.assert_array_equal(ours.detach(), theirs.detach())


def test_a_run_of_another_voice_is_refused(tmp_path):
    network, optimizer = taught(0, 1)
    save_run(tmp_path / "run", network, optimizer, RunState(), FINGERPRINT)
    with pytest.raises(VoiceError, match="instrument violin, not cello"):
        load_run(tmp_path / "run", network, optimizer, FINGERPRINT | {"instrument": "cello"})


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickle", b"cut short"])
def test_what_is_no_checkpoint_is_refused(tmp_path, content):
    network, optimizer = taught(0, 1)
    save_run(tmp_path / "run", network, optimizer, RunState(), FINGERPRINT)
    whole = (tmp_path / "run").read_bytes()
    (tmp_path / "run").write_bytes(whole[: len(whole) // 2] if content == b"cut short" else content)
    with pytest.raises(VoiceError, match="not a checkpoint"):
        load_run(tmp_path / "run", network, optimizer, FINGERPRINT)


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
    save_voice(path, first)
    monkeypatch.setattr("os.fsync", full_disk(tmp_path))
    with pytest.raises(VoiceError, match="No space left"):
        save_voice(path, seeded_voice(2, "flute"))
    monkeypatch.undo()
    np.testing.assert_array_equal(load_voice(path).tensors["norm.weight"], first.tensors["norm.weight"])
    assert {file.name for file in tmp_path.iterdir()} == {"voice.safetensors", "voice.json"}


def test_half_floats_halve_the_file_and_keep_the_voice(tmp_path):
    voice = seeded_voice(1, "flute")
    save_voice(tmp_path / "whole.safetensors", voice)
    half = voice.card.model_copy(update={"storage": "float16"})
    save_voice(tmp_path / "half.safetensors", VoiceWeights(card=half, tensors=voice.tensors))
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("whole", "half")]
    assert sizes[1] < 0.55 * sizes[0]
    assert sizes[1] * 8 < 10e6
    again = load_voice(tmp_path / "half.safetensors")
    for name, tensor in voice.tensors.items():
        assert again.tensors[name].dtype == np.float32
        np.testing.assert_allclose(again.tensors[name], tensor, rtol=1e-3, atol=1e-6)


def test_a_card_that_says_another_storage_is_refused(tmp_path):
    path = tmp_path / "voice.safetensors"
    save_voice(path, seeded_voice(1, "flute"))
    card = path.with_suffix(".json")
    card.write_text(card.read_text().replace('"float32"', '"float16"'))
    with pytest.raises(VoiceError, match="its card says float16"):
        load_voice(path)

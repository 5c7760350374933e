"""A whole run, small: it learns, it goes on where it was killed, and refuses what it cannot learn from."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ensemble.errors import ConfigError, DataError, EnsembleError, VoiceError
from ensemble.play.inharmonicity import Inharmonicity
from ensemble.play.seeded import seeded_voice
from ensemble.play.voice_file import VOICE
from ensemble.play.voice_kernel import NeuralVoice
from ensemble.train.checkpoints import SafetensorsIO
from ensemble.train.player.analysis import analyse
from ensemble.train.player.fit import fit_player as fit
from ensemble.train.player.material import PlayerMaterial
from ensemble.train.player.settings import TrainPlayerSettings
from ensemble.train.player.stiffness import measure_inharmonicity
from tests.train.teacher import phrase

SMALL = TrainPlayerSettings(
    sample_rate=16_000, batch_size=2, crop_frames=50, warmup_frames=20, max_steps=8, max_minutes=60.0,
    regression_share=0.5, audit_steps=4, audit_crops=3, checkpoint_minutes=1e-6, device="cpu",
)  # fmt: skip


@pytest.fixture(scope="module")
def material() -> PlayerMaterial:
    return PlayerMaterial(train=[phrase(1), phrase(2)], held_out=[phrase(3)], provenance="phrases", licence="ours")


def weights(folder: Path) -> np.ndarray:
    voice = VOICE.read(folder / "voice.safetensors")
    return np.concatenate([voice.tensors[name].ravel() for name in sorted(voice.tensors)])


@pytest.mark.parametrize("loss", ["multi_scale", "mel_l1"])
def test_the_distance_to_held_out_pieces_falls(tmp_path, material, loss):
    longer = {"loss": loss, "max_steps": 40, "audit_steps": 10, "regression_share": 0.25, "rise_steps": 5}
    result = fit(SMALL.model_copy(update=longer), material, tmp_path)
    rows = list(csv.DictReader((tmp_path / "curve.csv").read_text().splitlines()))
    assert [float(row["step"]) for row in rows] == [10, 20, 30, 40]
    assert result.steps == 40
    if loss == "multi_scale":
        assert float(rows[-1]["held_out"]) < 0.8 * float(rows[0]["held_out"])
    assert result.best_loss == pytest.approx(min(float(row["held_out"]) for row in rows), rel=1e-4)
    card = VOICE.read(tmp_path / "voice.safetensors").card
    assert (card.storage, card.licence, card.trained_sample_rate) == ("float16", "ours", 16_000)
    assert "phrases" in card.training_data
    assert (tmp_path / "curve.png").stat().st_size > 5000


def test_a_voice_goes_on_from_another(tmp_path, material):
    fit(SMALL.model_copy(update={"max_steps": 2}), material, tmp_path / "first")
    start = str(tmp_path / "first" / "voice.safetensors")
    still = SMALL.model_copy(update={"start": start, "max_steps": 1, "audit_steps": 1, "learning_rate": 1e-12})
    fit(still, material, tmp_path / "then")
    np.testing.assert_array_equal(weights(tmp_path / "then"), weights(tmp_path / "first"))
    card = VOICE.read(tmp_path / "then" / "voice.safetensors").card
    assert card.training_data.count("phrases") == 2
    assert card.recipe.endswith(f"from {start}")
    (row,) = csv.DictReader((tmp_path / "then" / "curve.csv").read_text().splitlines())
    assert float(row["stage"]) == 2  # what it knows is not regressed again
    for other in ({"instrument": "cello"}, {"size": "large"}):
        with pytest.raises(ConfigError, match="is a voice for the violin, size starter"):
            fit(still.model_copy(update=other), material, tmp_path / "other")


def test_a_run_goes_on_without_the_voice_it_began_with(tmp_path, material):
    fit(SMALL.model_copy(update={"max_steps": 1}), material, tmp_path / "first")
    first = tmp_path / "first" / "voice.safetensors"
    went_on = SMALL.model_copy(update={"start": str(first), "max_steps": 1, "audit_steps": 1})
    fit(went_on, material, tmp_path / "then")
    checkpoint = tmp_path / "then" / "checkpoint.safetensors"
    card = SafetensorsIO().load_checkpoint(checkpoint)["card"]
    assert card["training_data"].count("phrases") == 2
    first.unlink()
    assert fit(went_on.model_copy(update={"max_steps": 3}), material, tmp_path / "then", resume=True).steps == 3
    assert SafetensorsIO().load_checkpoint(checkpoint)["card"] == card


def test_a_start_keeps_its_stretched_partials_where_no_held_note_tells(tmp_path):
    name = Path("start.safetensors")
    known = Inharmonicity(pitch_midi=(60.0,), coefficient=(4e-4,))
    piano = seeded_voice(1, "piano")
    VOICE.write(tmp_path / name, replace(piano, card=piano.card.model_copy(update={"inharmonicity": known})))
    told = SMALL.model_copy(update={"instrument": "piano", "start": str(name), "max_steps": 1, "audit_steps": 1})
    plain = PlayerMaterial(train=[phrase(1)], held_out=[phrase(3)], provenance="phrases", licence="ours")
    assert measure_inharmonicity(plain.train) is None
    fit(told, plain, tmp_path / "then", folder=tmp_path)
    assert VOICE.read(tmp_path / "then" / "voice.safetensors").card.inharmonicity == known
    with pytest.raises(ConfigError, match="fundamental: goes with partials that are whole multiples"):
        fit(told.model_copy(update={"fundamental": 0.5}), plain, tmp_path / "halves", folder=tmp_path)


def test_an_organ_learns_at_half_the_pitch(tmp_path, material):
    halves = SMALL.model_copy(update={"fundamental": 0.5, "max_steps": 1, "audit_steps": 1})
    fit(halves, material, tmp_path / "half")
    prepared = {one.name: analyse(one) for one in (*material.train, *material.held_out)}
    fit(halves, replace(material, analyses=prepared), tmp_path / "prepared")
    np.testing.assert_array_equal(weights(tmp_path / "prepared"), weights(tmp_path / "half"))
    low = [replace(one, f0_hz=one.f0_hz / np.float32(2)) for one in (*material.train, *material.held_out)]
    fit(
        halves.model_copy(update={"fundamental": None}),
        replace(material, train=low[:2], held_out=low[2:]),
        tmp_path / "low",
    )
    np.testing.assert_array_equal(weights(tmp_path / "half"), weights(tmp_path / "low"))
    half, lower = (VOICE.read(tmp_path / run / "voice.safetensors").card for run in ("half", "low"))
    assert (half.fundamental, lower.fundamental) == (0.5, 1.0)
    assert half.learned.pitch_midi[1] == pytest.approx(lower.learned.pitch_midi[1] + 12, abs=0.11)
    start = str(tmp_path / "half" / "voice.safetensors")
    fit(SMALL.model_copy(update={"start": start, "max_steps": 1, "audit_steps": 1}), material, tmp_path / "then")
    assert VOICE.read(tmp_path / "then" / "voice.safetensors").card.fundamental == 0.5


def test_a_voice_goes_on_at_half_the_pitch_as_it_sounded(tmp_path, material):
    known = seeded_voice(3, "violin")
    VOICE.write(tmp_path / "known.safetensors", known)
    still = SMALL.model_copy(
        update={"start": str(tmp_path / "known.safetensors"), "max_steps": 1, "audit_steps": 1, "learning_rate": 1e-12}
    )
    fit(still.model_copy(update={"fundamental": 0.5}), material, tmp_path / "half")
    lower = VOICE.read(tmp_path / "half" / "voice.safetensors")
    f0_hz, loudness_db = (np.full((1, 50), one, np.float32) for one in (440.0, -20.0))
    before, after = (
        voice.controls(f0_hz * np.float32(voice.fundamental), loudness_db, voice.hidden()[None])[0]
        for voice in (NeuralVoice(known), NeuralVoice(lower))
    )
    np.testing.assert_allclose(after.amplitude, before.amplitude, rtol=0.02)
    np.testing.assert_allclose(after.harmonics[0, :, 1::2].sum(axis=1), 1.0, atol=0.02)
    kept = before.harmonics[..., :50] / before.harmonics[..., :50].sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(after.harmonics[..., 1::2], kept, rtol=0.05)
    with pytest.raises(ConfigError, match="and the voice has 1"):
        fit(still.model_copy(update={"fundamental": 0.3}), material, tmp_path / "third")


def test_two_runs_are_one_run(tmp_path, material):
    fit(SMALL, material, tmp_path / "whole")

    class Enough(BaseException):
        pass

    def stop_after_five(state):
        if state.step == 5:
            raise Enough

    with pytest.raises(Enough):
        fit(SMALL, material, tmp_path / "cut", on_step=stop_after_five)
    assert fit(SMALL, material, tmp_path / "cut", resume=True).steps == 8
    np.testing.assert_array_equal(weights(tmp_path / "whole"), weights(tmp_path / "cut"))
    curves = [(tmp_path / run / "curve.csv").read_text().splitlines() for run in ("whole", "cut")]
    assert [line.split(",")[0] for line in curves[0]] == [line.split(",")[0] for line in curves[1]]


KILLED = """
from pathlib import Path
from tests.train.player.test_fit import SMALL, fit, phrase, PlayerMaterial
material = PlayerMaterial(train=[phrase(1), phrase(2)], held_out=[phrase(3)])
settings = SMALL.model_copy(update={{"max_steps": 100_000, "audit_steps": 1000}})
fit(settings, material, Path({out!r}), on_step=lambda state: print(state.step, flush=True))
"""


def test_a_killed_run_loses_one_interval_at_most(tmp_path, material):
    code = KILLED.format(out=str(tmp_path))
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[3], stdout=subprocess.PIPE, text=True
    ) as process:
        told = 0
        while told < 12:  # every step is an interval here
            told = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        told = max([told, *(int(line) for line in process.stdout.read().split())])
    seen = []
    settings = SMALL.model_copy(update={"max_steps": told + 3})
    result = fit(settings, material, tmp_path, resume=True, on_step=lambda state: seen.append(state.step))
    assert seen[0] in {told, told + 1, told + 2}
    assert result.steps == told + 3


def test_a_full_disk_ends_the_run_in_one_sentence(tmp_path, material, monkeypatch):
    fit(SMALL.model_copy(update={"max_steps": 4}), material, tmp_path)
    kept = {path.name: path.read_bytes() for path in tmp_path.glob("*.safetensors")}

    def no_room(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(EnsembleError, match=r"checkpoint.*No space left on device.*--resume"):
        fit(SMALL, material, tmp_path, resume=True)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == kept["checkpoint.safetensors"]
    assert not list(tmp_path.glob("*.part"))


def test_minutes_end_a_run(tmp_path, material):
    result = fit(SMALL.model_copy(update={"max_minutes": 1e-4}), material, tmp_path)
    assert result.steps == 1
    assert result.reason == "time limit reached"


def test_a_run_that_no_longer_improves_ends(tmp_path, material):
    still = {"learning_rate": 1e-12, "regression_share": 0.0, "audit_steps": 1, "patience": 3, "max_steps": 50}
    result = fit(SMALL.model_copy(update=still), material, tmp_path)
    assert result.steps < 20
    assert "nothing improved" in result.reason


def test_a_folder_with_a_run_is_not_overwritten(tmp_path, material):
    fit(SMALL.model_copy(update={"max_steps": 1}), material, tmp_path)
    with pytest.raises(ConfigError, match="--resume"):
        fit(SMALL, material, tmp_path)
    with pytest.raises(VoiceError, match="was made with instrument violin, not cello"):
        fit(SMALL.model_copy(update={"instrument": "cello"}), material, tmp_path, resume=True)


@pytest.mark.parametrize(("empty", "named"), [("train", "training split"), ("held_out", "validation split")])
def test_an_empty_split_is_refused(tmp_path, empty, named):
    given = {"train": [phrase(1)], "held_out": [phrase(2)]} | {empty: []}
    with pytest.raises(DataError, match=named):
        fit(SMALL, PlayerMaterial(**given), tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused(tmp_path, material):
    with pytest.raises(ConfigError, match="torch sees no GPU"):
        fit(SMALL.model_copy(update={"device": "cuda"}), material, tmp_path)


def test_the_clock_of_a_run_is_cpu_time(tmp_path, material, monkeypatch):
    """Time asleep teaches nothing and costs nothing."""
    began = time.monotonic()
    result = fit(SMALL, material, tmp_path, on_step=lambda _: time.sleep(0.2))
    assert time.monotonic() - began > 1.6
    assert result.minutes * 60 < time.monotonic() - began - 1.4

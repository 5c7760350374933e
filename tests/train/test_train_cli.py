"""The commands, as people type them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time

import psutil
import pytest
import yaml

from ensemble.config import parse
from ensemble.play.voice_file import VOICE
from ensemble.train.checkpoints import read_state
from ensemble.train.player.settings import TrainPlayerSettings
from tests.train.player.test_fit import SMALL
from tests.train.small_set import write_set
from tests.typed import ensemble

ROOT = __import__("pathlib").Path(__file__).parents[2]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("data") / "set")


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(SMALL.model_dump()))
    return path


def test_the_shipped_settings_are_the_defaults():
    shipped = yaml.safe_load((ROOT / "configs" / "train_player.yaml").read_text())
    assert parse(TrainPlayerSettings, shipped, "train_player.yaml") == TrainPlayerSettings()


@pytest.mark.slow
def test_train_go_on_and_evaluate(data, config, tmp_path):
    out = tmp_path / "run"
    train = ("train", "player", "--config", config, "--instrument", "violin", "--data", data, "--out", out, "--json")
    first = ensemble(*train)
    assert first.exit_code == 0, first.output
    assert json.loads(first.stdout)["steps"] == 8
    card = VOICE.read(out / "voice.safetensors").card
    assert "train player" in card.command
    assert "may be shipped" in card.licence

    assert "holds a run already" in str(ensemble(*train).exception)
    again = ensemble(*train, "--resume", "--max-steps", 10)
    assert json.loads(again.stdout)["steps"] == 10

    measured = ensemble(
        "evaluate", "player", out / "voice.safetensors", "--data", data, "--json", "--pictures", tmp_path
    )
    assert measured.exit_code == 0, measured.output
    (figures,) = json.loads(measured.stdout)
    assert figures["voice"] == "violin"
    assert figures["mss_naive"] == figures["baselines"]["naive"]["mss"] > 0
    assert (tmp_path / "violin.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("instrumnt: violin", "unknown key 'instrumnt'"), ("batch_size: 0", "batch_size"), ("- a list", "not a mapping")],
)
def test_a_wrong_setting_is_named(tmp_path, data, text, complaint):
    (tmp_path / "wrong.yaml").write_text(text)
    result = ensemble("train", "player", "--config", tmp_path / "wrong.yaml", "--data", data, "--out", tmp_path / "run")
    assert result.exit_code == 1
    assert complaint in str(result.exception)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_two_recipes_stand_side_by_side(data, config, tmp_path):
    """Both losses and both sizes train, play and are measured by the same figures."""
    recipes = {"multi_scale": "starter", "mel_l1": "large"}
    voices = [tmp_path / loss / "voice.safetensors" for loss in recipes]
    for (loss, size), voice in zip(recipes.items(), voices, strict=True):
        small = {"loss": loss, "size": size, "max_steps": 2, "audit_steps": 2}
        config.write_text(yaml.safe_dump(SMALL.model_dump() | small))
        done = ensemble("train", "player", "--config", config, "--data", data, "--out", voice.parent)
        assert done.exit_code == 0, done.output
        card = VOICE.read(voice).card
        assert (card.size, card.hidden) == (size, {"starter": 128, "large": 512}[size])
    measured = ensemble("evaluate", "player", *voices, "--data", data, "--json")
    assert measured.exit_code == 0, measured.output
    figures = json.loads(measured.stdout)
    assert [one["path"] for one in figures] == [str(voice) for voice in voices]
    first, second = figures
    assert first["mss_naive"] == second["mss_naive"]
    assert first["mss"] != second["mss"]
    assert first.keys() == second.keys()
    for one in figures:
        assert 0 < one["mss"] < one["baselines"]["silence"]["mss"] * 10
        assert one["peak"] > 1e-4


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    family = psutil.Process(process.pid).children(recursive=True)
    return [one for one in family if one.cmdline()[:1] and "RayTrainWorker" in one.cmdline()[0]]


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(900)
def test_two_workers_train_one_voice_though_one_is_killed(data, config, tmp_path):
    out = tmp_path / "run"
    arguments = ("train", "player", "--config", config, "--data", data, "--out", out, "--workers", 2)
    config.write_text(yaml.safe_dump(SMALL.model_dump() | {"max_steps": 16, "audit_steps": 16}))
    command = [sys.executable, "-m", "cluster", *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not (out / "checkpoint.safetensors").exists():
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        family = psutil.Process(process.pid).children(recursive=True)
        team = workers_of(process)
        assert len(team) == 2
        team[-1].kill()
        printed, told = process.communicate(timeout=800)
    assert process.returncode == 0, told
    assert re.search(r"worker \d died; going on from step [1-9]", told), told
    assert "violin: 16 steps" in printed
    assert VOICE.read(out / "voice.safetensors").card.instrument == "violin"
    assert read_state(out / "checkpoint.safetensors").step == 16
    assert not psutil.wait_procs(family, timeout=60.0)[1]
    assert not (out / "ray").exists()

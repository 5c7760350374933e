"""The commands, as people type them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import yaml
from small_set import write_set
from test_fit import SMALL

from ensemble.config import parse
from ensemble.play.checkpoint import load_voice
from ensemble.train.settings import TrainPlayerSettings

ROOT = __import__("pathlib").Path(__file__).parents[2]


def ensemble(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cluster", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


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


def test_train_go_on_and_evaluate(data, config, tmp_path):
    out = tmp_path / "run"
    train = ("train", "player", "--config", config, "--instrument", "violin", "--data", data, "--out", out, "--json")
    first = ensemble(*train)
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["steps"] == 8
    card = load_voice(out / "voice.safetensors").card
    assert "train player" in card.command
    assert "may be shipped" in card.licence

    assert ensemble(*train).returncode == 1
    again = ensemble(*train, "--resume", "--max-steps", 10)
    assert json.loads(again.stdout)["steps"] == 10

    measured = ensemble(
        "evaluate", "player", out / "voice.safetensors", "--data", data, "--json", "--pictures", tmp_path
    )
    assert measured.returncode == 0, measured.stderr
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
    assert result.returncode == 1
    assert complaint in result.stderr
    assert len(result.stderr.strip().splitlines()[-1:]) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.ray
def test_two_workers_train_one_voice(data, config, tmp_path):
    out = tmp_path / "run"
    result = ensemble(
        "train", "player", "--config", config, "--instrument", "violin", "--data", data, "--out", out, "--workers", 2,
        "--json",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["steps"] == 8
    assert load_voice(out / "voice.safetensors").card.instrument == "violin"
    assert (out / "checkpoint.safetensors").is_file()

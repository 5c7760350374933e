"""`ensemble data` as a stranger meets it: what it prints, what it refuses, how it ends."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

ENSEMBLE = str(Path(sys.executable).parent / "ensemble")


def data(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [ENSEMBLE, "data", *(str(argument) for argument in arguments)]
    surroundings = os.environ | {"COLUMNS": "80"} | environment
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=200, env=surroundings)


@pytest.fixture
def slakh(tmp_path: Path) -> Path:
    """A track with one tone 30 cents sharp, one silent stem, and one that is missing."""
    root = tmp_path / "babyslakh_16k"
    track = root / "Track00001"
    (track / "stems").mkdir(parents=True)
    t = np.arange(3 * 16_000) / 16_000
    sharp = 0.2 * sum(np.sin(2 * np.pi * number * 220 * 2 ** (30 / 1200) * t) / number for number in (1, 2, 3))
    soundfile.write(track / "stems" / "S00.wav", sharp, 16_000)
    soundfile.write(track / "stems" / "S01.wav", 0 * t, 16_000)
    stems = {f"S{number:02}": {"program_num": 42, "is_drum": False, "inst_class": "Strings"} for number in range(3)}
    (track / "metadata.yaml").write_text(yaml.safe_dump({"stems": stems}))
    return root


def test_an_inspection_says_what_there_is_and_what_is_wrong(slakh: Path) -> None:
    done = data("inspect", slakh)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"{slakh}: slakh"
    assert "1 in 1 pieces, 2 skipped" in done.stdout
    assert any(re.match(r"cello .*\+(29|30|31) ", line) for line in lines)
    assert "skipped: Track00001/stems/S02: has no audio file" in done.stdout
    assert "skipped: Track00001/stems/S01.wav: is silent throughout" in done.stdout
    assert re.search(r"to look at: Track00001/S00: tuned \+(29|30|31) cents", done.stdout)
    assert "not to be shipped" in done.stdout


def test_an_inspection_for_programs(slakh: Path) -> None:
    done = data("inspect", slakh, "--json", "--seconds", "1")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert report["dataset"] == "slakh"
    assert report["max_seconds_per_take"] == 1.0
    assert report["takes"][0]["heard_s"] == pytest.approx(1.0, abs=0.02)
    assert report["takes"][0]["tuning_cents"] == pytest.approx(30, abs=3)
    assert [(doubt["piece"], doubt["part"], doubt["kind"]) for doubt in report["doubts"]] == [
        ("Track00001", "S00", "tuning")
    ]


def test_nothing_usable_ends_with_one_and_still_says_why(slakh: Path) -> None:
    (slakh / "Track00001" / "stems" / "S00.wav").write_text("no sound")
    done = data("inspect", slakh, "--json")
    assert done.returncode == 1
    assert not json.loads(done.stdout)["is_usable"]
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"ensemble: {slakh}: nothing in it can be used: ")
    assert "cannot be decoded" in last
    assert "Traceback" not in done.stderr


def test_preparing_again_does_nothing_and_says_what_it_passed_over(slakh: Path, tmp_path: Path) -> None:
    prepare = ("prepare", slakh, "--out", tmp_path / "cache", "--rate", "16000", "--local", "--json")
    first, again = (json.loads(data(*prepare).stdout) for _ in range(2))
    assert (first["new"], first["kept"], again["new"], again["kept"]) == (1, 0, 0, 1)
    assert first["sound_s"] == pytest.approx(3.0, abs=0.02)
    assert first["sound_s_per_s"] > 0
    reasons = {Path(skip["path"]).stem: skip["reason"] for skip in first["skips"]}
    assert reasons["S02"].startswith("has no audio file")
    assert "silent" in reasons["S01"]
    assert data("prepare", slakh, "--out", tmp_path / "cache", "--local", "--jobs", "2").returncode == 1


def test_nothing_to_prepare_ends_with_one_and_says_why(slakh: Path, tmp_path: Path) -> None:
    (slakh / "Track00001" / "stems" / "S00.wav").write_text("no sound")
    done = data("prepare", slakh, "--out", tmp_path / "cache", "--local")
    assert done.returncode == 1
    assert "nothing in it can be prepared: " in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    (tmp_path / "file").write_text("")
    done = data("prepare", slakh, "--out", tmp_path / "file" / "cache", "--local")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("kind", ["absent", "file", "empty", "strange"])
def test_what_is_no_data_set_gets_one_line(kind: str, tmp_path: Path) -> None:
    path = tmp_path / kind
    if kind == "file":
        path.write_bytes(b"RIFF")
    elif kind != "absent":
        path.mkdir()
    if kind == "strange":
        (path / "readme.txt").write_text("hello")
    expected = {
        "absent": "no such folder",
        "file": "is a file",
        "empty": "empty folder",
        "strange": "it holds 0 folders",
    }
    done = data("inspect", path)
    assert done.returncode == 1
    assert expected[kind] in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_wrong_usage_ends_with_two() -> None:
    assert data("inspect").returncode == 2
    assert data("inspect", ".", "--seconds", "0").returncode == 2
    assert data("compose", "out").returncode == 2


def test_without_a_synthesizer_composing_names_what_is_missing(tmp_path: Path) -> None:
    done = data("compose", tmp_path / "set", "--tracks", "1", PATH="/nonexistent")
    assert done.returncode == 1
    line = done.stderr.splitlines()[-1]
    assert "fluidsynth" in line.lower()
    assert "apt" in line
    assert "Traceback" not in done.stderr


def test_a_composed_set_is_our_own_and_lies_together(tmp_path: Path) -> None:
    if shutil.which("fluidsynth") is None or not Path("/usr/share/sounds/sf2/FluidR3_GM.sf2").is_file():
        pytest.skip("SKIPPED LOUDLY: fluidsynth and fluid-soundfont-gm are not installed")
    done = data("compose", tmp_path / "set", "--tracks", "1", "--rate", "16000", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["made"] == ["Track00001"]
    again = data("compose", tmp_path / "set", "--tracks", "1", "--rate", "16000")
    assert "0 tracks composed, 1 kept" in again.stdout
    found = json.loads(data("inspect", tmp_path / "set", "--json", "--seconds", "2").stdout)
    assert [row["may_ship"] for row in found["licences"]] == [True]
    assert found["num_takes"] >= 4
    assert found["skips"] == []
    assert all(abs(take["late_to_mix_ms"] or 0) < 25 for take in found["takes"])
    assert all(take["instrument"] for take in found["takes"])


def test_training_without_data_is_refused_before_anything_slow_is_loaded(tmp_path: Path) -> None:
    commands = [
        [kind, *extra, option, str(tmp_path / "none")]
        for kind, extra, option in [
            ("player", ["--out", str(tmp_path / "run")], "--data"), ("conductor", [], "--data"),
            ("listener", [], "--data"), ("performer", ["--instrument", "violin"], "--data"), ("kit", [], "--samples"),
            ("arranger", [], "--data"),
        ]
    ]  # fmt: skip
    script = f"""
import sys
from cluster.cli.app import app
from ensemble.errors import DataError
for words in {commands!r}:
    try:
        app(["train", *words], standalone_mode=False)
    except DataError as error:
        print(error)
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    *refusals, has_torch = done.stdout.splitlines()
    assert len(refusals) == 6, done.stderr
    assert all("there is no such folder" in line for line in refusals)
    assert has_torch == "False"

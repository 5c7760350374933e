"""What is not installed is named with the line that installs it, and playing needs none of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.extras import EXTRAS, extra_of, install_line, needed

LACKING = """
import sys
from importlib.abc import MetaPathFinder

class Lacking(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Lacking())
from cluster.main import main
main()
"""
"""A command where these packages cannot be imported."""


def lacking(*names: str, arguments: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", LACKING.format(names=names), *arguments],
        capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "100"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("module", "extra", "command"),
    [
        ("torch", "train", ("train", "player", "--instrument", "violin", "--data", ".", "--out", "run")),
        ("lightning", "train", ("train", "player", "--instrument", "violin", "--data", ".", "--out", "run")),
        ("sounddevice", "live", ("live", "--list-devices")),
    ],
)
def test_a_command_without_its_extra_says_which_line_installs_it(
    module: str, extra: str, command: tuple[str, ...], short_leader_file: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("violin").mkdir()
    for number in range(3):
        shutil.copy(short_leader_file, f"violin/{number}.wav")
    done = lacking(module, arguments=command)
    assert (done.returncode, done.stdout) == (1, "")
    line = f"ensemble: this command needs {module}, which is not installed; {install_line(extra)}"
    assert done.stderr.splitlines()[-1] == line
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["violin"]


def test_playing_needs_no_extra(short_leader_file: Path, tmp_path: Path) -> None:
    brought = {one.package for one in needed() if one.extra} - {one.package for one in needed() if not one.extra}
    modules = [package.replace("-", "_") for package in brought]
    done = lacking(
        *modules, "torchcrepe", arguments=("render", str(short_leader_file), "--out", str(tmp_path / "out"), "--local")
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "take-00" / "mix.wav").exists()


def test_extras_are_told_by_module() -> None:
    assert {one.extra for one in needed()} <= {"", *EXTRAS}
    assert extra_of("torch.nn") == extra_of("torchaudio") == "train"
    assert extra_of("numpy") == extra_of("ray.serve") == extra_of("nothing_of_ours") == ""
    assert install_line("") == "pip install ray-ensemble"

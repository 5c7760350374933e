"""Two revisions side by side: what differs is said, and nothing of the other one stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer import BadParameter, Exit

from tests.bench import same_bytes
from tests.bench.checkout import ROOT

if subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, check=False).returncode:
    pytest.skip("SKIPPED LOUDLY: this is not a git checkout, so it has no revisions", allow_module_level=True)


def test_a_revision_is_unpacked_whole_and_an_unknown_one_refused(tmp_path: Path) -> None:
    folder = same_bytes.unpacked("HEAD", tmp_path / "base")
    assert (folder / "cluster" / "main.py").is_file()
    assert not (folder / ".git").exists()
    with pytest.raises(BadParameter, match="no-such-revision"):
        same_bytes.unpacked("no-such-revision", tmp_path / "other")


@pytest.mark.parametrize(
    ("after", "status", "last"),
    [
        ({"a.wav": "11", "b.mid": "22"}, 0, "2 files, 0 differ"),
        ({"a.wav": "11", "b.mid": "33"}, 1, "2 files, 1 differ"),
        ({"a.wav": "11"}, 1, "2 files, 1 differ"),
        ({"a.wav": "11", "b.mid": "22", "c.csv": "44"}, 1, "3 files, 1 differ"),
    ],
)
def test_one_file_more_or_less_or_another_is_said_and_is_status_1(
    after: dict[str, str], status: int, last: str, monkeypatch: Any, capsys: Any
) -> None:
    def rendered(checkout: Path, *_: object) -> dict[str, str]:
        return after if checkout == ROOT else {"a.wav": "11", "b.mid": "22"}

    monkeypatch.setattr(same_bytes, "hashes", rendered)
    with pytest.raises(Exit) as ended:
        same_bytes.same_bytes("HEAD")
    assert ended.value.exit_code == status
    assert capsys.readouterr().out.splitlines()[-1] == last


@pytest.mark.slow
def test_one_case_is_rendered_by_both_and_nothing_stays(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.bench.same_bytes", "HEAD", "--case", "rock"]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=280)
    assert said.returncode in (0, 1), said.stderr  # what is not committed may differ
    *files, last = said.stdout.splitlines()
    assert {"bundled/rock/take-00/mix.wav", "bundled/rock/leader.wav"} <= {line.split()[-1] for line in files}
    assert last == f"{len(files)} files, {sum(line.startswith('DIFFERS') for line in files)} differ"
    assert not list(tmp_path.glob("ensemble-same-bytes-*"))

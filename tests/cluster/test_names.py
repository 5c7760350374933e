"""Names of any bytes, and terminals, homes and temporary folders of any kind, as the command meets them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from agents.environment import readable_entrypoint
from cluster.doctor import examine
from ensemble.manifest import Manifest

ENSEMBLE = str(Path(sys.executable).parent / "ensemble")
ODD = os.fsdecode(b"caf\xe9 \xe2\x99\xab\n-x")
ASCII = {"LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": "ascii:strict", "PYTHONUTF8": "0"}


def ensemble(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [ENSEMBLE, *arguments], capture_output=True, check=False, cwd=cwd, timeout=200,
        env=os.environ | ASCII | environment,
    )  # fmt: skip
    assert b"Traceback" not in done.stderr
    assert done.stdout.isascii()
    return done


def test_a_render_with_odd_names_a_plain_terminal_and_a_deep_temporary_folder(
    short_leader_file: Path, tmp_path: Path
) -> None:
    """The leader ends early, too: the manifest says so."""
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    leader = tmp_path / f"--{ODD}.wav"
    leader.write_bytes(short_leader_file.read_bytes()[:80_000])
    done = ensemble(
        "render", f"./{leader.name}", f"--out={ODD}", "--local", "--rate", "16000", cwd=tmp_path, TMPDIR=str(deep)
    )
    assert done.returncode == 0, done.stderr
    assert rb"caf\udce9 \udce2\udc99\udcab\n-x/report.html" in done.stdout
    manifest = Manifest.read(tmp_path / ODD / "manifest.json")
    assert manifest.heard.codes[0] == "cut_short"
    assert not list(deep.iterdir())


def test_listening_says_what_is_missing_and_writes_a_file_of_any_name(short_leader_file: Path, tmp_path: Path) -> None:
    (tmp_path / ODD).write_bytes(short_leader_file.read_bytes()[:80_000])
    longest = "j" * 255
    done = ensemble("listen", f"./{ODD}", "--out", longest, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert rb"caf\udce9 \udce2\udc99\udcab\n-x" in done.stdout
    assert json.loads((tmp_path / longest).read_bytes())["codes"][0] == "cut_short"
    assert {path.name for path in tmp_path.iterdir()} == {ODD, longest}


def test_what_was_found_is_printed_where_nothing_can_be_said_and_a_terminal_has_no_columns(
    short_leader_file: Path,
) -> None:
    command = ["sh", "-c", 'exec "$0" listen "$1" 2>&- <&-', ENSEMBLE, short_leader_file]
    done = subprocess.run(command, stdout=subprocess.PIPE, env=os.environ | {"COLUMNS": "0"}, check=True)
    assert b"bpm" in done.stdout


def test_ray_is_told_a_command_line_that_it_can_send(monkeypatch: pytest.MonkeyPatch) -> None:
    utils = pytest.importorskip("ray._private.utils")
    monkeypatch.setattr(utils, "get_entrypoint_name", lambda: ODD)
    with readable_entrypoint():
        assert utils.get_entrypoint_name() == r"caf\udce9 ♫\n-x"
    assert utils.get_entrypoint_name() == ODD


def test_the_doctor_says_where_sockets_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    found = {finding.what: finding for finding in examine()}
    assert found["sockets"].verdict == "ok"
    assert (found["cache"].verdict, "XDG_CACHE_HOME" in found["cache"].detail) == ("note", True)
    (tmp_path / ("x" * 100)).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("x" * 100)))
    sockets = next(finding for finding in examine() if finding.what == "sockets")
    assert sockets.verdict == "note"
    assert "is too long" in sockets.detail


@pytest.mark.ray
@pytest.mark.usefixtures("local_ray")
def test_a_ray_lies_where_nobody_else_can_enter() -> None:
    """Ray itself lets everybody write where its sockets and logs lie."""
    worker = pytest.importorskip("ray._private.worker")
    sessions = Path(worker._global_node.get_session_dir_path()).parent
    assert sessions.parent.stat().st_mode & 0o777 == 0o700
    assert sessions.parent.name.startswith(f"ensemble-ray-{os.getpid()}-")

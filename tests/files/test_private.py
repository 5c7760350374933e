"""Folders of one user: short enough for sockets, new, and removed when their process is gone."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from ensemble.files import private
from ensemble.files.private import SOCKET_BYTES, in_use, remove_left, socket_folder, temporary_places
from ensemble.settings.user_folder import user_folder


@pytest.fixture
def deep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files in which no socket can lie."""
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_socket_folder_is_private_and_lies_where_temporary_files_do_if_that_is_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/dev/shm")  # noqa: S108
    folder = socket_folder("ensemble-test-", 60)
    try:
        assert (str(folder.parent), folder.stat().st_mode & 0o777) == ("/dev/shm", 0o700)  # noqa: S108
    finally:
        folder.rmdir()


def test_a_socket_can_be_bound_however_deep_temporary_files_lie(deep: Path) -> None:
    folder = socket_folder("ensemble-test-", 67)
    try:
        assert len(os.fsencode(folder)) + 67 <= SOCKET_BYTES
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(folder / "s"))
        (folder / "s").unlink()
    finally:
        folder.rmdir()
    assert not list(deep.iterdir())


def test_where_nothing_is_short_enough_the_reason_is_told(deep: Path) -> None:
    with pytest.raises(OSError, match="File name too long"):
        socket_folder("ensemble-test-", 100)
    assert not list(deep.iterdir())


def test_a_place_that_cannot_be_written_is_passed_over(deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/proc/nowhere")
    assert Path("/proc/nowhere") in temporary_places()
    socket_folder("ensemble-test-", 60).rmdir()


def test_only_what_dead_processes_of_ours_left_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_root: None
) -> None:
    monkeypatch.setattr(private, "temporary_places", lambda: [tmp_path])
    names = ("ours-left", "ours-used", "ours-new", "other-left", "ours-foreign")
    for name in names:
        (tmp_path / name).mkdir()
        if name != "ours-new":
            with in_use(tmp_path / name):
                pass
    os.chown(tmp_path / "ours-foreign", 12_345, 12_345)
    (tmp_path / "ours-link").symlink_to(tmp_path / "other-left")
    elsewhere = "import sys, time; from pathlib import Path; from ensemble.files.private import in_use\n"
    elsewhere += "with in_use(Path(sys.argv[1])): print(flush=True); time.sleep(1000)"
    unshared = ["unshare", "--pid", "--fork", "--kill-child"]  # where no process here has its number
    command = [*unshared, sys.executable, "-c", elsewhere, str(tmp_path / "ours-used")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as user:
        assert user.stdout is not None
        user.stdout.readline()
        remove_left("ours-")
        assert {path.name for path in tmp_path.iterdir()} == {*names[1:], "ours-link"}
        user.kill()
    until_s = time.monotonic() + 60
    while (tmp_path / "ours-used").exists() and time.monotonic() < until_s:  # its child takes a moment to end
        remove_left("ours-")
    assert {path.name for path in tmp_path.iterdir()} == {*names[2:], "ours-link"}
    assert (tmp_path / "other-left").is_dir()


@pytest.fixture
def as_root() -> None:
    if os.getuid():
        pytest.skip("only root can make a folder somebody else's")


@pytest.mark.parametrize(("kind", "variable"), [("cache", "XDG_CACHE_HOME"), ("state", "XDG_STATE_HOME")])
def test_without_a_home_the_variable_to_set_is_named(kind, variable, tmp_path, monkeypatch) -> None:
    def nobody(_uid: int) -> object:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv(variable, raising=False)
    with pytest.raises(OSError, match=f"no home folder is known; set HOME or {variable}"):
        user_folder(kind)
    monkeypatch.setenv(variable, str(tmp_path))
    assert user_folder(kind) == tmp_path / "ensemble"

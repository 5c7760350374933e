"""The output folder is whole or as it was."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ensemble.deliver import delivery
from ensemble.errors import OutputError


def deliver(out: Path, text: str = "new", *, force: bool = False) -> None:
    with delivery(out, force=force) as folder:
        (folder / "manifest.json").write_text(text)
        (folder / "take-00").mkdir()
        (folder / "take-00" / "mix.wav").write_text(text)


def break_down(out: Path, *, force: bool = False) -> None:
    with delivery(out, force=force) as folder:
        (folder / "leader.wav").write_text("half")
        raise ZeroDivisionError


def content(out: Path) -> set[str]:
    return {str(path.relative_to(out)) for path in out.rglob("*")}


WHOLE = {"manifest.json", "take-00", "take-00/mix.wav"}


@pytest.mark.parametrize("inner", ["out", "deep/er/out"])
def test_a_success_fills_the_folder_and_leaves_nothing_else(tmp_path: Path, inner: str) -> None:
    deliver(tmp_path / inner)
    assert content(tmp_path / inner) == WHOLE


def test_a_failure_leaves_no_folder_that_was_not_there(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        break_down(tmp_path / "a" / "b")
    assert content(tmp_path) == set()


def test_a_failure_leaves_an_earlier_render_as_it_was(tmp_path: Path) -> None:
    deliver(tmp_path, "old")
    with pytest.raises(ZeroDivisionError):
        break_down(tmp_path, force=True)
    assert content(tmp_path) == WHOLE
    assert (tmp_path / "take-00" / "mix.wav").read_text() == "old"


def test_a_folder_that_is_not_empty_is_refused_without_force(tmp_path: Path) -> None:
    deliver(tmp_path, "old")
    with pytest.raises(OutputError, match="exists and is not empty; name another, or add --force"):
        deliver(tmp_path)
    assert (tmp_path / "manifest.json").read_text() == "old"


def test_force_replaces_the_render_and_keeps_what_is_not_ours(tmp_path: Path) -> None:
    deliver(tmp_path, "old")
    (tmp_path / "take-01").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    deliver(tmp_path, force=True)
    assert content(tmp_path) == WHOLE | {"notes.txt"}
    assert (tmp_path / "take-00" / "mix.wav").read_text() == "new"


def test_force_never_takes_a_strangers_leader(tmp_path: Path) -> None:
    (tmp_path / "leader.wav").write_text("the only copy")
    with pytest.raises(OutputError, match="holds files that no render made"):
        deliver(tmp_path, force=True)
    assert content(tmp_path) == {"leader.wav"}


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match=r"out: cannot be written"):
        deliver(tmp_path / "out")
    assert (tmp_path / "out").read_text() == "a file"


def test_what_a_killed_render_left_is_cleared_away(tmp_path: Path) -> None:
    left = tmp_path / f".partial-{socket.gethostname()}-{2**22 + 1}-abc"
    left.mkdir()
    (left / "leader.wav").write_text("half")
    deliver(tmp_path)
    assert content(tmp_path) == WHOLE


def test_two_renders_never_share_a_folder(tmp_path: Path) -> None:
    with delivery(tmp_path, force=False) as first:
        (first / "manifest.json").write_text("first")
        with pytest.raises(OutputError, match="is being written by another render"):
            deliver(tmp_path, force=True)
    assert (tmp_path / "manifest.json").read_text() == "first"


def test_a_folder_that_cannot_be_written_is_named(open_folder: Path, as_nobody: None) -> None:
    with pytest.raises(OutputError, match=r"out: cannot be written \(Permission denied\); name a folder that can"):
        deliver(open_folder / "out")

"""The output folder is whole or as it was."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import pytest

from ensemble.errors import BandError, OutputError
from ensemble.manifest import Manifest
from ensemble.output.publish import publishing, resuming
from ensemble.output.staging import CHECKPOINT, HISTORY, MEMORY, OLD_CHECKPOINT, restore_order
from tests.empty_manifest import manifest


def publish(out: Path, text: str = "new", *, force: bool = False) -> None:
    with publishing(out, force=force) as folder:
        (folder.path / "take-00").mkdir()
        (folder.path / "take-00" / "mix.wav").write_text(text)
        folder.publish_take("take-00")
        manifest(text).write(folder.path / "manifest.json")


def whose(out: Path) -> tuple[str, str]:
    """Which render lies there, by its manifest and by its mix."""
    return Manifest.read(out / "manifest.json").source, (out / "take-00" / "mix.wav").read_text()


def break_down(out: Path, *, force: bool = False) -> None:
    with publishing(out, force=force) as folder:
        (folder.path / "leader.wav").write_text("half")
        (folder.path / "take-00").mkdir()
        (folder.path / "take-00" / "mix.wav").write_text("half")
        folder.publish_take("take-00")
        raise ZeroDivisionError


def content(out: Path) -> set[str]:
    return {str(path.relative_to(out)) for path in out.rglob("*")}


WHOLE = {"manifest.json", "take-00", "take-00/mix.wav"}


@pytest.mark.parametrize("inner", ["out", "deep/er/out"])
def test_a_success_fills_the_folder_and_leaves_nothing_else(tmp_path: Path, inner: str) -> None:
    publish(tmp_path / inner)
    assert content(tmp_path / inner) == WHOLE


def test_a_failure_leaves_no_folder_that_was_not_there(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        break_down(tmp_path / "a" / "b")
    assert content(tmp_path) == set()


def test_a_failure_leaves_an_earlier_render_as_it_was(tmp_path: Path) -> None:
    publish(tmp_path, "old")
    with pytest.raises(ZeroDivisionError):
        break_down(tmp_path, force=True)
    assert content(tmp_path) == WHOLE
    assert whose(tmp_path) == ("old", "old")


def test_a_folder_that_is_not_empty_is_refused_without_force(tmp_path: Path) -> None:
    publish(tmp_path, "old")
    with pytest.raises(OutputError, match="exists and is not empty; name another, or add --force"):
        publish(tmp_path)
    assert whose(tmp_path) == ("old", "old")


def test_force_replaces_the_render_and_keeps_what_is_not_ours(tmp_path: Path) -> None:
    publish(tmp_path, "old")
    (tmp_path / "take-01").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    publish(tmp_path, force=True)
    assert content(tmp_path) == WHOLE | {"notes.txt"}
    assert whose(tmp_path) == ("new", "new")


def test_force_never_takes_a_strangers_leader(tmp_path: Path) -> None:
    (tmp_path / "leader.wav").write_text("the only copy")
    with pytest.raises(OutputError, match=r"holds leader\.wav, and no render's manifest"):
        publish(tmp_path, force=True)
    assert content(tmp_path) == {"leader.wav"}


def test_force_never_takes_a_strangers_manifest(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"name": "a web page", "start_url": "/"}')
    with pytest.raises(OutputError, match=r"manifest\.json, and no render's manifest"):
        publish(tmp_path, force=True)
    assert "web page" in (tmp_path / "manifest.json").read_text()


def test_a_swap_that_breaks_half_way_is_swapped_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path, "old")
    rename, count = Path.rename, iter(range(100))

    def breaks(self: Path, target: Path) -> Path:
        if next(count) == 3:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", breaks)
    with pytest.raises(KeyboardInterrupt):
        publish(tmp_path, force=True)
    assert content(tmp_path) == WHOLE
    assert whose(tmp_path) == ("old", "old")


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match=r"out: is a file; name a folder"):
        publish(tmp_path / "out")
    assert (tmp_path / "out").read_text() == "a file"


def test_what_a_killed_render_left_is_cleared_away(tmp_path: Path) -> None:
    left = tmp_path / f".partial-{socket.gethostname()}-{2**22 + 1}-abc"
    left.mkdir()
    (left / "leader.wav").write_text("half")
    publish(tmp_path)
    assert content(tmp_path) == WHOLE


def test_a_take_can_be_heard_before_the_rest_is_done(tmp_path: Path) -> None:
    with publishing(tmp_path, force=False) as folder:
        (folder.path / "take-00").mkdir()
        (folder.path / "take-00" / "mix.wav").write_text("heard")
        folder.publish_take("take-00")
        assert (tmp_path / "take-00" / "mix.wav").read_text() == "heard"
        assert (folder.path / "take-00" / "mix.wav").read_text() == "heard"
        manifest("new").write(folder.path / "manifest.json")
    assert whose(tmp_path) == ("new", "heard")
    assert content(tmp_path) == WHOLE


def test_a_render_is_whole_once_it_is_published_and_what_comes_later_is_added(tmp_path: Path) -> None:
    publish(tmp_path, "old")
    with publishing(tmp_path, force=True) as folder:
        (folder.path / "take-00").mkdir()
        (folder.path / "take-00" / "mix.wav").write_text("new")
        manifest("new").write(folder.path / "manifest.json")
        (folder.staging / CHECKPOINT).touch()
        folder.publish()
        assert whose(tmp_path) == ("new", "new")
        with pytest.raises(OutputError, match="is being written by another render"):
            publish(tmp_path, force=True)
        (folder.path / "report.html").write_text("late")
    assert content(tmp_path) == WHOLE | {"report.html"}


def test_a_render_that_fails_after_it_was_published_stays(tmp_path: Path) -> None:
    def fail_late() -> None:
        with publishing(tmp_path, force=False) as folder:
            (folder.path / "take-00").mkdir()
            (folder.path / "take-00" / "mix.wav").write_text("new")
            manifest("new").write(folder.path / "manifest.json")
            folder.publish()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_late()
    assert content(tmp_path) == WHOLE
    assert whose(tmp_path) == ("new", "new")


def test_nothing_is_given_out_early_where_an_earlier_render_lies(tmp_path: Path) -> None:
    publish(tmp_path, "old")
    with publishing(tmp_path, force=True) as folder:
        (folder.path / "take-00").mkdir()
        (folder.path / "take-00" / "mix.wav").write_text("new")
        assert not folder.publish_take("take-00")
        assert whose(tmp_path) == ("old", "old")
        manifest("new").write(folder.path / "manifest.json")
    assert whose(tmp_path) == ("new", "new")


def test_a_file_system_without_links_gets_everything_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "symlink_to", refuse)
    publish(tmp_path)
    assert content(tmp_path) == WHOLE


def left_by_a_killed_render(tmp_path: Path) -> Path:
    left = tmp_path / f".partial-{socket.gethostname()}-{2**22 + 1}-abc"
    (left / "new").mkdir(parents=True)
    (left / "given").mkdir()
    (left / "given" / "take-00").touch()
    return left


def test_what_a_killed_render_published_early_is_cleared_away(tmp_path: Path) -> None:
    left_by_a_killed_render(tmp_path)
    (tmp_path / "take-00").mkdir()
    publish(tmp_path)
    assert content(tmp_path) == WHOLE


def test_a_render_that_was_killed_after_its_manifest_is_whole(tmp_path: Path) -> None:
    publish(tmp_path, "old")
    left = left_by_a_killed_render(tmp_path)
    with pytest.raises(OutputError, match="not empty"):
        publish(tmp_path)
    assert not left.exists()
    assert whose(tmp_path) == ("old", "old")


def test_two_renders_never_share_a_folder(tmp_path: Path) -> None:
    with publishing(tmp_path, force=False) as first:
        manifest("first").write(first.path / "manifest.json")
        with pytest.raises(OutputError, match="is being written by another render"):
            publish(tmp_path, force=True)
    assert Manifest.read(tmp_path / "manifest.json").source == "first"


def test_a_folder_that_cannot_be_written_is_named(open_folder: Path, as_nobody: None) -> None:
    with pytest.raises(OutputError, match=r"out: cannot be written \(Permission denied\); name a folder that can"):
        publish(open_folder / "out")


def lose_the_cluster(out: Path, *files: str) -> None:
    with publishing(out, force=False) as folder:
        for name in files:
            (folder.staging / name).touch()
        raise ConnectionError("gone")


@pytest.mark.parametrize("checkpoint", [CHECKPOINT, OLD_CHECKPOINT])
def test_an_error_says_where_what_was_played_is_kept(tmp_path: Path, checkpoint: str) -> None:
    with pytest.raises(BandError) as lost:
        lose_the_cluster(tmp_path, checkpoint, "take-00.states")
    assert (lost.value.kept_in, lost.value.resumable) == (str(tmp_path), True)
    assert str(lost.value).endswith(f"what was played is kept: `ensemble render --resume {tmp_path}` goes on")
    with resuming(tmp_path) as folder:
        manifest("resumed").write(folder.path / "manifest.json")
    assert content(tmp_path) == {"manifest.json"}


def broken_off(out: Path, *, is_new: bool = True) -> Path:
    """Let a render break off that can be resumed and would replace the one that lies there; its staging folder."""
    with contextlib.suppress(ZeroDivisionError), publishing(out, force=True, is_new=is_new) as folder:
        for name in (CHECKPOINT, "take-00.states"):
            (folder.staging / name).touch()
        (folder.path / MEMORY).write_text("new")
        manifest("new").write(folder.path / "manifest.json")
        raise ZeroDivisionError
    return folder.staging


def redone(out: Path, text: str) -> None:
    """A render with a memory and a version."""
    publish(out, text)
    (out / MEMORY).write_text(text)
    (out / HISTORY).mkdir()


def test_another_render_that_is_resumed_takes_memory_and_versions_with_it_and_a_version_leaves_them(tmp_path):
    for name, is_new in (("render", True), ("version", False)):
        out = tmp_path / name
        redone(out, "old")
        broken_off(out, is_new=is_new)
        with resuming(out) as folder:
            manifest("new").write(folder.path / "manifest.json")
            if not is_new:
                (folder.path / MEMORY).unlink()
        assert ((out / HISTORY).exists(), (out / MEMORY).read_text()) == ((False, "new") if is_new else (True, "old"))


@pytest.mark.parametrize("num_moves", range(6))
def test_a_swap_that_was_killed_is_undone_with_its_memory(tmp_path, num_moves):
    redone(tmp_path, "old")
    staging = broken_off(tmp_path)
    (staging / "old").mkdir()
    moves = [(tmp_path / name, staging / "old" / name) for name in (HISTORY, MEMORY, "take-00", "manifest.json")]
    moves += [(staging / "new" / name, tmp_path / name) for name in (MEMORY, "manifest.json")]
    for source, target in moves[: num_moves + 1]:
        source.rename(target)
    restore_order(staging, tmp_path)
    assert (whose(tmp_path), (tmp_path / MEMORY).read_text()) == (("old", "old"), "old")
    assert (tmp_path / HISTORY).is_dir()
    assert (staging / "new" / MEMORY).read_text() == "new"


def test_another_version_replaces_a_render_and_no_broken_off_one(tmp_path):
    publish(tmp_path, "old")
    staging = broken_off(tmp_path)
    with pytest.raises(OutputError, match="was broken off"), publishing(tmp_path, force=False, is_new=False):
        pass
    assert staging.is_dir()
    with publishing(tmp_path, force=True, is_new=False) as folder:
        manifest("new").write(folder.path / "manifest.json")
    assert content(tmp_path) == {"manifest.json"}


def test_an_error_before_anything_was_played_keeps_nothing(tmp_path: Path) -> None:
    with pytest.raises(BandError) as lost:
        lose_the_cluster(tmp_path, CHECKPOINT)
    assert not lost.value.resumable
    assert content(tmp_path) == set()
    with pytest.raises(OutputError, match="holds no render that was broken off"), resuming(tmp_path):
        pass

"""A Ray that was left warm ends when nobody uses it, not before, and never another's."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from cluster.cli.placement_options import _seconds
from cluster.sessions import idle
from cluster.sessions.noted import Kept, lock_of, note_path, noted, used

IDLE_S = 0.3


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Kept, subprocess.Popen[bytes]]]:
    """A program in the place of a Ray that is left warm, and the note of it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(idle, "LOOK_S", 0.05)
    folder = tmp_path / "ray"
    folder.mkdir()
    with subprocess.Popen(["sleep", "60"], env=os.environ | {"TMPDIR": str(folder)}, start_new_session=True) as ray:
        here = Kept("127.0.0.1:9", "", str(folder), session_id=ray.pid, idle_s=IDLE_S)
        note_path().parent.mkdir(parents=True)
        note_path().write_text(json.dumps(here._asdict()))
        yield here, ray
        ray.kill()


def watching(ray: Kept) -> threading.Thread:
    (Path(ray.folder) / "used").touch()
    watcher = threading.Thread(target=idle.end_when_idle, args=(ray.folder,), daemon=True)
    watcher.start()
    return watcher


def test_it_ends_when_it_has_been_idle_and_not_while_it_is_used(kept: tuple[Kept, subprocess.Popen[bytes]]) -> None:
    ray, process = kept
    with used(ray):
        watcher = watching(ray)
        watcher.join(4 * IDLE_S)
        assert process.poll() is None
    assert process.wait(60.0) is not None
    watcher.join(60.0)
    assert noted() is None
    assert not Path(ray.folder).exists()
    with used(ray):  # whoever comes too late does not wait
        assert noted() is None


def test_it_is_not_idle_from_before_a_user_that_was_killed(kept: tuple[Kept, subprocess.Popen[bytes]]) -> None:
    ray, process = kept
    with lock_of(ray).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        watching(ray)
        begun_s = os.fstat(lock.fileno()).st_mtime
        while os.fstat(lock.fileno()).st_mtime < begun_s + 3 * IDLE_S:  # it is used up to now
            assert process.poll() is None
            time.sleep(0.05)
    assert process.wait(60.0) is not None


def test_it_stays_once_up_has_said_so(kept: tuple[Kept, subprocess.Popen[bytes]]) -> None:
    ray, process = kept
    note_path().write_text(json.dumps(ray._replace(idle_s=0.0)._asdict()))
    watcher = watching(ray)
    watcher.join(60.0)
    assert not watcher.is_alive()
    assert process.poll() is None


@pytest.mark.parametrize(("said", "seconds"), [("90s", 90.0), ("10m", 600.0), ("1.5h", 5400.0)])
def test_a_duration_is_a_number_with_its_unit(said: str, seconds: float) -> None:
    assert _seconds(said) == seconds


@pytest.mark.parametrize("said", ["", "10", "0m", "-1m", "10 m", "1e3s", "ten"])
def test_what_is_no_duration_is_refused(said: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no duration"):
        _seconds(said)

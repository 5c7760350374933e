"""`ensemble index` as a stranger meets it: fills, counts, mends, forgets and asks; what it refuses, how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from ensemble.audio.files import prepared_clip, read_clip, write_clip
from ensemble.types.music import AudioClip

ENSEMBLE = str(Path(sys.executable).parent / "ensemble")
RATE = 16_000


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    command = [ENSEMBLE, "index", *(str(argument) for argument in arguments)]
    surroundings = os.environ | {"COLUMNS": "120"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=surroundings)


def index(*arguments: str | Path) -> tuple[int, str, str]:
    with start(*arguments) as run:
        out, err = run.communicate(timeout=280)
    return run.returncode, out, err


def answer(*arguments: str | Path) -> Any:
    status, out, err = index(*arguments, "--json")
    assert status == 0, err
    assert err == ""
    return json.loads(out)


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three stretches of the bundled guitar, one file that is broken, one that is silent."""
    from ensemble.leaders import leader_path

    whole = prepared_clip(read_clip(leader_path()), RATE).samples
    folder = tmp_path_factory.mktemp("music")
    for number, start_s in enumerate((0, 5, 10)):
        samples = np.ascontiguousarray(whole[:, start_s * RATE : (start_s + 9) * RATE])
        write_clip(folder / f"part {number}.wav", AudioClip(samples=samples, sample_rate=RATE))
    (folder / "broken.wav").write_text("RIFF, but not really")
    write_clip(folder / "silent.wav", AudioClip(samples=np.zeros((1, RATE), np.float32), sample_rate=RATE))
    return folder


@pytest.fixture(scope="module")
def filled(music: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    place = tmp_path_factory.mktemp("library") / "index"
    return place, answer("add", music, "--index", place, "--local", "--licence", "CC0")


def test_a_folder_is_taken_in_and_what_is_broken_is_named(filled: tuple[Path, Any], music: Path) -> None:
    place, report = filled
    assert (report["added"], report["kept"]) == (3, 0)
    assert report["music_s"] == pytest.approx(27.0)
    assert {Path(skip["path"]).name for skip in report["skipped"]} == {"broken.wav", "silent.wav"}
    stats = answer("stats", "--index", place)
    assert stats["is_whole"]
    assert stats["comparison"]["store_rows"] == report["chunks"] > 0
    assert stats["licences"] == {"CC0": 3}
    again = answer("add", music, "--index", place, "--local", "--licence", "CC0")
    assert (again["added"], again["kept"]) == (0, 3)


def test_what_follows_is_ranked_with_every_term(filled: tuple[Path, Any], music: Path) -> None:
    found = answer("search", music / "part 0.wav", "--index", filled[0], "--top-k", "3", "--extend", "2")
    totals = [one["score"]["total"] for one in found["candidates"]]
    assert totals
    assert totals == sorted(totals, reverse=True)
    assert all(one["score"]["terms"] and not one["score"]["vetoes"] for one in found["candidates"])
    status, out, err = index("search", music / "part 0.wav", "--index", filled[0], "--top-k", "3", "--extend", "2")
    assert status == 0, err
    assert found["candidates"][0]["recording"]["title"] in out


def test_a_store_that_is_lost_is_seen_and_repaired(filled: tuple[Path, Any]) -> None:
    place, report = filled
    shutil.rmtree(place / "store.db")
    stats = answer("stats", "--index", place)
    assert not stats["is_whole"]
    assert len(stats["comparison"]["missing"]) == 3
    assert len(answer("repair", "--index", place)["before"]["missing"]) == 3
    whole = answer("stats", "--index", place)
    assert whole["is_whole"]
    assert whole["comparison"]["store_rows"] == report["chunks"]


def test_a_recording_is_forgotten_by_its_path(filled: tuple[Path, Any], music: Path) -> None:
    place = filled[0]
    assert answer("remove", music / "part 2.wav", "--index", place)["recordings"] == 1
    assert answer("stats", "--index", place)["recordings"] == 2
    status, _, err = index("remove", music / "part 2.wav", "--index", place)
    assert status == 1
    assert "nothing of it is in the library" in err.splitlines()[-1]
    assert answer("add", music, "--index", place, "--local", "--licence", "CC0")["added"] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("stats", "--index", "absent"), "holds no recordings; run `ensemble index add PATH... --index "),
        (("repair", "--index", "absent"), "holds no recordings"),
        (("search", "absent.wav", "--index", "absent"), "there is no such file"),
        (("add", "absent", "--index", "place", "--local"), "there is no such file or folder; check the path"),
        (("add", ".", "--index", "place", "--local"), "nothing was taken in: holds no sound file"),
        (("stats", "--index", "gopher://host"), "is no address of a Milvus server"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, err = index(*arguments)
    assert status == 1
    assert said in err.splitlines()[-1]
    assert "Traceback" not in err
    assert not (tmp_path / "absent").exists()


@pytest.mark.ray
def test_a_pool_on_ray_fills_the_same_library_though_its_keeper_is_killed(
    music: Path, filled: tuple[Path, Any], tmp_path: Path
) -> None:
    with start("add", music, "--index", tmp_path / "index", "--jobs", "1", "--json") as run:
        killed = False
        while run.poll() is None and not killed:
            killed = kill_holder(tmp_path / "index" / "ledger.lock")
            time.sleep(0.1)
        out, err = run.communicate(timeout=280)
    assert killed
    assert run.returncode == 0, err
    assert json.loads(out)["added"] == 3
    stats = answer("stats", "--index", tmp_path / "index")
    assert stats["is_whole"]
    assert stats["comparison"]["store_rows"] == filled[1]["chunks"]


def kill_holder(lock: Path) -> bool:
    """Kill the writer that holds a lock; whether there was one."""
    if not lock.exists():
        return False
    inode = lock.stat().st_ino
    held = {int(line.split()[4]) for line in Path("/proc/locks").read_text().splitlines() if f":{inode} " in line}
    for pid in held:
        with contextlib.suppress(psutil.NoSuchProcess):
            holder = psutil.Process(pid)
            if str(lock) in {file.path for file in holder.open_files()}:
                holder.kill()
                return True
    return False

"""Ten leaders on three hosts, of which one is lost."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import soundfile

from ensemble.corpus import corpus_pieces
from ensemble.errors import BandError
from tests.bench.chaos.row import Row, fresh
from tests.bench.chaos.scenes import WORKERS, HostScene
from tests.bench.chaos.watched import hashes

LEADERS, LEADER_S = 10, 4
DONE_BEFORE = 3
"""Leaders that have their render when the host is lost."""
BATCH_S = 600.0


def batch_host_killed(
    scene: HostScene, _leader: str, folder: Path, _usual_s: float, _expected: dict[str, Any]
) -> Iterator[Row]:
    """A worker dies when a few leaders of a batch are done; the stall is the longest time between two that finish."""
    leaders = folder / "leaders"
    leaders.mkdir(parents=True)
    for number in range(LEADERS):
        path = corpus_pieces()[number % len(corpus_pieces())].path
        rate = soundfile.info(path).samplerate
        samples, _ = soundfile.read(path, start=(4 + number) * rate, frames=LEADER_S * rate)
        soundfile.write(leaders / f"leader-{number}.wav", samples, rate)
    row = fresh("batch_host_killed", 0.0)
    try:
        _finish(_start(scene, leaders, folder / "undisturbed", ["--local"]))
        row["usual_s"] = _longest(folder / "undisturbed")
        batch = _start(scene, leaders, folder / "killed", ["--address", scene.ray.address, "--actors", "4"])
        _await(batch, folder / "killed", DONE_BEFORE)
        victim = next(
            scene.hosts[name] for name in WORKERS
            if any("Renderer" in " ".join(process.cmdline()) for process in scene.hosts[name].processes())
        )  # fmt: skip
        victim.kill()
        scene.hurt.add(victim.name)
        summary = _finish(batch)
        row["stall_s"] = _longest(folder / "killed")
        row["hashes_equal"] = row["is_good"] = _all_hashes(folder / "killed") == _all_hashes(folder / "undisturbed")
        row["said"] = (
            f"{LEADERS} leaders, {victim.name} killed after {DONE_BEFORE}, {summary['lost_workers']} workers lost"
        )
    except BandError as error:
        row["said"] = str(error)
    finally:
        scene.renew_hurt()
    yield row


def _start(scene: HostScene, leaders: Path, out: Path, how: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "cluster", "render", str(leaders), "--out", str(out), *how, "--json"]
    pipe = subprocess.PIPE
    return scene.hosts["head"].popen(command, env=scene.ray.environment, stdout=pipe, stderr=pipe, text=True)


def _finish(batch: subprocess.Popen[str]) -> dict[str, Any]:
    """The summary of a batch that went well."""
    out, err = batch.communicate(timeout=BATCH_S)
    if batch.returncode:
        raise BandError("the batch", f"failed ({(err.strip() or out.strip()).splitlines()[-1]})")
    summary: dict[str, Any] = json.loads(out)
    return summary


def _await(batch: subprocess.Popen[str], out: Path, count: int) -> None:
    until = time.monotonic() + BATCH_S
    while len(_manifests(out)) < count:
        if batch.poll() is not None or time.monotonic() > until:
            raise BandError("the batch", f"ended with {len(_manifests(out))} leaders before anything happened to it")
        time.sleep(0.05)


def _manifests(out: Path) -> list[Path]:
    return sorted(out.glob("*/manifest.json"))


def _longest(out: Path) -> float:
    finished = sorted(path.stat().st_mtime for path in _manifests(out))
    return round(max((after - before for before, after in itertools.pairwise(finished)), default=0.0), 3)


def _all_hashes(out: Path) -> dict[str, dict[str, str]]:
    found = {path.parent.name: hashes(json.loads(path.read_text(encoding="utf-8"))) for path in _manifests(out)}
    if len(found) != LEADERS:
        raise BandError("the batch", f"left {len(found)} renders of {LEADERS} in {out.name}")
    return found

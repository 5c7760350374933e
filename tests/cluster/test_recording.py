"""A render written down: what the trace of a known journal holds, and what a render in one process leaves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cluster.watch.trace import Noted, trace_of

ROOT = Path(__file__).parents[2]


def answered(part: str, block: int | None, asked_at: float, seconds: float, busy_s: float) -> Noted:
    facts: dict[str, Any] = {
        "render": "ab12", "take": "take-00", "part": part, "block": block, "asked_at": asked_at, "seconds": seconds,
        "busy_s": busy_s, "ended_at": asked_at + seconds, "host": "stage", "player_pid": 7,
    }  # fmt: skip
    return Noted(asked_at + seconds, "answered", facts)


def task(name: str, worker: str) -> dict[str, Any]:
    return {"cat": f"task::{name}", "name": name, "ph": "X", "pid": "10.0.0.1", "tid": worker, "ts": 1.0, "dur": 2.0}


def test_the_trace_of_a_known_journal() -> None:
    noted = [
        Noted(100.0, "stage", {"render": None, "stage": "listen"}),
        Noted(102.0, "stage", {"render": "ab12", "stage": "play"}),
        answered("bass", 300, 103.0, 0.5, 0.2),
    ]
    timeline = [
        task("bass-ab12:InstrumentAgent.__init__", "worker:1"),
        task("InstrumentAgent.play", "worker:1"),
        task("bass-cd34:InstrumentAgent.__init__", "worker:2"),  # of another render
        task("InstrumentAgent.play", "worker:2"),
    ]
    events = json.loads(trace_of(noted, 110.0, timeline))["traceEvents"]
    rows = {one["tid"]: one["args"]["name"] for one in events if one["name"] == "thread_name"}
    spans = {(rows[one["tid"]], one["name"]): (one["ts"], one["dur"]) for one in events if one["ph"] == "X"}
    assert spans["stages", "listen"] == (100e6, 2e6)
    assert spans["stages", "play"] == (102e6, 8e6)
    assert spans["bass", "block 300"] == pytest.approx((103.3e6, 0.2e6))
    assert [(one["ph"], one["ts"]) for one in events if one["ph"] in "be"] == [("b", 103e6), ("e", 103.5e6)]
    assert [rows[one["tid"]] for one in events if one["name"] == "InstrumentAgent.play"] == ["bass-ab12"]


def ensemble(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cluster", *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=200, cwd=ROOT)


def test_in_one_process_the_stages_are_written_and_the_lack_is_said(short_leader_file: Path, tmp_path: Path) -> None:
    done = ensemble(
        "render", short_leader_file, "--out", tmp_path / "out", "--local", "--rate", "16000", "--voice", "naive",
        "--trace", tmp_path / "trace.json", "--log", tmp_path / "render.log",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "no Ray actor played: the trace holds this process's stages and nothing else" in done.stderr
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    stages = [one["name"] for one in events if one["ph"] == "X"]
    assert [name for name in stages if name in ("listen", "arrange", "play", "mix")] == [
        "listen",
        "arrange",
        "play",
        "mix",
    ]
    lines = [json.loads(line) for line in (tmp_path / "render.log").read_text().splitlines()]
    assert [line["stage"] for line in lines if line["event"] == "stage"] == stages
    assert lines[-1]["event"] == "done"


def test_a_render_that_fails_says_so_in_its_log(tmp_path: Path) -> None:
    done = ensemble("render", tmp_path / "absent.wav", "--out", tmp_path / "out", "--local", "--log", tmp_path / "log")
    assert done.returncode == 1
    last = json.loads((tmp_path / "log").read_text().splitlines()[-1])
    assert (last["event"], last["level"]) == ("failed", "error")
    assert "absent.wav" in last["error"]
    assert (last["code"], last["resumable"]) == ("audio", False)


@pytest.mark.parametrize("option", ["--log", "--trace"])
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_played(option: str, tmp_path: Path) -> None:
    done = ensemble("render", "--out", tmp_path / "out", "--local", option, tmp_path / "nowhere" / "file")
    assert done.returncode == 1
    assert f"{tmp_path / 'nowhere' / 'file'}: cannot be written" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "out").exists()

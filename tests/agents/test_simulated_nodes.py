"""Logical GPUs on simulated nodes: shares are dealt out, a lost node's players move to CPUs, nobody waits for ever."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("simulated_nodes.py"))], cwd=ROOT, check=False, timeout=250,
        capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    lines: dict[str, Any] = json.loads(done.stdout[done.stdout.rindex('{"nodes"') :])
    return lines


def test_eight_players_share_two_gpus(told: dict[str, Any]) -> None:
    assert sorted(told["nodes"]) == [0, 1, 1]
    assert told["before"] == ["cuda"] * 8
    assert told["exact_before"]
    assert sorted(told["places"].count(place) for place in set(told["places"])) == [4, 4]


def test_who_comes_when_no_gpu_is_left_plays_on_a_cpu(told: dict[str, Any]) -> None:
    assert told["too_many"]["said"] == ""


def test_those_of_a_lost_node_play_on_without_a_gpu_and_the_render_says_so(told: dict[str, Any]) -> None:
    assert len(told["on_lost"]) == 4
    names = [f"v{at}" for at in range(8)]
    assert told["after"] == ["cpu" if name in told["on_lost"] else "cuda" for name in names]
    assert not told["exact_after"]
    degraded = {one["who"] for one in told["incidents"] if one["action"] == "degrade"}
    assert degraded == set(told["on_lost"])
    assert {one["cause"] for one in told["incidents"]} <= {"died", "unplaced", "unreachable"}


def test_what_no_node_has_is_said_at_once_and_nothing_stays_reserved(told: dict[str, Any]) -> None:
    assert "v0: asks for 2 GPUs, the largest node has 1" in told["two_gpus"]["said"]
    assert told["two_gpus"]["after_s"] < 20
    assert told["groups_left"] == 0

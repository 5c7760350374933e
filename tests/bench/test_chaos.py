"""The bench that disturbs renders: what it refuses, what it counts, what it calls a leak."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from ensemble.errors import BandError
from tests.bench.chaos.chaos import chaos
from tests.bench.chaos.leak import Leak, is_good
from tests.bench.chaos.watched import Watched, hashes
from tests.bench.checkout import ROOT


def quiet(_stage: str) -> None:
    """Nobody is told."""


@pytest.mark.parametrize(
    ("event", "said"),
    [("earthquake", "earthquake: is no event; choose of actor_killed_loading"), ("host_killed", "needs several hosts")],
)
def test_an_event_that_cannot_be_is_refused_before_anything_starts(event: str, said: str) -> None:
    with pytest.raises(BandError, match=said):
        next(chaos([event], with_hosts=False, on_stage=quiet))


def told(*marks: dict[str, Any]) -> Watched:
    """A render that tells these marks, and ends."""
    program = f"import sys, json; sys.stdin.readline(); [print(json.dumps(mark)) for mark in {marks!r}]"

    def start(_command: list[str], complaints: Any) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe, stderr=complaints, text=True)

    return Watched(start, {})


def test_a_stall_is_the_longest_time_between_two_blocks() -> None:
    at = [{"stage": "play", "done": 20 * number, "at": at_s} for number, at_s in enumerate((5.0, 5.1, 7.6, 7.7))]
    watched = told({"stage": "seat", "at": 0.0}, *at, {"stage": "done", "at": 99.0, "manifest": {"takes": {}}})
    assert watched.end() == {"takes": {}}
    assert watched.stall_s == pytest.approx(2.5)
    watched.counted_from = 7.0
    assert watched.stall_s == pytest.approx(0.1)


def test_a_render_that_fails_is_told_with_its_line() -> None:
    watched = told({"stage": "failed", "at": 1.0, "line": "the band: is gone; find it"})
    with pytest.raises(BandError, match=r"ended before 'done' \(the band: is gone; find it\)"):
        watched.end()
    watched.close()


def test_one_file_more_or_one_bit_less_is_another_render() -> None:
    one = {"takes": {"take-00": {"files": {"mix.wav": {"sha256": "ab"}}}}}
    other = json.loads(json.dumps(one).replace("ab", "ac"))
    assert hashes(one) == {"take-00/mix.wav": "ab"}
    assert hashes(one) != hashes(other)


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({}, True),
        ({"left": ["actor bass"]}, False),
        ({"equal": 9}, False),
        ({"slopes_mib": {"driver": 3.0}}, False),
        ({"slopes_mib": {"driver": -3.0}}, True),
    ],
)
def test_what_is_left_differs_or_grows_is_a_leak(change: Any, good: bool) -> None:
    found = Leak(renders=10, kills=10, equal=10, left=[], slopes_mib={"driver": 0.1}, stall_s=1.0, replayed=1)
    assert is_good(found | change) is good


@pytest.mark.slow
@pytest.mark.ray
def test_a_player_killed_with_a_block_in_its_hands_changes_no_byte() -> None:
    """The bench from the shell, as small as it gets."""
    command = [sys.executable, "-m", "tests.bench.chaos", "--local", "--event", "actor_killed_playing", "--json"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
    assert said.returncode == 0, said.stderr + said.stdout
    (row,) = json.loads(said.stdout)
    assert row["hashes_equal"]
    assert row["blocks_replayed"] == 1
    assert "(bass died: restart)" in row["said"]

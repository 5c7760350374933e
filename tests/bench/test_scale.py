"""The bench of scale on a tiny setting: what it promises is there and sane; how large is not our business."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.bench.checkout import ROOT


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.alone
@pytest.mark.timeout(600)
def test_every_promised_figure_is_there_and_sane() -> None:
    tiny = ("--instruments", "2", "--seconds", "4", "--rounds", "1", "--skip-memory")
    said = subprocess.run(
        [sys.executable, "-m", "tests.bench.scale", "--json", *tiny],
        capture_output=True, text=True, check=False, timeout=540, cwd=ROOT,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    figures = json.loads(said.stdout)
    assert figures["memory_ratio_20min_2min"] is None
    assert figures["ray_overhead_p50_ms"] <= figures["ray_overhead_p99_ms"]
    assert figures["ray_block_p50_ms"] > figures["ray_overhead_p50_ms"]
    assert 0.5 < figures["batch_speedup_2_workers"] < 4.0
    assert [(row["instruments"], row["actors"]) for row in figures["blocks"]] == [(1, 1), (1, 1), (2, 2), (2, 2)]
    for row in figures["blocks"]:
        assert 0.0 < row["block_p50_ms"] <= row["block_p99_ms"]
        assert row["realtime"] > 0.0

"""What `ensemble bench` measures; how large the figures are is not a test's business."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cluster.bench.renders import bench_playing
from cluster.cli.bench import bench


def test_every_promised_figure_is_measured_on_a_real_render(short_leader_file: Path) -> None:
    stages: list[str] = []
    figures = bench_playing(short_leader_file, with_ray=False, on_stage=stages.append)
    assert set(figures) == {
        "harmonic_ratio_16k", "harmonic_ratio_48k", "harmonic_snr_db", "noise_ratio", "instrument_realtime_16k",
        "instrument_realtime_48k", "render_realtime", "render_local_wall_s",
        "help_s", "refuse_s", "first_sound_s",
    }  # fmt: skip
    assert min(figures.values()) > 0
    assert figures["first_sound_s"] < figures["render_local_wall_s"]
    assert len(stages) == 4


@pytest.mark.parametrize(
    ("asked", "target"),
    [
        (["chaos", "--local", "--event", "full_disk", "--json"], "chaos"),
        (["scale", "--help"], "scale"),
        (["retrieval", "--size", "10000"], "bench-retrieval"),
        (["train"], "bench-train"),
    ],
)
def test_a_bench_that_moved_says_its_make_target_and_is_wrong_usage(asked: list[str], target: str) -> None:
    answer = CliRunner().invoke(bench, asked)
    assert answer.exit_code == 2
    assert answer.stdout == ""
    assert answer.stderr.splitlines() == [
        f"ensemble: bench {asked[0]} is for developers now: run `make {target}` in a checkout"
    ]
    makefile = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8")
    assert f"\n{target}: " in makefile

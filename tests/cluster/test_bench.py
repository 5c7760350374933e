"""What `ensemble bench` prints; how large the figures are is not a test's business."""

from __future__ import annotations

from pathlib import Path

from tests.bench.scale.renders import playing


def test_every_promised_figure_is_measured_on_a_real_render(short_leader_file: Path) -> None:
    stages: list[str] = []
    figures = playing(short_leader_file, with_ray=False, on_stage=stages.append)
    assert set(figures) == {
        "harmonic_ratio_16k", "harmonic_ratio_48k", "harmonic_snr_db", "noise_ratio", "instrument_realtime_16k",
        "instrument_realtime_48k", "render_realtime", "render_local_wall_s",
    }  # fmt: skip
    assert min(figures.values()) > 0
    assert len(stages) == 3

"""What people see of an evaluation."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from cluster.monitor import OUT

_COLUMNS = {
    "mss": 3, "mss_naive": 3, "mss_ratio": 3, "log_mel_ratio": 3, "loudness_error_db": 2, "hnr_error_db": 1,
    "silence_db": 0, "brightness_slope_ratio": 2, "click_ratio": 2, "f0_outlier_rate": 3,
}  # fmt: skip


def show_evaluation(figures: list[dict[str, Any]]) -> None:
    """One line per voice, then its baselines."""
    table = Table("voice", *(name.replace("_", " ") for name in _COLUMNS), box=None, pad_edge=False)
    for one in figures:
        numbers = (one[name] for name in _COLUMNS)
        shown = (f"{value:.{digits}f}" for value, digits in zip(numbers, _COLUMNS.values(), strict=True))
        table.add_row(one["voice"], *shown)
    OUT.print(table)
    beside = Table("voice", "beside it", "mss", "log-mel", "loudness error dB", box=None, pad_edge=False)
    for one in figures:
        for name, values in one["baselines"].items():
            beside.add_row(one["voice"], name, *(f"{value:.3f}" for value in values.values()))
    OUT.print(beside)
    for one in figures:
        low, high = one["intervals"]["mss_ratio"]
        OUT.print(
            f"{one['voice']}: {one['pieces']} pieces, pitch tracked again by {one['tracker']} "
            f"(truth itself {one['f0_outlier_truth']:.3f}), mss ratio 95 % in {low:.3f} to {high:.3f}",
            markup=False,
        )

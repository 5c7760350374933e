"""What people see of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Column, Table

from cluster.cli.progress import OUT, SHOWN, Monitor, number

if TYPE_CHECKING:
    from ensemble.data.takes import Skip

_COLUMNS = {
    "mss": 3, "mss_naive": 3, "mss_ratio": 3, "log_mel_ratio": 3, "loudness_error_db": 2, "hnr_error_db": 1,
    "silence_db": 0, "brightness_slope_ratio": 2, "click_ratio": 2, "f0_outlier_rate": 3,
}  # fmt: skip


def tell_left_out(monitor: Monitor, skips: Sequence[Skip]) -> list[dict[str, str]]:
    """Say what a training will pass over, before it loads anything.

    Returns:
        path and reason of each, for JSON.
    """
    for skip in skips[:SHOWN]:
        monitor.say(f"left out: {skip.path}: {skip.reason}")
    if len(skips) > SHOWN:
        monitor.say(f"left out: and {len(skips) - SHOWN} more; --json lists all")
    return [{"path": str(skip.path), "reason": skip.reason} for skip in skips]


def show_evaluation(figures: list[dict[str, Any]]) -> None:
    """One line per voice, then its baselines."""
    table = Table(
        Column("voice", no_wrap=True), *(name.replace("_", " ") for name in _COLUMNS), box=None, pad_edge=False
    )
    names = _names(figures)
    for one, called in zip(figures, names, strict=True):
        numbers = (one[name] for name in _COLUMNS)
        shown = (number(value, f".{digits}f") for value, digits in zip(numbers, _COLUMNS.values(), strict=True))
        table.add_row(called, *shown)
    OUT.print(table)
    beside = Table("voice", "beside it", "mss", "log-mel", "loudness error dB", box=None, pad_edge=False)
    for one, called in zip(figures, names, strict=True):
        for name, values in one["baselines"].items():
            beside.add_row(called, name, *(number(value, ".3f") for value in values.values()))
    OUT.print(beside)
    for one, called in zip(figures, names, strict=True):
        low, high = one["intervals"]["mss_ratio"]
        OUT.print(
            f"{called}, {one['path']}: {one['pieces']} pieces, pitch tracked again by {one['tracker']} "
            f"(truth itself {number(one['f0_outlier_truth'], '.3f')}), mss ratio 95 % in {low:.3f} to {high:.3f}, "
            f"told from recordings with an AUC of {number(one['two_sample_auc'], '.3f')} "
            f"(naive {number(one['two_sample_auc_naive'], '.3f')})",
            markup=False,
        )


def _names(figures: list[dict[str, Any]]) -> list[str]:
    """The instruments, numbered where one is played by several voices."""
    played = [one["voice"] for one in figures]
    return [
        name if played.count(name) == 1 else f"{name} {played[: at + 1].count(name)}" for at, name in enumerate(played)
    ]

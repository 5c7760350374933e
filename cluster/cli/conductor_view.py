"""What people see of a conductor's evaluation."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from cluster.cli.progress import OUT


def show_conducting(figures: dict[str, Any]) -> None:
    """One table of errors by look-ahead, one of everything at 100 ms; then the same of the second set."""
    _show(figures)
    if "beside" in figures:
        OUT.print("\nbeside it, the second set:", markup=False)
        _show(figures["beside"])


def _show(figures: dict[str, Any]) -> None:
    by_look_ahead = figures["by_look_ahead_ms"]
    table = Table("mean absolute error, dB", *(f"{name} ms" for name in by_look_ahead), box=None, pad_edge=False)
    main = by_look_ahead["100"]["contenders"]
    for name in main:
        errors = (one["contenders"][name]["error_db"] for one in by_look_ahead.values())
        table.add_row(name.replace("_", " "), *(f"{error:.2f}" for error in errors))
    for name in ("coverage_80", "width_ratio_to_marginal"):
        table.add_row(name.replace("_", " "), *(f"{one[name]:.3f}" for one in by_look_ahead.values()))
    OUT.print(table)
    shapes = Table("at 100 ms", "correlation", "of the slope", "rises F1", box=None, pad_edge=False)
    for name, scores in main.items():
        numbers = (scores[field] for field in ("correlation", "slope_correlation", "rises_f1"))
        shapes.add_row(name.replace("_", " "), *("-" if number is None else f"{number:.2f}" for number in numbers))
    OUT.print(shapes)
    if strokes := figures["strokes"]:
        OUT.print(
            f"strokes on the sixteenths: log loss {strokes['log_loss']:.3f} against {strokes['habit_log_loss']:.3f} of "
            f"habit, F1 {strokes['f1']:.2f} against {strokes['habit_f1']:.2f}",
            markup=False,
        )
        drums = Table("drums as written, F1", *strokes["written_f1"], box=None, pad_edge=False)
        for who, name in (("by what is foretold", "written_f1"), ("grooves alone", "groove_f1")):
            drums.add_row(who, *(f"{one:.3f}" for one in strokes[name].values()))
        OUT.print(drums)
        low, high = strokes["written_gain_interval"]
        OUT.print(f"{strokes['changed']:.1%} of the strokes changed; gain {low:.3f} to {high:.3f} (95 %)", markup=False)
    low, high = figures["gain_interval"]
    closed = "no ceiling" if figures["gap_closed"] is None else f"{figures['gap_closed']:.0%} of the gap to the ceiling"
    OUT.print(
        f"{figures['pieces']} pieces, {figures['cases']} followers: {figures['error_db']:.2f} dB against "
        f"{figures['best_baseline_error_db']:.2f} of {figures['best_baseline']}, better by {low:.2f} to {high:.2f} dB "
        f"(95 %), {closed}",
        markup=False,
    )

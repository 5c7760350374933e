"""What people see of `ensemble bench scale`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from cluster.cli.progress import OUT, show_bench


def show_scale(figures: dict[str, Any]) -> None:
    """Figures, then tables."""
    show_bench({name: value for name, value in figures.items() if isinstance(value, float)})
    for name in ("two_nodes", "costs"):
        OUT.print(f"\n{name.replace('_', ' ')}")
        show_bench(figures[name])
    for name in ("blocks", "forecast", "batch_forecast"):
        OUT.print(f"\n{name.replace('_', ' ')}")
        OUT.print(_table(figures[name]))


def _table(rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(*(name.replace("_", " ") for name in _flat(rows[0])), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(f"{value:.3g}" if isinstance(value, float) else str(value) for value in _flat(row).values()))
    return table


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """Shares in columns of their own."""
    shares: dict[str, Any] = row.get("busy", {})
    return {name: value for name, value in row.items() if name != "busy"} | shares

"""What people see of the chaos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from tests.bench.chaos.row import Row

OUT = Console(highlight=False, markup=False, soft_wrap=True)


def show_chaos(rows: Sequence[Row]) -> None:
    """One event a row."""
    table = Table("event", "stall s", "usual s", "replayed", "hashes", "what happened", box=None, pad_edge=False)
    for row in rows:
        stall = "-" if row["stall_s"] is None else f"{row['stall_s']:.2f}"
        replayed = "-" if row["blocks_replayed"] is None else str(row["blocks_replayed"])
        alike = {True: "equal", False: "DIFFER", None: "-"}[row["hashes_equal"]]
        table.add_row(row["event"], stall, f"{row['usual_s']:.2f}", replayed, alike, row["said"])
    OUT.print(table)

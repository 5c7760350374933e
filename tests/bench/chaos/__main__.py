"""Renders that are disturbed on purpose: `make chaos`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer
from rich.table import Table

from cluster.cli.json_output import AsJson, print_json
from cluster.cli.progress import OUT, Monitor
from cluster.main import main
from tests.bench.chaos.chaos import chaos
from tests.bench.chaos.row import Row


def bench_chaos(
    event: Annotated[
        list[str] | None, typer.Option("--event", metavar="NAME", help="Only this one; may be given again.")
    ] = None,
    local: Annotated[
        bool, typer.Option("--local", help="On a local Ray each: what can be done without several hosts.")
    ] = False,
    renders: Annotated[int, typer.Option(min=2, help="How many renders `leak` does.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Disturb renders on purpose, on three hosts that are namespaces of this machine (needs root)."""
    with Monitor(quiet=as_json) as monitor:
        rows = list(chaos(event or [], with_hosts=not local, renders=renders, on_stage=monitor.stage))
    if as_json:
        print_json(rows)
    else:
        show(rows)
    if not all(row["is_good"] for row in rows):
        raise typer.Exit(1)


def show(rows: Sequence[Row]) -> None:
    """One event a row."""
    table = Table("event", "stall s", "usual s", "replayed", "hashes", "what happened", box=None, pad_edge=False)
    for row in rows:
        stall = "-" if row["stall_s"] is None else f"{row['stall_s']:.2f}"
        replayed = "-" if row["blocks_replayed"] is None else str(row["blocks_replayed"])
        alike = {True: "equal", False: "DIFFER", None: "-"}[row["hashes_equal"]]
        table.add_row(row["event"], stall, f"{row['usual_s']:.2f}", replayed, alike, row["said"])
    OUT.print(table)


if __name__ == "__main__":
    main(partial(typer.run, bench_chaos))

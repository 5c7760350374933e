"""`ensemble bench chaos`: reads arguments, disturbs renders, prints what came of it."""

from __future__ import annotations

from typing import Annotated

import typer

from cluster.cli.json_output import AsJson, print_json


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
    """Renders that are disturbed on purpose, on three hosts that are namespaces of this machine (needs root)."""
    from cluster.cli.progress import Monitor
    from tests.bench.chaos.chaos import chaos
    from tests.bench.chaos.chaos_monitor import show_chaos

    with Monitor(quiet=as_json) as monitor:
        rows = list(chaos(event or [], with_hosts=not local, renders=renders, on_stage=monitor.stage))
    if as_json:
        print_json(rows)
    else:
        show_chaos(rows)
    if not all(row["is_good"] for row in rows):
        raise typer.Exit(1)

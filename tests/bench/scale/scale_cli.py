"""`ensemble bench scale`: reads arguments, measures, forecasts, prints."""

from __future__ import annotations

from typing import Annotated

import typer

from cluster.cli.json_output import AsJson, print_json


def bench_scale(
    instruments: Annotated[int, typer.Option(min=1, max=8, help="Of the largest band.")] = 8,
    seconds: Annotated[float, typer.Option(min=1.0, max=60.0, help="Of the leader that is followed.")] = 16.0,
    rounds: Annotated[int, typer.Option(min=1, help="Of the comparison with one process.")] = 4,
    skip_memory: Annotated[
        bool, typer.Option("--skip-memory", help="Leave out the renders of 2 and 20 minutes, which take minutes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ray's cost per block, memory by length, what more workers bring; and a forecast of larger clusters."""
    from cluster.cli.progress import Monitor
    from tests.bench.scale.scale import scaling
    from tests.bench.scale.scale_monitor import show_scale

    with Monitor(quiet=False) as monitor:
        figures = scaling(
            instruments=instruments, seconds=seconds, rounds=rounds, with_memory=not skip_memory,
            on_stage=monitor.stage,
        )  # fmt: skip
    if as_json:
        print_json(figures)
    else:
        show_scale(figures)

"""`ensemble bench`: measures how fast this machine plays."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.json_output import AsJson, print_result
from cluster.cli.progress import Monitor, show_bench

bench = typer.Typer(name="bench", help="Measure how fast this machine plays, beside a plain textbook synthesizer.")
Leader = Annotated[Path | None, typer.Option(help="Recording to render (default: the bundled guitar).")]
WithRay = Annotated[bool, typer.Option("--ray/--no-ray", help="Also time a render on a fresh local Ray.")]
MOVED = {"chaos": "chaos", "scale": "scale", "retrieval": "bench-retrieval", "train": "bench-train"}
"""Benches of 0.1.0 that only developers need, and the make target that replaces each."""


@bench.callback(invoke_without_command=True)
def bench_by_default(
    context: typer.Context, leader: Leader = None, with_ray: WithRay = True, as_json: AsJson = False
) -> None:
    """Measure how fast this machine plays, beside a plain textbook synthesizer in the same run."""
    if context.invoked_subcommand is None:
        bench_synth(leader, with_ray, as_json)


@bench.command("synth")
def bench_synth(leader: Leader = None, with_ray: WithRay = True, as_json: AsJson = False) -> None:
    """Measure the synthesizer and whole renders, as `ensemble bench` alone does."""
    from cluster.bench.renders import bench_playing

    with Monitor(quiet=as_json) as monitor:
        figures = bench_playing(leader, with_ray=with_ray, on_stage=monitor.stage)
    print_result(as_json, figures, lambda: show_bench(figures))


def bench_moved(context: typer.Context) -> None:
    """Name the make target that replaces this bench."""
    name = context.info_name or ""
    typer.echo(f"ensemble: bench {name} is for developers now: run `make {MOVED[name]}` in a checkout", err=True)
    raise typer.Exit(2)


for _name in MOVED:
    # Any option, --help included, gives the same line.
    bench.command(
        _name, hidden=True, add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )(bench_moved)  # fmt: skip

"""`ensemble bench`: reads arguments, measures how fast this machine plays, prints the figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.json_output import AsJson, print_json

bench = typer.Typer(name="bench", help="Measure how fast this machine plays, beside a plain textbook synthesizer.")
Leader = Annotated[Path | None, typer.Option(help="The recording to render; the bundled guitar if absent.")]
WithRay = Annotated[bool, typer.Option("--ray/--no-ray", help="Also time a render on a fresh local Ray.")]
MOVED = {"chaos": "chaos", "scale": "scale", "retrieval": "bench-retrieval", "train": "bench-train"}
"""Benches of 0.1.0 that only developers run, and the make target that each has become."""


@bench.callback(invoke_without_command=True)
def bench_by_default(
    context: typer.Context, leader: Leader = None, with_ray: WithRay = True, as_json: AsJson = False
) -> None:
    """Measure how fast this machine plays, beside a plain textbook synthesizer in the same run."""
    if context.invoked_subcommand is None:
        bench_synth(leader, with_ray, as_json)


@bench.command("synth")
def bench_synth(leader: Leader = None, with_ray: WithRay = True, as_json: AsJson = False) -> None:
    """The synthesizer, and whole renders: what `ensemble bench` alone measures."""
    from cluster.bench.renders import bench_playing
    from cluster.cli.progress import Monitor, show_bench

    with Monitor(quiet=as_json) as monitor:
        figures = bench_playing(leader, with_ray=with_ray, on_stage=monitor.stage)
    if as_json:
        print_json(figures)
    else:
        show_bench(figures)


def bench_moved(context: typer.Context) -> None:
    """Say which make target this bench has become."""
    name = context.info_name or ""
    typer.echo(f"ensemble: bench {name} is for developers now: run `make {MOVED[name]}` in a checkout", err=True)
    raise typer.Exit(2)


for _name in MOVED:
    # Whatever was asked, --help included, the answer is the same line.
    bench.command(
        _name, hidden=True, add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )(bench_moved)  # fmt: skip

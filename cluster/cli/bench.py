"""`ensemble bench`: reads arguments, calls the benches, prints their figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.json_output import AsJson, print_json
from tests.bench.chaos.chaos_cli import bench_chaos
from tests.bench.scale.scale_cli import bench_scale

bench = typer.Typer(name="bench", help="Measure speed against a plain textbook baseline in the same run.")
bench.command("scale")(bench_scale)
bench.command("chaos")(bench_chaos)
Leader = Annotated[Path | None, typer.Option(help="The recording to render; the bundled guitar if absent.")]
WithRay = Annotated[bool, typer.Option("--ray/--no-ray", help="Also time a render on a fresh local Ray.")]


@bench.callback(invoke_without_command=True)
def bench_by_default(
    context: typer.Context, leader: Leader = None, with_ray: WithRay = True, as_json: AsJson = False
) -> None:
    """Measure speed against a plain textbook baseline in the same run; `synth` where nothing is named."""
    if context.invoked_subcommand is None:
        bench_synth(leader, with_ray, as_json)


@bench.command("synth")
def bench_synth(leader: Leader = None, with_ray: WithRay = True, as_json: AsJson = False) -> None:
    """Playing and whole renders."""
    from cluster.cli.progress import Monitor
    from tests.bench.scale.renders import playing

    with Monitor(quiet=as_json) as monitor:
        figures = playing(leader, with_ray=with_ray, on_stage=monitor.stage)
    _show(figures, as_json=as_json)


@bench.command("train")
def bench_train(
    workers: Annotated[int, typer.Option(min=0, help="What a team of so many workers brings.")] = 0,
    as_json: AsJson = False,
) -> None:
    """A training step."""
    from cluster.cli.progress import Monitor
    from tests.bench.scale.renders import training

    with Monitor(quiet=as_json) as monitor:
        figures = training(workers=workers, on_stage=monitor.stage)
    _show(figures, as_json=as_json)


@bench.command("retrieval")
def bench_retrieval(
    sizes: Annotated[
        list[int] | None, typer.Option("--size", min=1, help="Chunks in a store; 10000 if absent.")
    ] = None,
    uri: Annotated[str, typer.Option(help="An empty Milvus server to measure too.")] = "",
    as_json: AsJson = False,
) -> None:
    """Questions to stores of several sizes, beside exact numpy and a brute-force loop."""
    from cluster.cli.progress import Monitor
    from tests.bench.retrieval import retrieving, written_out

    with Monitor(quiet=as_json) as monitor:
        figures = retrieving(sizes or [10_000], uri, on_stage=monitor.stage, on_progress=monitor.progress)
    if as_json:
        print_json(figures)
    else:
        typer.echo(written_out(figures))


def _show(figures: dict[str, float], *, as_json: bool) -> None:
    from cluster.cli.progress import show_bench

    if as_json:
        print_json(figures)
    else:
        show_bench(figures)

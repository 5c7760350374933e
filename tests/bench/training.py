"""How fast a voice trains, and what more workers bring: `make bench-train`."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from cluster.cli.json_output import AsJson, print_json
from cluster.cli.progress import Monitor, show_bench
from cluster.main import main


def bench_training(
    workers: Annotated[int, typer.Option(min=0, help="Measure what a team of so many workers brings instead.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Measure a training step against a textbook one, or a team of workers against one of them."""
    with Monitor(quiet=as_json) as monitor:
        if workers:
            from cluster.sessions.local import local_ray
            from tests.bench.training_workers import bench_workers

            monitor.stage("start Ray")
            with local_ray(num_cpus=workers):
                monitor.stage(f"one worker and {workers}, by turns")
                figures = bench_workers(workers)
        else:
            from tests.bench.training_speed import bench_train

            monitor.stage("a training step against the textbook's")
            figures = bench_train()
    if as_json:
        print_json(figures)
    else:
        show_bench(figures)


if __name__ == "__main__":
    main(partial(typer.run, bench_training))

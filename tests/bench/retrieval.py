"""How fast a question to a store of recordings is answered: `make bench-retrieval`."""

from __future__ import annotations

import os
from functools import partial
from typing import Annotated, Any

import typer

from cluster.cli.json_output import AsJson, print_json
from cluster.cli.progress import Monitor
from cluster.main import main


def bench_stores(
    sizes: Annotated[
        list[int] | None, typer.Option("--size", min=1, help="Chunks in a store; 10000 if absent; may be given again.")
    ] = None,
    uri: Annotated[
        str, typer.Option(help="An empty Milvus server to measure too; its token from the environment.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Ask stores of several sizes, beside exact numpy and a brute-force loop; the corpus is indexed first."""
    from ensemble.retrieve.default_library import indexed_corpus
    from ensemble.retrieve.library.ledger import Ledger
    from ensemble.retrieve.library.opening import TOKEN_VARIABLE
    from tests.bench.retrieval_crowd import Crowd
    from tests.bench.retrieval_speed import bench_retrieval, index_realtime

    with Monitor(quiet=as_json) as monitor:
        monitor.stage("index the corpus")
        ledger = Ledger(indexed_corpus(on_progress=monitor.progress).folder)
        monitor.stage("hear and describe")
        figures: dict[str, Any] = {"index_realtime": index_realtime()}
        token = os.environ.get(TOKEN_VARIABLE, "")
        figures |= bench_retrieval(Crowd(ledger), sizes or [10_000], uri=uri, token=token, on_stage=monitor.stage)
    if as_json:
        print_json(figures)
    else:
        typer.echo(written_out(figures))


def written_out(figures: dict[str, Any]) -> str:
    """The table as plain lines."""
    columns = (("p50 ms", 9), ("p99 ms", 9), ("R@10", 7), ("to brute", 10), ("to exact", 10), ("rows/s", 9))
    heads = "".join(f"{name:>{width}}" for name, width in (*columns, ("disk MB", 9), ("RAM MB", 8)))
    lines = [f"{'chunks':>8} {'engine':<8}{heads}"]
    for size, engines in figures["sizes"].items():
        for engine, row in engines.items():
            memory = "-" if row["memory_mb"] is None else f"{row['memory_mb']:.0f}"
            lines.append(
                f"{size:>8} {engine:<8}{row['query_p50_ms']:9.0f}{row['query_p99_ms']:9.0f}{row['recall_at_10']:7.2f}"
                f"{row['ratio_to_brute_force']:10.0f}{row['ratio_to_exact']:10.2f}{row['rows_per_s']:9.0f}"
                f"{row['disk_mb']:9.0f}{memory:>8}"
            )
    brute_ms, realtime = figures["brute_force_candidate_ms"], figures["index_realtime"]
    lines.append(f"brute force: {brute_ms:.0f} ms per candidate; indexing: {realtime:.1f} times real time")
    return "\n".join(lines)


if __name__ == "__main__":
    main(partial(typer.run, bench_stores))

"""`ensemble bench retrieval`: questions to stores of several sizes, beside exact numpy and brute force."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any


def retrieving(
    sizes: Sequence[int], uri: str, *, on_stage: Callable[[str], None], on_progress: Callable[[str, int, int], None]
) -> dict[str, Any]:
    """Measure everything; the corpus is indexed first, if it never was.

    Args:
        sizes: of the stores, in chunks.
        uri: of an empty Milvus server to measure too; its token comes from the environment.
        on_stage: told what is measured.
        on_progress: told how far the indexing is.

    Returns:
        index_realtime: seconds of music per second that one process hears and describes; and what
        `tests.bench.retrieval_speed.bench_retrieval` gives.
    """
    from ensemble.retrieve.default_library import indexed_corpus
    from ensemble.retrieve.library.ledger import Ledger
    from ensemble.retrieve.library.opening import TOKEN_VARIABLE
    from tests.bench.retrieval_crowd import Crowd
    from tests.bench.retrieval_speed import bench_retrieval, index_realtime

    on_stage("index the corpus")
    ledger = Ledger(indexed_corpus(on_progress=on_progress).folder)
    on_stage("hear and describe")
    figures: dict[str, Any] = {"index_realtime": index_realtime()}
    token = os.environ.get(TOKEN_VARIABLE, "")
    return figures | bench_retrieval(Crowd(ledger), sizes, uri=uri, token=token, on_stage=on_stage)


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

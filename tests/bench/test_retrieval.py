"""The bench of retrieval on a store of one piece: every figure is there, and exact search agrees with itself."""

from __future__ import annotations

import pytest

from ensemble.corpus import corpus_pieces
from ensemble.retrieve.index_local import describe_file
from ensemble.retrieve.library.indexer import IndexJob
from ensemble.retrieve.library.sources import Source
from tests.bench import retrieval_speed
from tests.bench.retrieval import written_out
from tests.bench.retrieval_crowd import Crowd
from tests.bench.retrieval_speed import bench_retrieval

CHUNKS = 100


def test_every_promised_figure_is_measured_on_a_real_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval_speed, "QUESTIONS", 4)
    piece = corpus_pieces()[0]
    source = Source(path=piece.path, title=piece.title, licence=piece.licence)
    job = IndexJob(source=source, sha256=piece.sha256, size_bytes=piece.path.stat().st_size, mtime_ns=0)
    crowd = Crowd({piece.sha256: describe_file(job)})
    assert sum(len(rows) for rows in crowd.batches(CHUNKS)) == CHUNKS
    stages: list[str] = []
    figures = bench_retrieval(crowd, [CHUNKS], on_stage=stages.append)
    assert stages == ["brute force, on a few candidates", f"{CHUNKS} chunks, exact", f"{CHUNKS} chunks, lite"]
    exact, lite = figures["sizes"][str(CHUNKS)]["exact"], figures["sizes"][str(CHUNKS)]["lite"]
    assert exact.keys() == lite.keys()
    assert exact["recall_at_10"] == 1.0
    assert lite["recall_at_10"] >= 0.9
    assert exact["ratio_to_exact"] == pytest.approx(1.0)
    assert 0.0 < lite["query_p50_ms"] <= lite["query_p99_ms"]
    lines = written_out(figures | {"index_realtime": 1.0}).splitlines()
    assert [line.split()[:2] for line in lines[1:3]] == [[str(CHUNKS), "exact"], [str(CHUNKS), "lite"]]

"""How fast a question is answered, in stores of several sizes, beside two others: exact numpy, and no store at all.

Conventions: wall time in this process, one question at a time, each of twelve transpositions and four look-backs, with
the exact scores of the nearest; the first question of a store is not counted. A folder is closed and opened again once
it is filled. Chunks are those of the corpus, described once and repeated with a little noise until there are enough.
Brute force is the reference implementation's way: it computes the constant-Q chroma of every candidate anew for every
question. It is timed on a few candidates.
`ratio_to_brute_force`: its time per candidate, times the chunks, over the median question. `ratio_to_exact`: the
median question over the same question to a matrix in memory.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from ensemble.audio.files import read_clip
from ensemble.corpus import corpus_pieces
from ensemble.errors import StoreError
from ensemble.listen.listener import at_analysis_rate
from ensemble.retrieve.index_local import describe_file
from ensemble.retrieve.library.exact import ExactStore
from ensemble.retrieve.library.indexer import IndexJob
from ensemble.retrieve.library.milvus import MilvusStore
from ensemble.retrieve.library.sources import Source
from ensemble.retrieve.library.store import Store
from ensemble.retrieve.search.context import JoinContext
from ensemble.retrieve.search.search import Search
from ensemble.retrieve.settings import RetrieveSettings
from ensemble.threads import one_thread
from tests.bench.retrieval_crowd import Crowd

QUESTIONS = 24
BRUTE_CANDIDATES = 6
BRUTE_S = 8.0
MIN_REMAINING_S = 8.0
Answers = list[list[tuple[str, int]]]


def bench_retrieval(
    crowd: Crowd, sizes: Sequence[int], *, uri: str = "", token: str = "", on_stage: Callable[[str], None]
) -> dict[str, Any]:
    """Measure questions, filling, and what a store takes on disk and in memory.

    Args:
        crowd: chunks without end.
        sizes: of the stores, in chunks.
        uri: of a Milvus server, measured too; it has to be empty, and is left empty.
        token: of the server.
        on_stage: told what is measured.

    Returns:
        brute_force_candidate_ms; and sizes: by size, by engine (`exact`, `lite`, `server`): query_p50_ms,
        query_p99_ms, recall_at_10 (share of the exact answer's first ten), ratio_to_brute_force, ratio_to_exact,
        rows_per_s, disk_mb, memory_mb (growth of this process, None where the engine is another).

    Raises:
        StoreError: the server cannot be used, or is not empty.
    """
    on_stage("brute force, on a few candidates")
    brute_ms = 1000 * brute_force_s()
    figures: dict[str, Any] = {}
    for size in sizes:
        answers: Answers = []
        engines: dict[str, Any] = {}
        for engine in ("exact", "lite", *(["server"] if uri else [])):
            on_stage(f"{size} chunks, {engine}")
            measured, found = _measured(crowd, size, engine, uri, token)
            answers = answers or found
            exact_ms = engines["exact"]["query_p50_ms"] if engines else measured["query_p50_ms"]
            engines[engine] = measured | {
                "recall_at_10": _agreement(answers, found),
                "ratio_to_brute_force": brute_ms * size / measured["query_p50_ms"],
                "ratio_to_exact": measured["query_p50_ms"] / exact_ms,
            }
        figures[str(size)] = engines
    return {"brute_force_candidate_ms": brute_ms, "sizes": figures}


def _measured(crowd: Crowd, size: int, engine: str, uri: str, token: str) -> tuple[dict[str, Any], Answers]:
    """Fill one store, ask it, empty it."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="ensemble-bench-")))
        before = _resident_mb()
        began = time.perf_counter()
        if engine == "lite":  # a render opens what was filled before: only then is the log a segment
            with closing(_opened(engine, folder, uri, token)) as filling:
                _fill(filling, crowd, size)
            store = opened.enter_context(closing(_opened(engine, folder, uri, token)))
        else:
            store = opened.enter_context(closing(_opened(engine, folder, uri, token)))
            if engine == "server":
                opened.callback(lambda: store.remove(crowd.recordings(size)))
            _fill(store, crowd, size)
        filled_s = time.perf_counter() - began
        grown_mb = _resident_mb() - before
        seconds, answers = asked(store, crowd, QUESTIONS)
        p50_s, p99_s = np.percentile(seconds, [50, 99])
        measured: dict[str, Any] = {
            "query_p50_ms": 1000 * float(p50_s), "query_p99_ms": 1000 * float(p99_s),
            "rows_per_s": size / filled_s,
            "memory_mb": None if engine == "server" else grown_mb,
            "disk_mb": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6,
        }  # fmt: skip
    return measured, answers


def _fill(store: Store, crowd: Crowd, size: int) -> None:
    for rows in crowd.batches(size):
        store.add(rows)


def _opened(engine: str, folder: Path, uri: str, token: str) -> Store:
    if engine == "exact":
        return ExactStore()
    if engine == "lite":
        return MilvusStore(str(folder))
    store = MilvusStore(uri, token=token)
    if held := store.count():
        store.close()
        raise StoreError(uri, f"holds {held} rows already", "measure on a server that is empty")
    return store


def asked(store: Store, crowd: Crowd, num_questions: int) -> tuple[list[float], Answers]:
    """Ask questions one by one: the seconds of each, and the first ten chunks of each answer."""
    search = Search(store, crowd.described, RetrieveSettings())
    contexts: list[JoinContext] = crowd.contexts(num_questions)
    seconds, answers = list[float](), Answers()
    search.candidates(contexts[0], 10, min_remaining_s=MIN_REMAINING_S)
    for context in contexts:
        began = time.perf_counter()
        found = search.candidates(context, 10, min_remaining_s=MIN_REMAINING_S)
        seconds.append(time.perf_counter() - began)
        answers.append([(candidate.recording.sha256, candidate.chunk) for candidate in found.candidates])
    return seconds, answers


def brute_force_s() -> float:
    """What one candidate costs who keeps nothing: constant-Q chroma and level of eight seconds, and two comparisons.

    Returns:
        Seconds per candidate, the median of a few; reading the file is not counted.
    """
    import librosa

    clip = at_analysis_rate(read_clip(corpus_pieces()[0].path))
    length = round(BRUTE_S * clip.sample_rate)
    pieces = [clip.samples[0, at : at + length] for at in range(0, (BRUTE_CANDIDATES + 1) * length // 2, length // 2)]

    def described(piece: np.ndarray) -> tuple[np.ndarray, float]:
        chroma = librosa.feature.chroma_cqt(y=piece, sr=clip.sample_rate).mean(axis=1)
        return chroma / np.linalg.norm(chroma), float(librosa.feature.rms(y=piece).mean())

    with one_thread():
        tail_chroma, tail_level = described(pieces[0])  # also compiles and fills tables
        seconds = []
        for piece in pieces[1:]:
            began = time.perf_counter()
            chroma, level = described(piece)
            _ = float(chroma @ tail_chroma), abs(level - tail_level)
            seconds.append(time.perf_counter() - began)
    return float(np.median(seconds))


def _agreement(exact: Answers, found: Answers) -> float:
    shares = [len(set(right) & set(given)) / len(right) for right, given in zip(exact, found, strict=True) if right]
    return float(np.mean(shares))


def _resident_mb() -> float:
    gc.collect()
    return float(psutil.Process().memory_info().rss / 1e6)


def index_realtime() -> float:
    """Seconds of music that are read, heard and described per second, from one piece of the corpus."""
    piece = corpus_pieces()[0]
    source = Source(path=piece.path, title=piece.title, licence=piece.licence)
    size_bytes = piece.path.stat().st_size
    job = IndexJob(source=source, sha256=piece.sha256, size_bytes=size_bytes, mtime_ns=0)
    began = time.perf_counter()
    describe_file(job)
    return piece.duration_s / (time.perf_counter() - began)

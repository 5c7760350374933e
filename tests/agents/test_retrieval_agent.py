"""The retrieval actor and the writer: the same answer as in this process, and no acknowledged row lost to a kill."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from ensemble.audio.files import prepared_clip, read_clip, write_clip
from ensemble.errors import StoreBusyError, StoreError
from ensemble.listen.listener import Listener, at_analysis_rate
from ensemble.retrieve.default_library import open_retriever
from ensemble.retrieve.find_sources import find_sources
from ensemble.retrieve.index_local import index_sources
from ensemble.retrieve.library.opening import LibraryPlace, open_library
from ensemble.retrieve.settings import RetrieveSettings
from ensemble.types.continuation import Continuation, ContinuationQuery
from ensemble.types.music import AudioClip, Heard
from ensemble.wire import pack, unpack
from tests.retrieve.shelves import described, entry_of

RATE = 16_000
_ALIVE = {"max_restarts": -1, "max_task_retries": -1, "num_cpus": 0.1}


def started(kind: type, *settings: str) -> Any:
    import ray

    actor_class: Any = ray.remote(kind).options(**_ALIVE)
    return actor_class.remote(*settings)


def pid_of(actor: Any) -> int:
    import ray

    status: dict[str, Any] = ray.get(actor.status.remote(), timeout=60)
    return int(status["pid"])


@pytest.fixture(scope="module")
def whole() -> AudioClip:
    from ensemble.leaders import leader_path

    return prepared_clip(read_clip(leader_path()), RATE)


@pytest.fixture(scope="module")
def settings(whole: AudioClip, tmp_path_factory: pytest.TempPathFactory) -> RetrieveSettings:
    """A library of the bundled guitar, whole and a little lower."""
    folder = tmp_path_factory.mktemp("library")
    write_clip(folder / "guitar.wav", whole)
    quieter = AudioClip(samples=np.ascontiguousarray(whole.samples[:, 3 * RATE :] * np.float32(0.9)), sample_rate=RATE)
    write_clip(folder / "later.wav", quieter)
    report = index_sources(
        find_sources([folder / "guitar.wav", folder / "later.wav"]), LibraryPlace.of(str(folder / "index"))
    )
    assert report.added == 2
    assert report.chunks > 20
    return RetrieveSettings(uri=str(folder / "index"))


@pytest.fixture(scope="module")
def question(whole: AudioClip) -> tuple[Heard, ContinuationQuery]:
    leader = AudioClip(samples=np.ascontiguousarray(whole.samples[:, : 9 * RATE]), sample_rate=RATE)
    start = 5 * RATE
    tail = AudioClip(samples=np.ascontiguousarray(leader.samples[:, start:]), sample_rate=RATE)
    listened = at_analysis_rate(leader)
    query = ContinuationQuery(leader=listened, tail=tail, tail_start_sample=start, extend_s=4.0, top_k=2)
    return Listener().listen(listened), query


@pytest.fixture(scope="module")
def reference(settings: RetrieveSettings, question: tuple[Heard, ContinuationQuery]) -> bytes:
    with open_retriever(settings) as retriever:
        found = retriever.continuations(*question)
    assert found
    assert all(isinstance(one, Continuation) for one in found)
    return pack(found)


@pytest.mark.ray
def test_the_actor_gives_the_same_bytes_alone_killed_while_it_searches_and_afterwards(
    local_ray: None, settings: RetrieveSettings, question: tuple[Heard, ContinuationQuery], reference: bytes
) -> None:
    import ray

    from agents.retrieval import RetrievalAgent

    actor = started(RetrievalAgent, settings.model_dump_json())
    asked = [pack(part) for part in question]
    try:
        assert ray.get(actor.ready.remote(), timeout=120) == 2
        with pytest.raises(StoreBusyError, match="is being changed by another process"), open_retriever(settings):
            pass
        first = pid_of(actor)
        answers = [actor.retrieve.remote(*asked)]
        threading.Timer(0.3, os.kill, (first, signal.SIGKILL)).start()
        answers.append(actor.retrieve.remote(*asked))
        for found, stamp in ray.get(answers, timeout=240):
            assert found == reference
            assert stamp["busy_s"] > 0
        assert pid_of(actor) != first
        ray.get(actor.close.remote(), timeout=60)
        with open_retriever(settings) as retriever:
            assert pack(retriever.continuations(*question)) == reference
    finally:
        ray.kill(actor)


@pytest.mark.ray
def test_a_library_that_is_not_there_is_an_answer_and_no_death(local_ray: None, tmp_path: Path) -> None:
    import ray
    from ray.exceptions import RayTaskError

    from agents.retrieval import RetrievalAgent

    actor = started(RetrievalAgent, RetrieveSettings(uri=str(tmp_path / "absent")).model_dump_json())
    try:
        with pytest.raises(RayTaskError) as refused:
            ray.get(actor.ready.remote(), timeout=120)
        assert isinstance(refused.value.cause, StoreError)
        assert "holds no recordings; run `ensemble index add PATH..." in str(refused.value.cause)
        assert not (tmp_path / "absent").exists()
    finally:
        ray.kill(actor)


@pytest.fixture
def writer(local_ray: None, tmp_path: Path) -> Iterator[Any]:
    import ray

    from agents.retrieval import LibraryWriter

    actor = started(LibraryWriter, str(tmp_path / "kept"), str(tmp_path / "kept"))
    yield actor
    ray.kill(actor)


@pytest.mark.ray
def test_a_writer_killed_again_and_again_loses_no_row_that_it_acknowledged(writer: Any, tmp_path: Path) -> None:
    import ray

    made = [described(f"recording {number}", 60) for number in range(24)]
    acknowledged = {}
    for number, one in enumerate(made):
        adding = writer.add.remote([entry_of(one)], pack(one))
        if number in (5, 6, 17):
            time.sleep(0.02 * (number - 4))
            kill_holder(tmp_path / "kept" / "ledger.lock")
        acknowledged[one.recording.sha256] = ray.get(adding, timeout=120)
    assert set(acknowledged.values()) == {60}
    os.kill(pid_of(writer), signal.SIGKILL)
    ray.kill(writer)
    library = until_free(LibraryPlace.of(str(tmp_path / "kept")))
    try:
        library.mend()
        assert library.store.recordings() == acknowledged
        assert library.compare().is_whole
        np.testing.assert_array_equal(library.described(made[17].recording.sha256).vectors, made[17].vectors)
    finally:
        library.close()


def kill_holder(lock: Path) -> None:
    """Kill the writer that holds a lock, as the kernel says: it may be too busy to say so itself."""
    until = time.monotonic() + 60
    holders: list[int] = []
    while not holders and time.monotonic() < until:  # it may not have opened the library yet
        inode = lock.stat().st_ino if lock.exists() else -1
        held = {int(line.split()[4]) for line in Path("/proc/locks").read_text().splitlines() if f":{inode} " in line}
        holders = [pid for pid in held if has_open(pid, lock)]
    (holder,) = holders
    os.kill(holder, signal.SIGKILL)


def has_open(pid: int, path: Path) -> bool:
    """Whether a process has a file open; one that was killed a moment ago has none."""
    try:
        return str(path) in {file.path for file in psutil.Process(pid).open_files()}
    except psutil.NoSuchProcess:
        return False


def until_free(place: LibraryPlace) -> Any:
    until = time.monotonic() + 30
    while True:
        try:
            return open_library(place)
        except StoreBusyError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


@pytest.mark.ray
def test_what_a_writer_took_in_is_found_by_the_next_one(writer: Any, tmp_path: Path) -> None:
    import ray

    one, two = described("one", 30), described("two", 20)
    assert ray.get(writer.add.remote([entry_of(x) for x in (one, two)], pack(one), pack(two)), timeout=60) == 50
    assert ray.get(writer.remove.remote([one.recording.sha256, "0" * 64]), timeout=60) == 30
    assert ray.get(writer.ready.remote(), timeout=60) == 20
    ray.get(writer.close.remote(), timeout=60)
    library = open_library(LibraryPlace.of(str(tmp_path / "kept")))
    assert library.store.recordings() == {two.recording.sha256: 20}
    assert unpack(pack(library.described(two.recording.sha256)), type(two)).recording == two.recording
    library.close()

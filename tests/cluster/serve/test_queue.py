"""The queue of jobs: in the order of each song, fair between clients, with places that come true."""

from __future__ import annotations

import pickle
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.serve import board
from cluster.serve.queue import JobQueue, QueuedJob
from cluster.serve.refusals import absent
from cluster.serve.work import WorkNews, WorkOrder, WorkResult
from ensemble.errors import BandError
from tests.cluster.serve.studios import ended, studio_at, uploaded


def taken(queue: JobQueue) -> str | None:
    job = queue.take()
    return None if job is None else job.id


def test_a_client_with_many_jobs_does_not_keep_another_waiting() -> None:
    queue = JobQueue()
    for number in range(10):
        queue.add(QueuedJob(f"a{number}", f"song {number}", "a"))
    assert taken(queue) == "a0"
    queue.add(QueuedJob("b0", "another", "b"))
    assert queue.places()["b0"] == 1
    queue.end("a0")
    assert taken(queue) == "b0"


def test_jobs_of_one_song_are_done_one_at_a_time_and_in_order() -> None:
    queue = JobQueue()
    for name, client in (("first", "a"), ("second", "b"), ("third", "a")):
        queue.add(QueuedJob(name, "song", client))
    assert taken(queue) == "first"
    assert taken(queue) is None
    queue.end("first")
    assert taken(queue) == "second"
    queue.end("second")
    assert taken(queue) == "third"


def test_a_job_that_is_dropped_is_not_done() -> None:
    queue = JobQueue()
    queue.add(QueuedJob("a", "song", "client"))
    assert queue.drop("a")
    assert not queue.drop("a")
    assert taken(queue) is None


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("uvwxyz")), min_size=1, max_size=30))
def test_places_come_true_where_each_job_ends_before_the_next(jobs: list[tuple[str, str]]) -> None:
    queue = JobQueue()
    for number, (client, song) in enumerate(jobs):
        queue.add(QueuedJob(str(number), song, client))
    said = sorted(queue.places().items(), key=lambda place: place[1])
    order = []
    while (name := taken(queue)) is not None:
        order.append(name)
        queue.end(name)
    assert order == [name for name, _ in said]
    assert sorted(order, key=int) == [str(number) for number in range(len(jobs))]
    for song in {song for _, song in jobs}:
        of_song = [int(name) for name in order if jobs[int(name)][1] == song]
        assert of_song == sorted(of_song)


def test_a_refusal_survives_the_trip_between_actors() -> None:
    error = absent("song")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (again.status, again.reason, again.code, str(again)) == (404, "not_found", "studio", str(error))


class LosingRenderers:
    """Are lost so many times, one after the other."""

    num_slots = 1

    def __init__(self, times: int) -> None:
        self._left = times

    async def work(self, order: WorkOrder) -> AsyncIterator[WorkNews | WorkResult]:
        self._left -= 1
        if self._left >= 0:
            raise BandError(order.job, "was lost", "")
        yield WorkResult("done")


@pytest.mark.parametrize(("times", "state"), [(3, "done"), (4, "failed")])
def test_a_job_is_given_out_again_until_a_lost_machine_is_known_to_be_lost(
    tmp_path: Path, short_leader_file: Path, monkeypatch: pytest.MonkeyPatch, times: int, state: str
) -> None:
    monkeypatch.setattr(board, "PAUSES_S", (0.0, 0.01, 0.02))
    with studio_at(tmp_path, LosingRenderers(times)) as client:
        song = uploaded(client, short_leader_file)
        job = ended(client, client.post(f"/api/songs/{song}/render", json={}).json()["id"])
        assert job["state"] == state
        assert (job["error"] is None) == (state == "done")

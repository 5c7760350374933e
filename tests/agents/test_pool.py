"""The pool: every job is answered once, by another worker where the first was lost; what is unfit or late is said."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import ray

from agents.pool import TRIES, ActorPool
from ensemble.errors import AudioError, BandError, DeadlineError, JobLostError

pytestmark = pytest.mark.ray


class Worker:
    """Answers with the job; some jobs kill it, fail, or take long."""

    def __init__(self, number: int, folder: str, fitness: str = "") -> None:
        self._number, self._folder, self._fitness = number, Path(folder), fitness

    def ready(self) -> str:
        if self._fitness == "unfit":
            raise AudioError("node", "has no sound")
        if self._fitness == "dying":
            os.kill(os.getpid(), signal.SIGKILL)
        return f"worker {self._number}"

    def do(self, job: str) -> str | None:
        with (self._folder / job).open("a") as begun:
            begun.write("x")
        times = (self._folder / job).stat().st_size
        if job.startswith("deadly") or (job.startswith("unlucky") and times == 1):
            time.sleep(0.5)  # the answer before this one is under way
            os.kill(os.getpid(), signal.SIGKILL)
        if job.startswith("wrong"):
            raise ValueError(job)
        if job.startswith("long"):
            time.sleep(60.0)
        return None if job == "nothing" else job


def pool(folder: Path, count: int = 2, fitness: str = "", **asked: Any) -> ActorPool[str]:
    kind: Any = ray.remote(Worker).options(num_cpus=0.1)
    return ActorPool(
        lambda number: kind.remote(number, str(folder), fitness), count,
        ask=lambda actor, job: actor.do.remote(job), **{"deadline_s": 60.0} | asked,
    )  # fmt: skip


@pytest.mark.parametrize("ahead", [1, 2])
def test_every_job_has_one_answer_though_workers_die(local_ray: None, tmp_path: Path, ahead: int) -> None:
    jobs = ["a", "unlucky", "b", "deadly", "nothing", "wrong", "c"]
    lost: list[str] = []
    with pool(tmp_path, ahead=ahead, on_lost=lambda _name, job: lost.append(job)) as workers:
        answers = list(workers.run(iter(jobs)))
        assert sorted(job for job, _ in answers) == sorted(jobs)
        told = dict(answers)
        assert [told[job] for job in ("a", "unlucky", "b", "nothing", "c")] == ["a", "unlucky", "b", None, "c"]
        assert isinstance(told["deadly"], JobLostError)
        assert str(told["wrong"]) == "its worker: failed (ValueError: wrong)"
        assert sorted(lost) == ["deadly"] * TRIES + ["unlucky"]  # nobody else's job is blamed
        assert workers.num_lost == TRIES + 1
        assert dict(workers.run(["again"])) == {"again": "again"}
    for job in ("a", "b", "c", "wrong"):
        assert (tmp_path / job).read_text() == "x"


def test_what_a_lost_worker_had_finished_is_its_answer(local_ray: None, tmp_path: Path) -> None:
    with pool(tmp_path, 1, on_lost=lambda name, job: f"{job} by {name}") as workers:
        assert dict(workers.run(["deadly"])) == {"deadly": "deadly by worker 0"}


def test_a_job_that_takes_too_long_ends_and_the_next_one_is_done(local_ray: None, tmp_path: Path) -> None:
    with pool(tmp_path, 1, ahead=2, deadline_s=5.0) as workers:
        told = dict(workers.run(["long", "a"]))
    assert isinstance(told["long"], DeadlineError)
    assert told["a"] == "a"
    assert (tmp_path / "long").read_text() == "x"


@pytest.mark.parametrize(("fitness", "said"), [("unfit", "has no sound"), ("dying", "died 3 times before its first")])
def test_where_no_worker_can_start_it_is_said_why(local_ray: None, tmp_path: Path, fitness: str, said: str) -> None:
    with pool(tmp_path, 2, fitness) as workers, pytest.raises((AudioError, BandError), match=said):
        list(workers.run(["a"]))


def test_closing_ends_what_is_being_done(local_ray: None, tmp_path: Path) -> None:
    lost: list[str] = []
    workers = pool(tmp_path, 1, ahead=2, on_lost=lambda _name, job: lost.append(job))
    with workers:
        assert next(workers.run(["a", "long"])) == ("a", "a")
    assert lost == ["long"]

"""A studio without Ray: its jobs are done in threads of the test's process."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from starlette.testclient import TestClient

from cluster.serve.app import make_app
from cluster.serve.renderers import Renderers, in_thread
from cluster.serve.storage import StudioStorage
from cluster.serve.studio import Studio
from cluster.serve.work import WorkNews, WorkOrder, WorkResult

KEY = "the-key-of-the-tests"
OWNER = {"authorization": f"Bearer {KEY}"}
OPEN = ("queued", "running")


class ThreadRenderers:
    """One renderer, in a thread of this process."""

    num_slots = 1

    def work(self, order: WorkOrder) -> AsyncIterator[WorkNews | WorkResult]:
        return in_thread(order)


@contextmanager
def studio_at(root: Path, renderers: Renderers | None = None, **limits: Any) -> Iterator[TestClient]:
    """A studio over this folder, asked by its owner."""
    studio = Studio(StudioStorage(root), renderers or ThreadRenderers(), **limits)
    app = make_app(studio, KEY, ("studio",))
    with TestClient(app, "http://studio", headers=OWNER) as client:
        yield client


def ended(client: httpx2.Client, job: str) -> dict[str, Any]:
    """A job, once it has ended."""
    while (found := client.get(f"/api/jobs/{job}").json())["state"] in OPEN:
        time.sleep(0.05)
    return dict(found)


def done(client: httpx2.Client, response: Any) -> dict[str, Any]:
    """The job that was asked for, once it is done."""
    assert response.status_code == 202, response.text
    job = ended(client, response.json()["id"])
    assert job["state"] == "done", job
    return job


def uploaded(client: httpx2.Client, path: Path, name: str = "a song.wav") -> str:
    """The id of a song that was uploaded."""
    answer = client.post("/api/songs", params={"name": name}, content=path.read_bytes())
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])

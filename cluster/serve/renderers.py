"""Who does the jobs: a Serve deployment of renderers, whose number follows the queue; or one thread, without Ray."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

from cluster.serve.work import WorkNews, WorkOrder, WorkResult, work
from ensemble.errors import BandError
from ensemble.leaders import leader_path
from ensemble.threads import one_thread

NICENESS = 5
"""Renderers leave the cores to whoever answers the pages."""
WARM_S = 3.0
PAUSES_S = (1.0, 5.0, 15.0)
"""Before a job is given out again whose renderer died on it: until a lost machine is known to be lost, Serve names its
renderers still."""
TRIES = 1 + len(PAUSES_S)


class Renderers(Protocol):
    """Does jobs."""

    num_slots: int
    """How many at a time, at most."""

    def work(self, order: WorkOrder) -> AsyncIterator[WorkNews | WorkResult]:
        """Do a job: what happens, and at last what came of it.

        Raises:
            BandError: the renderer died.
        """


class RenderWorker:
    """One renderer: a process that does one job at a time, and is warm before the first."""

    def __init__(self) -> None:
        os.nice(NICENESS)
        warm_up()

    async def work(self, order: WorkOrder) -> AsyncIterator[WorkNews | WorkResult]:
        """See `Renderers.work`."""
        async for told in in_thread(order):
            yield told


async def in_thread(order: WorkOrder) -> AsyncIterator[WorkNews | WorkResult]:
    """Do a job in a thread of this process, and pass on what it tells."""
    loop, told = asyncio.get_running_loop(), asyncio.Queue[WorkNews | WorkResult]()

    def tell(news: WorkNews | WorkResult) -> None:
        loop.call_soon_threadsafe(told.put_nowait, news)

    def run() -> None:
        with one_thread():
            tell(work(order, tell))

    task = asyncio.create_task(asyncio.to_thread(run))
    while not (task.done() and told.empty()):
        getting = asyncio.create_task(told.get())
        await asyncio.wait({task, getting}, return_when=asyncio.FIRST_COMPLETED)
        if getting.done():
            yield getting.result()
        else:
            getting.cancel()
    task.result()


class ServeRenderers:
    """The renderers of a Serve deployment.

    Args:
        handle: of the deployment of `RenderWorker`.
        num_slots: to how many replicas it may grow.
    """

    def __init__(self, handle: Any, num_slots: int) -> None:
        self._method = handle.options(stream=True).work
        self.num_slots = num_slots

    async def work(self, order: WorkOrder) -> AsyncIterator[WorkNews | WorkResult]:
        """See `Renderers.work`."""
        from ray.exceptions import RayError
        from ray.serve.exceptions import RayServeException

        try:
            async for told in self._method.remote(order):
                yield told
        except (RayError, RayServeException) as error:
            raise BandError("a renderer", f"was lost ({type(error).__name__})", "see `ensemble status`") from error


def warm_up() -> None:
    """Import, compile and load what a render needs, by rendering the beginning of the bundled tune."""
    from ensemble.audio.files import write_clip
    from ensemble.audio.recording import opened
    from ensemble.rendering.render import render

    with tempfile.TemporaryDirectory(prefix="ensemble-warm-") as name, one_thread():
        beginning = Path(name) / "beginning.wav"
        with opened(leader_path()) as recording:
            clip = recording.clip()
        write_clip(beginning, clip.span(0, round(WARM_S * clip.sample_rate)))
        render(beginning, Path(name) / "out", report=False)

"""A render in a process of its own that tells each mark with its time, and can be held at one: the benches' driver.

The first line of standard input is what to do, as JSON; every line of standard output is a mark, as JSON. `at` is of
the machine's monotonic clock, which its namespaces share.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict

from ensemble.errors import BandError, EnsembleError

if TYPE_CHECKING:
    from ensemble.plan import Extension, RenderPlan

ANSWER_S = 30.0
JOINING_S = 90.0
BLOCK_FRAMES = 20


class Wanted(TypedDict, total=False):
    """What to render. Of absent keys the render's own defaults hold."""

    leader: str
    """The recording to follow."""
    out: str
    """The folder to fill."""
    band: str
    """Its name."""
    address: str
    """The Ray to join; a local one is started where it is empty."""
    nodes: int
    """How many nodes of it to wait for."""
    block_frames: int
    """The length of a block."""
    holds: list[int]
    """Numbers of frames after whose delivery the render waits for a line on standard input."""
    look: bool
    """Whether to ask every actor for its host and pid."""
    extend_s: float
    """How much longer than the leader to play, once."""
    uri: str
    """The store of recordings to ask for what comes next."""
    ledger: str
    """The folder that describes the recordings in that store."""
    resume: bool
    """Whether to go on with what an earlier render left in the folder."""


def main() -> None:
    """Render, and tell."""
    said = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what Ray and others print goes to standard error
    wanted: Wanted = json.loads(sys.stdin.readline())

    def tell(**mark: Any) -> None:
        said.write(json.dumps({"at": time.monotonic()} | mark) + "\n")

    try:
        manifest = _render(wanted, tell)
    except EnsembleError as error:
        tell(stage="failed", line=str(error))
        sys.exit(1)
    tell(stage="done", manifest=manifest)


def _render(wanted: Wanted, tell: Any) -> dict[str, Any]:
    from ensemble.events import Events
    from ensemble.perform import Pace
    from ensemble.rendering.render import render, resume

    holds = set(wanted.get("holds", []))

    def on_progress(stage: str, done: int, total: int) -> None:
        tell(stage=stage, done=done, total=total)
        if stage == "play" and done in holds:
            sys.stdin.readline()

    with _ray(wanted):
        tell(stage="joined", pid=os.getpid())

        def band_factory(plan: RenderPlan) -> Any:
            from agents import RayBand
            from agents.node_check import fingerprint_digest
            from cluster.planner import plan_placement
            from ensemble.play.warm import compile_kernels

            compile_kernels()
            band = RayBand(plan, planner=partial(plan_placement, fingerprint=fingerprint_digest()))
            tell(stage="loaded", actors=_actors() if wanted.get("look", True) else [])
            return band

        told = Events(progress=on_progress)
        pace = Pace(block_frames=wanted.get("block_frames", BLOCK_FRAMES))
        if wanted.get("resume", False):
            made = resume(wanted["out"], band_factory=band_factory, pace=pace, events=told)
        else:
            made = render(
                wanted.get("leader"), wanted["out"], band=wanted.get("band", "rock"), band_factory=band_factory,
                pace=pace, extension=_extension(wanted), events=told,
            )  # fmt: skip
    return made.model_dump(mode="json")


@contextlib.contextmanager
def _ray(wanted: Wanted) -> Iterator[None]:
    """Join the Ray that is named and wait for its nodes, or start one."""
    from cluster.sessions.attach import joined_ray
    from cluster.sessions.local import local_ray

    address = wanted.get("address")
    with joined_ray(address) if address else local_ray(num_cpus=2):
        import ray

        until = time.monotonic() + JOINING_S
        nodes: Any = ray.nodes  # Ray does not say what it is
        while sum(node["Alive"] for node in nodes()) < wanted.get("nodes", 1):
            if time.monotonic() > until:
                raise BandError("Ray", f"has fewer than {wanted.get('nodes')} nodes after {JOINING_S:g} s")
            time.sleep(0.1)
        yield


def _actors() -> list[dict[str, Any]]:
    """Each actor's name, host and pid."""
    import ray

    actors: list[Any] = [ray.get_actor(name) for name in sorted(ray.util.list_named_actors())]
    rows: list[dict[str, Any]] = ray.get([actor.status.remote() for actor in actors], timeout=ANSWER_S)
    return [{key: row[key] for key in ("name", "host", "pid")} for row in rows]


def _extension(wanted: Wanted) -> Extension | None:
    if "extend_s" not in wanted:
        return None
    from ensemble.plan import Extension
    from ensemble.retrieve.settings import RetrieveSettings

    place = RetrieveSettings(uri=wanted.get("uri", ""), ledger=wanted.get("ledger", ""))
    return Extension(extend_s=wanted["extend_s"], top_k=1, retrieve=place)


if __name__ == "__main__":
    main()

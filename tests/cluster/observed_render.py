"""A render to be looked at: a Ray of its own with a dashboard, a leader that goes on, one player killed. A program.

Arguments: an empty folder. Says where it is in one JSON document a line, and goes on when it is told a line.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from agents import RayBand
from cluster.sessions.local import local_ray
from cluster.watch.recording import recording
from ensemble import render
from ensemble.audio.files import prepared_clip, read_clip, write_clip
from ensemble.events import Events
from ensemble.leaders import leader_path
from ensemble.plan import Extension, RenderPlan
from ensemble.play.warm import compile_kernels
from ensemble.retrieve.find_sources import find_sources
from ensemble.retrieve.index_local import index_sources
from ensemble.retrieve.library.opening import LibraryPlace
from ensemble.retrieve.settings import RetrieveSettings
from ensemble.types.music import AudioClip

RATE = 16_000


def say(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()
    sys.stdin.readline()


def material(folder: Path) -> tuple[Path, Extension]:
    """Seven seconds of the bundled guitar, and a store that holds all of it, to go on with."""
    whole = prepared_clip(read_clip(leader_path()), RATE)
    write_clip(folder / "whole.wav", whole)
    write_clip(
        folder / "leader.wav", AudioClip(samples=np.ascontiguousarray(whole.samples[:, : 7 * RATE]), sample_rate=RATE)
    )
    index_sources(find_sources([folder / "whole.wav"]), LibraryPlace.of(str(folder / "index")))
    return folder / "leader.wav", Extension(extend_s=3.0, top_k=1, retrieve=RetrieveSettings(uri=str(folder / "index")))


def main(folder: Path) -> None:
    compile_kernels()
    leader, extension = material(folder)
    with ExitStack() as opened, recording(folder / "driver.log", folder / "trace.json", sys.stderr.write):
        url = opened.enter_context(local_ray(num_cpus=2, dashboard=True))
        import ray
        from ray._private import worker

        node: Any = worker._global_node
        say(address=node.gcs_address, session=node.get_session_dir_path(), dashboard=url)
        band: list[RayBand] = []

        def seat(plan: RenderPlan) -> RayBand:
            band.append(RayBand(plan))
            return band[0]

        told = set[str]()

        def on_progress(stage: str, done: int, total: int) -> None:
            if stage == "play" and done > total / 4 and not told:
                told.add("killed")
                status = ray.get(band[0].seat().players["bass"].actor.status.remote(), timeout=30)
                os.kill(status["pid"], signal.SIGKILL)
            if stage == "play" and done > total / 2 and "playing" not in told:
                told.add("playing")
                for left_s in (0.3, 0.2, -0.1):  # as it would be told of a live session
                    band[0].was_ready(left_s)
                band[0].has_rested(0.8)
                say(stage="playing", killed="bass")

        render(
            leader,
            folder / "out",
            sample_rate=RATE,
            band_factory=seat,
            extension=extension,
            events=Events(progress=on_progress),
        )
        say(stage="done")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

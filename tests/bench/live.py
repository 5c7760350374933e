"""`make live-bench`: whether the band would be in time, on a clock that is simulated: as fast as this machine can.

The leader is the bundled guitar, again and again; then it stops at once, its last notes cut off.
"""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from typing import Annotated

import numpy as np
import typer

from ensemble.audio.files import prepared_clip, read_clip
from ensemble.band import LocalBand
from ensemble.config import load_band
from ensemble.leaders import leader_path
from ensemble.live.settings import LiveSettings
from ensemble.plan import RenderPlan
from ensemble.rendering.live import LiveSession
from ensemble.rendering.live_run import deadlines_of, run_simulated, stop_reaction_bars
from ensemble.rendering.request import request_for

RATE = 48_000
BLOCK = RATE // 50
MIB = 1024


def main(
    seconds: Annotated[int, typer.Option(min=20, help="How long the leader plays.")] = 600,
    band: Annotated[str, typer.Option(help="Who follows.")] = "rock",
    horizon: Annotated[float, typer.Option(help="How far ahead the band commits, in seconds.")] = 0.4,
) -> None:
    """Follow for some minutes, and print how much of the horizon was left, as JSON."""
    live = LiveSettings(horizon_s=horizon)
    request = request_for(load_band(band), sample_rate=RATE, live=live)
    session = LiveSession(request, LocalBand(RenderPlan(request=request, leader_sha256="")))
    session.warm_up()
    guitar = prepared_clip(read_clip(leader_path()), RATE).samples.mean(axis=0)
    memory: list[float] = []

    def blocks() -> Iterator[np.ndarray]:
        for block in range(seconds * RATE // BLOCK):
            if block % (60 * RATE // BLOCK) == 0:
                memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB)
            yield np.take(guitar, np.arange(block * BLOCK, (block + 1) * BLOCK), mode="wrap")

    run_simulated(session, blocks(), RATE)
    deadlines = deadlines_of(session)
    slope = np.polyfit(np.arange(len(memory)), memory, 1)[0] if len(memory) > 2 else 0.0
    document = {
        "seconds": seconds,
        "players": len(request.band.followers),
        **deadlines.model_dump(),
        "stop_reaction_bars": stop_reaction_bars(session, RATE),
        "mib_per_minute": round(float(slope), 2),
    }
    print(json.dumps(document))


if __name__ == "__main__":
    typer.run(main)

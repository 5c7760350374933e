"""`make live-bench`: whether the band would be in time, on a clock that is simulated: as fast as this machine can.

Each 20 ms count as come when it would have, and the band as ready when the work on it and on all before it
is done. The leader is the bundled guitar, again and again.
"""

from __future__ import annotations

import json
import resource
import time
from typing import Annotated

import numpy as np
import typer

from ensemble.audio.files import prepared_clip, read_clip
from ensemble.band import LocalBand
from ensemble.clock import FRAME_RATE_HZ
from ensemble.config import load_band
from ensemble.leaders import leader_path
from ensemble.live.settings import LiveSettings
from ensemble.plan import RenderPlan
from ensemble.rendering.live import LiveSession, in_steps
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
    request = request_for(load_band(band), sample_rate=RATE, live=LiveSettings(horizon_s=horizon))
    session = LiveSession(request, LocalBand(RenderPlan(request=request, leader_sha256="")))
    session.warm_up()
    guitar = prepared_clip(read_clip(leader_path()), RATE).samples.mean(axis=0)
    left_ms: list[float] = []
    memory: list[float] = []
    ready_s = 0.0
    for block in range(seconds * RATE // BLOCK):
        samples = np.take(guitar, np.arange(block * BLOCK, (block + 1) * BLOCK), mode="wrap")
        begun = time.perf_counter()
        played = list(session.hear(in_steps(samples)[1]))
        ready_s = max(ready_s, (block + 1) * BLOCK / RATE) + time.perf_counter() - begun
        due_s = [one.start_frame / FRAME_RATE_HZ for one in played]
        left_ms += [1000 * (due - ready_s) for due in due_s if due >= horizon]
        if block % (60 * 50) == 0:
            memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB)
    stop_bars = _stop_bars(session)
    slope = np.polyfit(np.arange(len(memory)), memory, 1)[0] if len(memory) > 2 else 0.0
    document = {
        "seconds": seconds,
        "players": len(request.band.followers),
        "deadline_hit_rate": round(float(np.mean(np.array(left_ms) >= 0)), 5),
        "horizon_left_p50_ms": round(float(np.percentile(left_ms, 50)), 1),
        "horizon_left_p99_ms": round(float(np.percentile(left_ms, 1)), 1),
        "stop_reaction_bars": stop_bars,
        "mib_per_minute": round(float(slope), 2),
    }
    print(json.dumps(document))


def _stop_bars(session: LiveSession) -> float | None:
    """How many bars after the leader has stopped the band is 20 dB down; None where it is not within six seconds.

    The guitar's last notes are cut off, so that the leader stops at once.
    """
    stopped = session.num_samples
    before = session.follower.position
    played = [one for _ in range(6) for one in session.hear(np.zeros(RATE, np.float32))]
    levels_db = [10 * np.log10(np.square(one.sound).mean() + 1e-12) for one in played]
    usual_db = np.median(levels_db[:2])
    down = next((one.start_sample for one, db in zip(played, levels_db, strict=True) if db < usual_db - 20), None)
    bar_s = 60 / before.tempo_bpm * before.beats_per_bar
    return None if down is None else round((down - stopped) / RATE / bar_s, 2)


if __name__ == "__main__":
    typer.run(main)

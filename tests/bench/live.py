"""`make live-bench`: whether the band would be in time, on a clock that is simulated: as fast as this machine can.

The leader is the bundled guitar, again and again; then it stops at once, its last notes cut off. Another is twice as
loud after a while. Beats and chords are held against the references of a folder, as `ensemble evaluate live` does.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
import typer

from agents import RayBand
from cluster.sessions.local import local_ray
from ensemble.audio.files import prepared_clip, read_clip
from ensemble.band import Band, LocalBand
from ensemble.config import BandSettings, load_band
from ensemble.leaders import leader_path
from ensemble.live.horizon import read_horizon
from ensemble.live.settings import LiveSettings
from ensemble.measure.live import FIGURES
from ensemble.plan import RenderPlan, RenderRequest
from ensemble.rendering.evaluate_live import evaluate_live
from ensemble.rendering.live import LiveSession
from ensemble.rendering.live_run import deadlines_of, run_simulated, stop_reaction_bars
from ensemble.rendering.request import request_for
from ensemble.types.music import FloatArray

RATE = 48_000
BLOCK = RATE // 50
MIB = 1 << 20
AGAIN_S = 20
"""So much of the leader is followed again, in other blocks."""
SOFT_S, LOUD_S = 20, 6
"""How long the leader plays softly, and then twice as loud."""
WINDOW = RATE // 20
LEAST_DB = 0.5
"""A band whose loudness changes by less does not follow."""


def main(
    seconds: Annotated[int, typer.Option(min=20, help="How long the leader plays.")] = 600,
    band: Annotated[str, typer.Option(help="Who follows.")] = "rock",
    players: Annotated[int | None, typer.Option(min=1, help="So many players, the band's again and again.")] = None,
    horizon: Annotated[str, typer.Option(help="How far ahead the band commits: seconds, or 1beat.")] = "0.4",
    ray: Annotated[bool, typer.Option("--ray", help="Every player is an actor on a Ray of its own.")] = False,
    references: Annotated[
        Path | None, typer.Option(help="Recordings with beats and chords beside them, to measure these, too.")
    ] = None,
) -> None:
    """Follow for some minutes, and print how much of the horizon was left, as JSON."""
    ahead, who = read_horizon(horizon), _with_players(load_band(band), players)
    live = LiveSettings(horizon_s=ahead.seconds, horizon_beats=ahead.beats)
    request = request_for(who, sample_rate=RATE, live=live)
    plan = RenderPlan(request=request, leader_sha256="")
    guitar = prepared_clip(read_clip(leader_path()), RATE).samples.mean(axis=0)
    with ExitStack() as stack:
        if ray:
            stack.enter_context(local_ray())
        playing = RayBand(plan) if ray else LocalBand(plan)
        stack.callback(playing.close)
        session = LiveSession(request, playing)
        cost = session.warm_up()
        memory: list[float] = []
        run_simulated(session, _blocks(guitar, seconds, memory), RATE)
        deadlines = deadlines_of(session)
        settled = memory[len(memory) // 2 :]  # by then all is loaded, and what is kept of the past is full
        slope = np.polyfit(np.arange(len(settled)), settled, 1)[0] if len(settled) > 2 else 0.0
        off_ms = 1000 * np.abs(session.follower.beat_errors_s)
        document: dict[str, Any] = {
            "seconds": seconds,
            "players": len(who.followers),
            "on_ray": ray,
            "cost": round(cost, 3),
            **deadlines.model_dump(),
            "slower_ms": slower_ms(session),
            "beat_off_later_p50_ms": round(float(np.median(off_ms)), 1) if len(off_ms) else None,
            "stop_reaction_bars": stop_reaction_bars(session, RATE),
            "loudness_reaction_s": loudness_reaction_s(request, playing, guitar),
            "replay_equal": replay_equal(request, playing, guitar),
            "mib_per_minute": round(float(slope), 2),
            **dict.fromkeys(FIGURES),
        }
    if references is not None:
        measured = evaluate_live(references, load_band(band), live)
        document |= {name: measured[name] for name in FIGURES}
        document["replay_equal"] = document["replay_equal"] and measured["replay_equal"]
    print(json.dumps(document))


def slower_ms(session: LiveSession) -> float:
    """By how much less of the horizon is left in the last tenth of a session than in its second, in the median."""
    tenths = np.array_split(1000 * np.array(session.left_s), 10)
    return round(float(np.median(tenths[1]) - np.median(tenths[-1])), 1)


def _with_players(band: BandSettings, players: int | None) -> BandSettings:
    """The band, or so many players: its own again and again, with numbers behind their names."""
    if players is None:
        return band
    again = itertools.islice(itertools.cycle(band.followers), players)
    named = [one.model_copy(update={"name": f"{one.name}_{number}"}) for number, one in enumerate(again)]
    return band.model_copy(update={"followers": tuple(named)})


def _blocks(guitar: FloatArray, seconds: int, memory: list[float]) -> Iterator[FloatArray]:
    for block in range(seconds * RATE // BLOCK):
        if block % (60 * RATE // BLOCK) == 0:
            memory.append(psutil.Process().memory_info().rss / MIB)
        yield np.take(guitar, np.arange(block * BLOCK, (block + 1) * BLOCK), mode="wrap")


def loudness_reaction_s(request: RenderRequest, band: Band, guitar: FloatArray) -> float | None:
    """How long after the leader has doubled its loudness the band has made half of what it makes of that.

    Two sessions that are equal up to there are compared, so the music's own changes do not count.
    """
    leader = np.take(guitar, np.arange((SOFT_S + LOUD_S) * RATE), mode="wrap") / np.float32(2)
    louder = leader * np.where(np.arange(len(leader)) < SOFT_S * RATE, np.float32(1), np.float32(2))
    levels_db = []
    for one in (leader, louder):
        sound = np.concatenate([quantum.sound for quantum in LiveSession(request, band).hear(one)], axis=1)
        windows = np.square(sound[:, : sound.shape[1] // WINDOW * WINDOW]).mean(axis=0).reshape(-1, WINDOW)
        levels_db.append(10 * np.log10(windows.mean(axis=1) + 1e-9))
    rise_db = levels_db[1] - levels_db[0]
    starts_s = np.arange(len(rise_db)) * WINDOW / RATE
    later = rise_db[starts_s > SOFT_S + LOUD_S / 3]
    if not len(later) or np.median(later) < LEAST_DB:
        return None
    rises = (starts_s >= SOFT_S) & (rise_db >= np.median(later) / 2)
    return round(float(starts_s[int(np.argmax(rises))] - SOFT_S), 2)


def replay_equal(request: RenderRequest, band: Band, guitar: FloatArray) -> bool:
    """Whether a stream that is cut otherwise gives the same samples."""
    leader, found = np.take(guitar, np.arange(AGAIN_S * RATE), mode="wrap"), []
    for size in (BLOCK, 7919):
        session = LiveSession(request, band)
        for start in range(0, len(leader), size):
            list(session.hear(leader[start : start + size]))
        list(session.end())
        found.append(session.samples_sha256)
    return found[0] == found[1]


if __name__ == "__main__":
    typer.run(main)

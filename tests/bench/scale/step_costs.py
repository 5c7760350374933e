"""What a block costs on this machine, by CPU time: what the simulation is fed with."""

from __future__ import annotations

import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from ensemble import clock
from ensemble.audio.files import write_clip
from ensemble.band import Band, LocalBand
from ensemble.plan import RenderPlan
from ensemble.rendering.leader import LEADER, Lead
from ensemble.rendering.recorder import TakeRecorder
from ensemble.wire import pack
from tests.bench.scale.block_times import Played, play
from tests.bench.scale.simulation import Costs


def measured_costs(band: Band, lead: Lead, plan: RenderPlan) -> Costs:
    """Play a plan once with a band that is seated on the Ray of this process, and account for every CPU second.

    The mean of every actor's step is its process's CPU time per call: the step, and all that Ray does around it there.
    How single steps lie about the mean is taken from the same steps in this process. What the raylet and the GCS do
    counts with the driver's other threads, per call.
    """
    steps, sizes = _steps_here(lead, plan)
    play_into_files(band, lead, plan)  # what mixing imports and compiles is no cost of a block
    played, spent = play_into_files(band, lead, plan)
    names = [follower.name for follower in plan.band.followers]
    calls = played.num_blocks * (len(names) + 1)
    stems = played.num_blocks * len(names)
    conducting_s = spent.conductor_s / played.num_blocks / float(np.mean(steps["conductor"]))
    playing_s = spent.players_s / stems / float(np.mean([np.mean(steps[name]) for name in names]))
    return Costs(
        conduct_s=_scaled(steps["conductor"], conducting_s),
        play_s=tuple(_scaled(steps[name], playing_s) for name in names),
        submit_s=played.submit_s / calls,
        collect_s=max(0.0, played.collect_s) / stems,
        aside_s=max(0.0, spent.driver_s + spent.servers_s - played.submit_s - played.collect_s - played.mix_s) / calls,
        mix_s=played.mix_s / stems,
        **sizes,
    )


@dataclass(frozen=True, kw_only=True)
class Spent:
    """CPU seconds of one performance: of the conductor's process, all players', this one, Ray's own servers.
    others_share: what everybody else took of this machine's cores.
    """

    conductor_s: float
    players_s: float
    driver_s: float
    servers_s: float
    others_share: float


def play_into_files(band: Band, lead: Lead, plan: RenderPlan) -> tuple[Played, Spent]:
    """Play a plan, two blocks in flight, with stems written and mixed, and note who spent how much CPU meanwhile."""
    with tempfile.TemporaryDirectory(prefix="ensemble-bench-") as folder:
        write_clip(Path(folder) / LEADER, lead.clip.span(0, lead.clip.num_samples))
        with TakeRecorder(lead, plan, Path(folder), lambda *_: None, lambda _: None) as studio:
            before, all_s, here_s = cpu_s(), _machine_s(), time.process_time()
            played = play(band, lead, plan, in_flight=2, recorder=studio)
            here_s, all_s, after = time.process_time() - here_s, _machine_s() - all_s, cpu_s()
    all_cores_s = played.wall_s * (os.cpu_count() or 1)
    spent = {name: after[name] - before.get(name, 0.0) for name in after}
    conductor_s = sum(seconds for name, seconds in spent.items() if "Conductor" in name)
    players_s = sum(seconds for name, seconds in spent.items() if "Instrument" in name)
    servers_s = sum(spent.values()) - conductor_s - players_s
    return played, Spent(
        conductor_s=conductor_s, players_s=players_s, driver_s=here_s, servers_s=servers_s,
        others_share=max(0.0, all_s - here_s - sum(spent.values())) / all_cores_s,
    )  # fmt: skip


def _scaled(steps_s: list[float], factor: float) -> tuple[float, ...]:
    return tuple(step_s * factor for step_s in steps_s)


def _steps_here(lead: Lead, plan: RenderPlan) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Seconds of every step in this process by worker, the first few left out; and how large the messages are."""
    band = LocalBand(plan)
    if lead.known is None:
        raise ValueError("the leader has not been heard")
    heard, num_frames = band.hold(lead.known), clock.frames_for(lead.clip.num_samples, plan.sample_rate)
    band.arrange(heard, num_frames)
    names = [follower.name for follower in plan.band.followers]
    conducting, playing = band.start_conducting(), {name: band.start_playing(name) for name in names}
    steps: dict[str, list[float]] = defaultdict(list)
    sizes: dict[str, int] = {}
    for block in clock.blocks(num_frames, clock.QUANTUM_FRAMES):
        began_s = time.perf_counter()
        score, conducting = band.conduct(heard, num_frames, block, conducting)
        steps["conductor"].append(time.perf_counter() - began_s)
        for name in names:
            began_s = time.perf_counter()
            stem, playing[name] = band.play(name, score, playing[name])
            steps[name].append(time.perf_counter() - began_s)
        largest = max(len(pack(state.token)) for state in playing.values())
        found = {"score_bytes": len(pack(score.token)), "state_bytes": largest, "stem_bytes": len(pack(stem.token))}
        sizes = {name: max(size, sizes.get(name, 0)) for name, size in found.items()}
    return {name: taken[3:] or taken for name, taken in steps.items()}, sizes


def _machine_s() -> float:
    """CPU seconds so far of everything on this machine."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)


def cpu_s() -> dict[str, float]:
    """CPU seconds so far of every process of the Ray that this one has started, by name and number."""
    return {f"{name}:{process.pid}": sum(process.cpu_times()[:2]) for name, process in _ray_processes()}


def _ray_processes() -> Iterator[tuple[str, psutil.Process]]:
    for process in psutil.Process().children(recursive=True):
        try:
            title = (process.cmdline() or [""])[0]
            yield (title if title.startswith("ray::") else process.name()), process
        except psutil.Error:
            continue

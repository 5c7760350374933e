"""Many renders on one Ray, in each of which an actor is killed at random: is anything left, does the memory grow?"""

from __future__ import annotations

import contextlib
import io
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import psutil

from ensemble.errors import BandError
from tests.bench.chaos.leftovers import leftovers

WARM_SHARE = 0.3
"""The share of the renders that come before memory is watched: pools fill, caches warm."""
SETTLE_S = 10.0
"""What is still there so long after the last render counts as left."""
MAX_SLOPE_MIB = 1.0
"""The growth per render that counts as a leak; what Ray notes of every actor that ever was is far below."""
BLOCK_FRAMES = 20
_SEED = 6


class Leak(TypedDict):
    """What came of many renders."""

    renders: int
    """How many there were."""
    kills: int
    """Actors that were killed."""
    equal: int
    """Renders that had the first one's hashes."""
    left: list[str]
    """Actors, placement groups, processes and files that were still there when all renders were done."""
    slopes_mib: dict[str, float]
    """By process: growth of its own memory per render after warming up, by a line through all (Theil and Sen)."""
    stall_s: float
    """The longest time between two delivered blocks."""
    replayed: int
    """The most blocks that any one part worked on again in a render."""


def leak(leader: Path, folder: Path, renders: int) -> Leak:
    """Render again and again.

    Args:
        leader: what to follow.
        folder: that `own_folder` lent; what is new in it at the end was left behind.
        renders: how many times.

    Raises:
        EnsembleError: a render failed, or no actor could be killed.
    """
    from agents import RayBand
    from cluster.sessions.local import local_ray
    from ensemble.events import Events
    from ensemble.perform import Pace
    from ensemble.rendering.render import render

    chance = random.Random(_SEED)
    memory, hashes = [], []
    kills = replayed = 0
    stall_s = 0.0
    before = leftovers(folder)
    # Ray prints its own words about every loss; ours come with the result.
    with contextlib.redirect_stdout(io.StringIO()), local_ray(num_cpus=2):
        bare = _actors() | _groups()
        for _ in range(renders):
            killer = RandomKill(chance)
            with tempfile.TemporaryDirectory(prefix="ensemble-leak-") as place:
                made = render(
                    leader, Path(place) / "out", band_factory=RayBand, pace=Pace(block_frames=BLOCK_FRAMES),
                    events=Events(progress=killer),
                )  # fmt: skip
            kills += killer.kills
            stall_s = max(stall_s, killer.stall_s)
            replayed = max(replayed, *made.execution.replays.values(), 0)
            hashes.append({name: file.sha256 for name, file in made.takes["take-00"].files.items()})
            memory.append(_memory_mib())
        left = _settled(lambda: (_actors() | _groups()) - bare)
    left |= leftovers(folder) - before
    if not kills:
        raise BandError("leak", "killed no actor", "do more renders")
    return Leak(
        renders=renders, kills=kills, equal=sum(one == hashes[0] for one in hashes), left=sorted(left),
        slopes_mib=_slopes(memory), stall_s=round(stall_s, 3), replayed=replayed,
    )  # fmt: skip


class RandomKill:
    """Follows a render, and kills one of its actors at a block drawn by lot."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._at = chance.uniform(0.05, 0.9)
        self._last: float | None = None
        self.kills = 0
        self.stall_s = 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Told by the render how far it is."""
        if stage != "play":
            return
        now = time.monotonic()
        self.stall_s = max(self.stall_s, now - self._last if self._last is not None else 0.0)
        if not self.kills and done >= self._at * total:
            pids = [process.pid for process in _players()]
            if pids:
                os.kill(self._chance.choice(sorted(pids)), signal.SIGKILL)
                self.kills = 1
        self._last = time.monotonic()


def _players() -> Iterator[psutil.Process]:
    """The processes of instruments and the conductor."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            title = " ".join(process.cmdline())
            if title.startswith("ray::") and any(name in title for name in ("Instrument", "Conductor")):
                yield process


def _actors() -> set[str]:
    import ray

    names: Any = ray.util.list_named_actors(all_namespaces=True)
    return {f"actor {one['name']}" for one in names} | {f"actor's process {one.pid}" for one in _players()}


def _groups() -> set[str]:
    import ray

    table: Any = ray.util.placement_group_table()
    return {f"placement group {name}" for name, group in table.items() if group["state"] != "REMOVED"}


def _settled(left: Callable[[], set[str]]) -> set[str]:
    """What is still there a moment later."""
    until = time.monotonic() + SETTLE_S
    while (still := left()) and time.monotonic() < until:
        time.sleep(0.2)
    return still


def _memory_mib() -> dict[str, float]:
    """Memory that each long-lived process has to itself; workers come and go."""
    own: dict[str, float] = {}
    driver = psutil.Process()
    for process in [driver, *driver.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            name = "driver" if process == driver else _part(process)
            if name:
                own[name] = own.get(name, 0.0) + process.memory_full_info().uss / 2**20
    return own


def _part(process: psutil.Process) -> str:
    title = " ".join(process.cmdline())
    if title.startswith("ray::"):
        return title.split()[0].removeprefix("ray::") if "Agent" in title else ""
    return process.name() if process.name() in ("raylet", "gcs_server") else ""


def _slopes(memory: list[dict[str, float]]) -> dict[str, float]:
    from scipy.stats import theilslopes

    watched = memory[round(WARM_SHARE * len(memory)) :]
    names = sorted(set.intersection(*(set(one) for one in watched)))
    at = np.arange(len(watched))
    return {name: round(float(theilslopes([one[name] for one in watched], at)[0]), 3) for name in names}


def is_good(found: Leak) -> bool:
    """Nothing is left, nothing differs, and nothing grows."""
    is_flat = all(slope < MAX_SLOPE_MIB for slope in found["slopes_mib"].values())
    return not found["left"] and found["equal"] == found["renders"] and is_flat

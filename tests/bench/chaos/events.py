"""What is done to a render on purpose: one function an event, on a scene, while the render runs."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psutil

from ensemble.errors import BandError
from tests.bench.chaos.marked_render import Wanted
from tests.bench.chaos.scenes import WORKERS, HostScene, Scene
from tests.bench.chaos.watched import Watched

MOMENT = 400
"""The frame (of 10 ms) after whose delivery it happens."""
PAUSE_S = 0.1
FROZEN_S = 8.0
"""Longer than the health checks take."""
DOWN_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happens to a render."""

    happen: Callable[[Any, Watched], str]
    """Does it, on a scene and to a render, and returns what there is to say."""
    around: Callable[[Any], contextlib.AbstractContextManager[None]] = lambda _scene: contextlib.nullcontext()
    """What holds on the scene while the render runs."""
    on: str = "head"
    """The host that the render is started on, where there are hosts."""
    wanted: Wanted = field(default_factory=Wanted)
    """What the render is asked beside its leader and folder."""
    needs_hosts: bool = False
    """Whether one machine will not do."""
    is_before_playing: bool = False
    """Whether it happens before the first block, so that the time to the next stage counts."""


def actor_killed_loading(scene: Scene, watched: Watched) -> str:
    """An instrument's process dies before it has loaded its voice."""
    watched.until("seat")
    until = time.monotonic() + 60.0
    while time.monotonic() < until:
        for process in scene.processes():
            if "Instrument" in (title := _title(process)):
                process.kill()
                return f"killed as {title.rpartition(':')[2]}"
        time.sleep(0.005)
    raise BandError("chaos", "saw no instrument come")


def actor_killed_playing(scene: Scene, watched: Watched) -> str:
    """An instrument's process dies with a block in its hands: it is stopped, gets its block, and is killed."""
    return _killed_playing(scene, watched, "bass")


def conductor_killed_playing(scene: Scene, watched: Watched) -> str:
    """The conductor's process dies with a block in its hands."""
    return _killed_playing(scene, watched, "conductor")


def actor_killed_between_blocks(scene: Scene, watched: Watched) -> str:
    """An instrument's process dies between two calls: the driver holds after a block."""
    victim = _actor(watched, "bass")
    watched.until("play", MOMENT)
    time.sleep(PAUSE_S)  # what was in flight is answered
    scene.signal(victim, signal.SIGKILL)
    watched.go_on()
    return f"held for {PAUSE_S:g} s before"


def host_killed(scene: HostScene, watched: Watched) -> str:
    """All processes of the busiest worker die."""
    victim, num_actors = _busiest(scene, watched)
    victim.kill()
    return f"{num_actors} actors on it"


def host_frozen(scene: HostScene, watched: Watched) -> str:
    """The busiest worker answers nothing until it has been given up, and then is back."""
    victim, num_actors = _busiest(scene, watched)
    victim.freeze()
    time.sleep(FROZEN_S)
    victim.thaw()
    return f"{num_actors} actors on it, back after {FROZEN_S:g} s"


def network_cut_1s(scene: HostScene, watched: Watched) -> str:
    """The busiest worker's cable is out for a second."""
    victim, num_actors = _busiest(scene, watched)
    victim.cut()
    time.sleep(1.0)
    victim.heal()
    return f"{num_actors} actors behind it"


def network_cut(scene: HostScene, watched: Watched) -> str:
    """The busiest worker's cable is out for good."""
    victim, num_actors = _busiest(scene, watched)
    victim.cut()
    return f"{num_actors} actors behind it"


def gcs_restarted(scene: HostScene, watched: Watched) -> str:
    """The control plane's server is killed, and started again; what it knew is in Redis."""
    scene.need_redis()
    watched.until("play", MOMENT)
    was = scene.ray.kill_gcs()
    time.sleep(DOWN_S)
    scene.ray.start_gcs(was)
    return f"down for {DOWN_S:g} s"


def head_restarted(scene: HostScene, watched: Watched) -> str:
    """The head's host dies and is started again, control plane and all; the render's driver runs on a worker."""
    scene.need_redis()
    watched.until("play", MOMENT)
    head = scene.ray.head
    head.kill()
    began = time.monotonic()
    head.restart()
    scene.ray.start_head()
    return f"back after {time.monotonic() - began:.1f} s"


def actor_killed_after_head_restart(scene: HostScene, watched: Watched) -> str:
    """The head's host dies and comes back while the render holds; then an instrument dies, which needs the head."""
    scene.need_redis()
    victim = _actor(watched, "bass")
    watched.until("play", MOMENT)
    scene.ray.head.kill()
    scene.ray.head.restart()
    scene.ray.start_head()
    watched.counted_from = time.monotonic()
    watched.go_on()
    watched.until("play", MOMENT + 60)
    scene.signal(victim, signal.SIGKILL)
    return "the head was back before"


def object_store_full(scene: HostScene, watched: Watched) -> str:
    """Every node's store is full of objects in use, before the render begins and until it ends."""
    watched.until("play", MOMENT)
    return scene.filled


@contextlib.contextmanager
def _full_stores(scene: HostScene) -> Iterator[None]:
    with scene.full_stores():
        yield


_ON_HOSTS: dict[str, Any] = {"needs_hosts": True}
EVENTS: dict[str, Event] = {
    "actor_killed_loading": Event(happen=actor_killed_loading, is_before_playing=True),
    "actor_killed_playing": Event(happen=actor_killed_playing),
    "conductor_killed_playing": Event(happen=conductor_killed_playing),
    "actor_killed_between_blocks": Event(happen=actor_killed_between_blocks, wanted={"holds": [MOMENT]}),
    "host_killed": Event(happen=host_killed, **_ON_HOSTS),
    "host_frozen": Event(happen=host_frozen, **_ON_HOSTS),
    "network_cut_1s": Event(happen=network_cut_1s, **_ON_HOSTS),
    "network_cut": Event(happen=network_cut, **_ON_HOSTS),
    "object_store_full": Event(happen=object_store_full, around=_full_stores, **_ON_HOSTS),
    "gcs_restarted": Event(happen=gcs_restarted, **_ON_HOSTS),
    "head_restarted": Event(happen=head_restarted, on=WORKERS[0], **_ON_HOSTS),
    "actor_killed_after_head_restart": Event(
        happen=actor_killed_after_head_restart, on=WORKERS[0], wanted={"holds": [MOMENT]}, **_ON_HOSTS
    ),
}


def _killed_playing(scene: Scene, watched: Watched, who: str) -> str:
    victim = _actor(watched, who)
    watched.until("play", MOMENT)
    scene.signal(victim, signal.SIGSTOP)
    time.sleep(PAUSE_S)
    scene.signal(victim, signal.SIGKILL)
    return f"stopped {PAUSE_S:g} s before"


def _actor(watched: Watched, name: str) -> dict[str, Any]:
    for actor in watched.actors():
        if name in str(actor["name"]).split(", "):
            return actor
    raise BandError("chaos", f"no actor plays {name}")


def _busiest(scene: HostScene, watched: Watched) -> Any:
    actors = watched.actors()
    victim = scene.busiest(actors)
    watched.until("play", MOMENT)
    scene.hurt.add(victim.name)
    return victim, sum(actor["host"] == victim.name for actor in actors)


def _title(process: psutil.Process) -> str:
    try:
        title = " ".join(process.cmdline()).strip()
    except psutil.Error:
        return ""
    return title if title.startswith("ray::") else ""

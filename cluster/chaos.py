"""`ensemble bench chaos`: renders are disturbed on purpose, and must end with the hashes of an undisturbed one."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypedDict

import psutil

from cluster.marked_render import Wanted
from cluster.scenes import HostScene, LocalScene, Scene, host_scene
from cluster.watched import Watched, hashes
from ensemble.errors import BandError

LEADER, LEADER_S = "guitar.wav", 8.0
MOMENT = 400
"""The frame (of 10 ms) after whose delivery it happens."""
PAUSE_S = 0.1
FROZEN_S = 8.0
"""Longer than the health checks take."""


class Row(TypedDict):
    """What came of one event.

    stall_s: the longest time between two delivered blocks; of an event before the first, how long it held the render
    up. blocks_replayed: the most that any one part played again; None where nobody counted. hashes_equal: None where
    there was nothing to compare. said: the one line of a render that ended, or what else is worth knowing.
    """

    event: str
    stall_s: float | None
    blocks_replayed: int | None
    hashes_equal: bool | None
    said: str


Disturb = Callable[[Any, Watched], str]
"""Does something to a scene while a render runs; returns what there is to say."""


def actor_killed_loading(scene: Scene, watched: Watched) -> str:
    """An instrument's process dies before it has loaded its voice."""
    watched.until("seat")
    until = time.monotonic() + 60.0
    while time.monotonic() < until:
        for process in scene.processes():
            if _title(process).startswith("ray::Instrument"):
                process.kill()
                return f"killed as {_title(process)}"
        time.sleep(0.005)
    raise BandError("chaos", "saw no instrument come")


def actor_killed_playing(scene: Scene, watched: Watched) -> str:
    """An instrument's process dies with a block in its hands: it is stopped, gets its block, and is killed."""
    victim = _seat(watched, "bass")
    watched.until("play", MOMENT)
    scene.signal(victim, signal.SIGSTOP)
    time.sleep(PAUSE_S)
    scene.signal(victim, signal.SIGKILL)
    return f"stopped {PAUSE_S:g} s before"


def conductor_killed_playing(scene: Scene, watched: Watched) -> str:
    """The conductor's process dies with a block in its hands."""
    victim = _seat(watched, "conductor")
    watched.until("play", MOMENT)
    scene.signal(victim, signal.SIGSTOP)
    time.sleep(PAUSE_S)
    scene.signal(victim, signal.SIGKILL)
    return f"stopped {PAUSE_S:g} s before"


def actor_killed_between_blocks(scene: Scene, watched: Watched) -> str:
    """An instrument's process dies while nobody asks anything of it: the driver holds after a block."""
    victim = _seat(watched, "bass")
    watched.until("play", MOMENT)
    time.sleep(PAUSE_S)  # what was in flight is answered
    scene.signal(victim, signal.SIGKILL)
    watched.go_on()
    return f"held {PAUSE_S:g} s before"


def host_killed(scene: HostScene, watched: Watched) -> str:
    """All processes of the busiest worker die."""
    victim, seats = _busiest(scene, watched)
    victim.kill()
    return f"{seats} seats on it"


def host_frozen(scene: HostScene, watched: Watched) -> str:
    """The busiest worker answers nothing until it has been given up, and then is back."""
    victim, seats = _busiest(scene, watched)
    victim.freeze()
    time.sleep(FROZEN_S)
    victim.thaw()
    return f"{seats} seats on it, back after {FROZEN_S:g} s"


def network_cut_1s(scene: HostScene, watched: Watched) -> str:
    """The busiest worker's cable is out for a second."""
    victim, seats = _busiest(scene, watched)
    victim.cut()
    time.sleep(1.0)
    victim.heal()
    return f"{seats} seats behind it"


def network_cut(scene: HostScene, watched: Watched) -> str:
    """The busiest worker's cable is out for good."""
    victim, seats = _busiest(scene, watched)
    victim.cut()
    return f"{seats} seats behind it"


def gcs_restarted(scene: HostScene, watched: Watched) -> str:
    """The control plane's server is killed, and started again two seconds later; what it knew is in Redis."""
    if scene.redis is None:
        raise BandError("gcs_restarted", "needs redis-server", "apt install redis-server")
    _seat(watched, "bass")
    watched.until("play", MOMENT)
    was = scene.ray.kill_gcs()
    time.sleep(2.0)
    scene.ray.start_gcs(was)
    return "down for 2 s"


ANYWHERE: dict[str, Disturb] = {
    event.__name__: event
    for event in (
        actor_killed_loading, actor_killed_playing, conductor_killed_playing, actor_killed_between_blocks,
    )
}  # fmt: skip
ON_HOSTS: dict[str, Disturb] = {
    event.__name__: event for event in (host_killed, host_frozen, network_cut_1s, network_cut, gcs_restarted)
}
EVENTS = tuple(ANYWHERE | ON_HOSTS)


def chaos(events: Sequence[str], *, with_hosts: bool, on_stage: Callable[[str], None]) -> Iterator[Row]:
    """Render once undisturbed, then once for each event.

    Args:
        events: by name.
        with_hosts: on three hosts that are namespaces of this machine; otherwise each on a local Ray.
        on_stage: told what is being done.

    Raises:
        BandError: an event is unknown, or needs hosts; the machine cannot have any; the undisturbed render failed.
    """
    known = ANYWHERE | (ON_HOSTS if with_hosts else {})
    for name in events:
        if name not in known:
            raise BandError(name, "is no event" if name not in EVENTS else "needs several hosts", ", ".join(known))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ensemble-chaos-")))
        _write_leader(folder / LEADER)
        on_stage("start Ray")
        scene: Any = stack.enter_context(host_scene()) if with_hosts else LocalScene()
        on_stage("undisturbed")
        expected = hashes(scene.start(_wanted(folder, "undisturbed")).end())
        for name in events:
            on_stage(name)
            yield disturbed(scene, known[name], _wanted(folder, name), expected)


def disturbed(scene: Any, event: Disturb, wanted: Wanted, expected: dict[str, str]) -> Row:
    """Render once while something happens, and compare."""
    name = event.__name__
    held = {"holds": [MOMENT]} if event is actor_killed_between_blocks else {}
    watched = scene.start({**wanted, **held})
    try:
        said = event(scene, watched)
        happened = time.monotonic()
        manifest = watched.end()
    except BandError as error:
        return Row(event=name, stall_s=None, blocks_replayed=None, hashes_equal=None, said=str(error))
    finally:
        watched.process.kill()
        if isinstance(scene, HostScene) and name in ON_HOSTS:
            scene.renew_hurt()
    stall_s = watched.stall_s
    if event is actor_killed_loading:
        stall_s = next(mark["at"] for mark in watched.marks if mark["stage"] == "seated") - happened
    return Row(
        event=name,
        stall_s=round(stall_s, 3),
        blocks_replayed=_replayed(manifest),
        hashes_equal=hashes(manifest) == expected,
        said=said,
    )


def _wanted(folder: Path, name: str) -> Wanted:
    return {"leader": str(folder / LEADER), "out": str(folder / name)}


def _write_leader(path: Path) -> None:
    """The beginning of the bundled guitar."""
    from ensemble import demo
    from ensemble.audio.files import read_clip, write_clip
    from ensemble.types import AudioClip

    whole = read_clip(demo.leader_path())
    write_clip(
        path,
        AudioClip(
            samples=whole.samples[:, : round(LEADER_S * whole.sample_rate)].copy(), sample_rate=whole.sample_rate
        ),
    )


def _replayed(manifest: dict[str, Any]) -> int | None:
    """The most blocks that any part played again."""
    replays: dict[str, int] | None = manifest["execution"].get("replays")
    return None if replays is None else max(replays.values(), default=0)


def _seat(watched: Watched, name: str) -> dict[str, Any]:
    for seat in watched.seats():
        if name in str(seat["name"]).split(", "):
            return seat
    raise BandError("chaos", f"nobody is seated as {name}")


def _busiest(scene: HostScene, watched: Watched) -> Any:
    seats = watched.seats()
    victim = scene.busiest(seats)
    watched.until("play", MOMENT)
    scene.hurt.add(victim.name)
    return victim, sum(seat["host"] == victim.name for seat in seats)


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()).strip()
    except psutil.Error:
        return ""

"""Renders are disturbed on purpose, and must end with the hashes of an undisturbed one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ensemble.errors import BandError
from tests.bench.chaos.batch_trial import batch_host_killed
from tests.bench.chaos.events import EVENTS
from tests.bench.chaos.leftovers import own_folder
from tests.bench.chaos.marked_render import Wanted
from tests.bench.chaos.row import Row, fresh, judged
from tests.bench.chaos.scenes import HostScene, LocalScene, host_scene
from tests.bench.chaos.trials import ANYWHERE, ON_HOSTS, Trial

LEADER, LEADER_S = "guitar.wav", 8.0
LEAK = "leak"
TRIALS: dict[str, Trial] = ANYWHERE | ON_HOSTS | {"batch_host_killed": batch_host_killed}


def chaos(
    events: Sequence[str], *, with_hosts: bool, renders: int = 50, on_stage: Callable[[str], None]
) -> Iterator[Row]:
    """Render once undisturbed, then once for each event.

    Args:
        events: by name; all that can be done when empty.
        with_hosts: on three hosts that are namespaces of this machine; otherwise each on a local Ray.
        renders: how many `leak` does.
        on_stage: told what is being done.

    Raises:
        BandError: an event is unknown, or needs hosts; the machine cannot have any; the undisturbed render failed.
    """
    known = [name for name, event in EVENTS.items() if with_hosts or not event.needs_hosts]
    known += [*(TRIALS if with_hosts else ANYWHERE), LEAK]
    for name in events:
        if name not in (*EVENTS, *TRIALS, LEAK):
            raise BandError(name, "is no event", f"choose of {', '.join((*EVENTS, *TRIALS, LEAK))}")
        if name not in known:
            raise BandError(name, "needs several hosts", "leave out --local")
    chosen = events or known
    with ExitStack() as stack:
        folder = stack.enter_context(own_folder())
        write_leader(folder / LEADER)
        if LEAK in chosen:
            on_stage(LEAK)
            yield leaked(folder, renders)
        if set(chosen) == {LEAK}:
            return
        on_stage("start Ray")
        scene: Any = stack.enter_context(host_scene()) if with_hosts else LocalScene()
        on_stage("undisturbed")
        undisturbed = scene.start(_wanted(folder, "undisturbed"))
        expected = undisturbed.end()
        for name in (name for name in chosen if name != LEAK):
            on_stage(name)
            if name in EVENTS:
                yield disturbed(scene, name, _wanted(folder, name), undisturbed.stall_s, expected)
            else:
                yield from TRIALS[name](scene, str(folder / LEADER), folder / name, undisturbed.stall_s, expected)


def disturbed(scene: Any, name: str, wanted: Wanted, usual_s: float, expected: dict[str, Any]) -> Row:
    """Render once while something happens, and compare.

    Args:
        scene: where.
        name: of the event.
        wanted: the render.
        usual_s: the longest time between two blocks of a render that nothing happens to.
        expected: its manifest.
    """
    event = EVENTS[name]
    row = fresh(name, usual_s)
    with ExitStack() as stack:
        if isinstance(scene, HostScene):
            stack.callback(scene.renew_hurt)
        try:
            stack.enter_context(event.around(scene))
            watched = scene.start({**wanted, **event.wanted}, event.on)
            stack.callback(watched.close)
            row["said"] = event.happen(scene, watched)
            happened = time.monotonic()
            judged(row, watched, expected)
        except BandError as error:
            row["said"] = str(error)
            return row
    if event.is_before_playing:
        row["stall_s"] = round(watched.since("loaded", happened), 3)
    return row


def leaked(folder: Path, renders: int) -> Row:
    """Many renders on one Ray, each with an actor killed at random."""
    from tests.bench.chaos.leak import is_good, leak

    found = leak(folder / LEADER, folder, renders)
    row = fresh(LEAK, 0.0)
    row["stall_s"], row["blocks_replayed"] = found["stall_s"], found["replayed"]
    row["hashes_equal"], row["is_good"] = found["equal"] == renders, is_good(found)
    grows = ", ".join(f"{name} {slope:+.2f}" for name, slope in found["slopes_mib"].items())
    left = f"left {', '.join(found['left'])}" if found["left"] else "nothing left"
    row["said"] = f"{found['kills']} kills in {renders} renders; {left}; MiB a render: {grows}"
    return row


def write_leader(path: Path) -> None:
    """The beginning of the bundled guitar."""
    from ensemble.audio.files import read_clip, write_clip
    from ensemble.leaders import leader_path
    from ensemble.types.music import AudioClip

    whole = read_clip(leader_path())
    beginning = whole.samples[:, : round(LEADER_S * whole.sample_rate)].copy()
    write_clip(path, AudioClip(samples=beginning, sample_rate=whole.sample_rate))


def _wanted(folder: Path, name: str) -> Wanted:
    return {"leader": str(folder / LEADER), "out": str(folder / name)}

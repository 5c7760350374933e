"""`ensemble render` of a folder or list: renders every leader and shows what became of each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from cluster.cli.batch_view import BatchMonitor, show_batch
from cluster.cli.json_output import print_result
from cluster.cli.placement_options import PlacementOptions, enter_ray, prepare_machine
from ensemble.errors import ConfigError


def render_many(
    place: Path,
    out: str,
    settings: Callable[[], dict[str, Any]],
    where: PlacementOptions,
    *,
    dashboard: bool,
    block_frames: int,
    force: bool,
    report: bool,
    as_json: bool,
) -> None:
    """Render every leader of a folder or list.

    Args:
        place: the folder, or the list.
        out: the folder or URL to fill.
        settings: makes the arguments of `request_for`; a list may name another band or seed for a leader.
        where: in this process, or on which Ray with how many actors.
        dashboard: serve the Ray dashboard while it runs.
        block_frames: block length in control frames; never changes the sound.
        force: replace other renders in `out`.
        report: write `report.html`, too.
        as_json: print the summary as JSON.
    """
    if where.keep_warm_s:
        raise ConfigError("--keep-warm", "keeps the band of one leader", "leave it out; `ensemble up` keeps a Ray")
    if where.local and (where.actors or dashboard):
        raise ConfigError("--local", "plays without actors or dashboard", "leave out --actors and --dashboard")
    with BatchMonitor(quiet=as_json) as monitor:
        monitor.say("reading the list of leaders")
        from cluster.batch.batch import plan_batch, run_batch
        from cluster.batch.leaders import read_leaders
        from ensemble.rendering.request import request_for

        leaders = read_leaders(place)
        if leaders.skipped:
            monitor.say(f"skipped: {_few(leaders.skipped)}")
        monitor.expect(len(leaders.entries))
        batch = plan_batch(
            leaders.entries, out, request_for(**settings()), force=force, report=report, on_outcome=monitor.outcome
        )
        workers: int | None = 0
        if batch.jobs:
            prepare_machine(monitor, (job.request.extension for job in batch.jobs))
            if not where.local:
                enter_ray(monitor, where.address, monitor.say, dashboard=dashboard)
                workers = where.actors
        summary = run_batch(
            batch, workers=workers, block_frames=block_frames, on_outcome=monitor.outcome, on_note=monitor.say
        )
    print_result(as_json, summary.document(), lambda: show_batch(summary))
    if not summary.is_good:
        raise typer.Exit(1)


def _few(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown

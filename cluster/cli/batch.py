"""`ensemble render` of a folder or list: renders every leader and shows what became of each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cluster.cli.batch_view import BatchMonitor, show_batch
from cluster.cli.json_output import print_json
from cluster.cli.placement_options import enter_ray, prepare_machine
from ensemble.errors import ConfigError

if TYPE_CHECKING:
    from cluster.batch.batch import Batch, BatchSummary


def render_many(
    place: Path, out: str, band: str, asked: dict[str, Any], how: dict[str, Any], *, force: bool, as_json: bool
) -> None:
    """Render every leader of a folder or list.

    Args:
        place: the folder, or the list.
        out: the folder or URL to fill.
        band: of the leaders for which the list names no other.
        asked: the other arguments of `request_for`.
        how: `where`, `dashboard` and `block_frames`.
        force: replace other renders in `out`.
        as_json: print the summary as JSON.
    """
    if how["where"].local and (how["where"].actors or how["dashboard"]):
        raise ConfigError("--local", "plays without actors or dashboard", "leave out --actors and --dashboard")
    with BatchMonitor(quiet=as_json) as monitor:
        monitor.say("reading the list of leaders")
        from cluster.batch.batch import plan_batch
        from cluster.batch.leaders import read_leaders
        from ensemble.rendering.request import request_for

        leaders = read_leaders(place)
        if leaders.skipped:
            monitor.say(f"skipped: {_few(leaders.skipped)}")
        monitor.expect(len(leaders.entries))
        request = request_for(band, **asked)
        batch = plan_batch(leaders.entries, out, request, force=force, on_outcome=monitor.outcome)
        summary = _run(batch, monitor, how)
    if as_json:
        print_json(summary.document())
    else:
        show_batch(summary)
    if not summary.is_good:
        raise typer.Exit(1)


def _run(batch: Batch, monitor: BatchMonitor, how: dict[str, Any]) -> BatchSummary:
    from cluster.batch.batch import run_batch

    options: Any = {"on_outcome": monitor.outcome, "on_note": monitor.say, "block_frames": how["block_frames"]}
    if not batch.jobs:
        return run_batch(batch, workers=0, **options)
    prepare_machine(monitor, (job.request.extension for job in batch.jobs))
    if how["where"].local:
        return run_batch(batch, workers=0, **options)
    enter_ray(monitor, how["where"].address, monitor.say, dashboard=how["dashboard"])
    return run_batch(batch, workers=how["where"].actors, **options)


def _few(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown

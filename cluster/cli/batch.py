"""`ensemble render` of a folder or list: renders every leader and shows what became of each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cluster.cli.json_output import print_json
from cluster.cli.placement_options import enter_ray
from ensemble.errors import ConfigError

if TYPE_CHECKING:
    from cluster.batch.batch import Batch, BatchSummary
    from cluster.cli.batch_view import BatchMonitor


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
    from cluster.cli.batch_view import BatchMonitor, show_batch

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
    _prepare(batch, monitor)
    if how["where"].local:
        return run_batch(batch, workers=0, **options)
    enter_ray(monitor, how["where"].address, monitor.say, dashboard=how["dashboard"])
    return run_batch(batch, workers=how["where"].actors, **options)


def _prepare(batch: Batch, monitor: BatchMonitor) -> None:
    """Compile the kernels and index the bundled music here, so that no worker has to."""
    from ensemble.play.warm import compile_kernels, kernels_are_cached

    if not kernels_are_cached():
        monitor.say("compiling the synthesis kernels for this machine, once")
        compile_kernels()
    if any(job.request.extension is not None and not job.request.extension.retrieve.uri for job in batch.jobs):
        from ensemble.retrieve.default_library import open_filled
        from ensemble.retrieve.settings import RetrieveSettings

        monitor.say("indexing the bundled music, once")
        with open_filled(RetrieveSettings(), lambda _stage, _done, _total: None):
            pass


def _few(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown

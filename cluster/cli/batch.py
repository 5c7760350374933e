"""`ensemble render` of many leaders: calls the batch, shows what became of everybody."""

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


def is_roster(leader: str) -> bool:
    """Whether a leader on the command line is many."""
    from cluster.batch.leaders import is_leader_list as is_many

    return is_many(leader)


def render_many(
    place: Path, out: str, band: str, asked: dict[str, Any], how: dict[str, Any], *, force: bool, as_json: bool
) -> None:
    """Render everybody who leads.

    Args:
        place: a folder, or a list.
        out: where to.
        band: of those who name no other.
        asked: the other arguments of `request_for`.
        how: where, dashboard, block_frames.
        force: replace other renders that lie there.
        as_json: print the summary for programs.
    """
    from cluster.cli.batch_view import BatchMonitor, show_batch

    if how["where"].local and (how["where"].actors or how["dashboard"]):
        raise ConfigError("--local", "plays without actors or dashboard", "leave out --actors and --dashboard")
    with BatchMonitor(quiet=as_json) as monitor:
        monitor.say("looking for leaders")
        from cluster.batch.batch import look_through
        from cluster.batch.leaders import read_leaders
        from ensemble.rendering.request import request_for

        roster = read_leaders(place)
        if roster.passed_over:
            monitor.say(f"passed over: {_few(roster.passed_over)}")
        monitor.expect(len(roster.entries))
        request = request_for(band, **asked)
        batch = look_through(roster.entries, out, request, force=force, on_outcome=monitor.outcome)
        summary = _run(batch, monitor, how)
    if as_json:
        print_json(summary.document())
    else:
        show_batch(summary)
    if not summary.is_good:
        raise typer.Exit(1)


def _run(batch: Batch, monitor: BatchMonitor, how: dict[str, Any]) -> BatchSummary:
    from cluster.batch.batch import run_batch

    told: Any = {"on_outcome": monitor.outcome, "on_note": monitor.say, "block_frames": how["block_frames"]}
    if not batch.jobs:
        return run_batch(batch, workers=0, **told)
    _prepare(batch, monitor)
    if how["where"].local:
        return run_batch(batch, workers=0, **told)
    enter_ray(monitor, how["where"].address, monitor.say, dashboard=how["dashboard"])
    return run_batch(batch, workers=how["where"].actors, **told)


def _prepare(batch: Batch, monitor: BatchMonitor) -> None:
    """Compile, and index the bundled music, once, before every worker would."""
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

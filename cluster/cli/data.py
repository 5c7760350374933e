"""`ensemble data ...`: look a data set through, prepare it, compose a new one. Reads arguments, calls, prints."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ensemble.errors import ConfigError, DataError
from ensemble.threads import num_cores

data = typer.Typer(name="data", help="Look a data set through, prepare it, or compose one.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@data.command()
def inspect(
    path: Annotated[Path, typer.Argument(help="The folder of a data set; nothing in it is changed.")],
    seconds: Annotated[
        float | None,
        typer.Option(min=1.0, help="Hear pitch in so many sounding seconds of each take; in all of them if absent."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say which data set a folder is, what it holds, what would be skipped and why, and what looks wrong."""
    from cluster.cli.data_view import show_inspection
    from cluster.cli.progress import Monitor

    with Monitor(quiet=as_json) as monitor:
        monitor.stage("load")
        from ensemble.data.inspect import inspect as look_through
        from ensemble.data.inspect_facts import document

        inspection = look_through(
            path,
            on_progress=lambda _, done, total: monitor.progress("look through", done, total),
            max_seconds_per_take=seconds,
        )
    found = document(inspection)
    if as_json:
        typer.echo(json.dumps(found, indent=2, allow_nan=False))
    else:
        show_inspection(found)
    if not inspection.is_usable:
        reasons = sorted({skip.reason for skip in inspection.skips})
        raise DataError(str(path), f"nothing in it can be used: {'; '.join(reasons[:3])}", "check the export")


@data.command()
def prepare(
    path: Annotated[Path, typer.Argument(help="The folder of a data set; nothing in it is changed.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="CACHE", help="Keep frames there; else in the user's cache.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Ray actors; one per core if absent.")] = None,
    rate: Annotated[int, typer.Option(help="Sample rate that will be trained at, in Hz.")] = 48_000,
    instrument: Annotated[list[str] | None, typer.Option(help="Only this one; may be said again.")] = None,
    local: Annotated[bool, typer.Option("--local", help="Work in this process, without Ray.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compute what training asks for (pitch, loudness, harmonics, noise), once: running it again does what is new."""
    if local and jobs:
        raise ConfigError("--local", "works without actors", "leave out --jobs")
    from cluster.cli.data_view import Pacer, preparation, show_preparation
    from cluster.cli.progress import Monitor

    with Monitor(quiet=as_json) as monitor:
        monitor.stage("load")
        from cluster.training.prepare import prepare as work_off
        from ensemble.train.prepare import only_writer, survey
        from ensemble.train.prepared import default_cache

        cache = out or default_cache()
        monitor.enter_context(only_writer(cache))
        work = survey(
            path, cache, rate, instrument or (), lambda done, total: monitor.progress("see what is new", done, total)
        )
        actors = 0 if local else min(jobs or num_cores(), len(work.new))
        if actors:
            from cluster.sessions.local import local_ray

            monitor.enter_context(redirect_stdout(io.StringIO()))  # Ray's own words about lost workers
            monitor.stage("start Ray")
            monitor.enter_context(local_ray(num_cpus=actors))
        done = work_off(work, jobs=actors, on_progress=Pacer(monitor).tell)
    if as_json:
        typer.echo(json.dumps(preparation(done), indent=2, allow_nan=False))
    else:
        show_preparation(done)
    if not done.num_new + done.num_kept:
        reasons = sorted({skip.reason for skip in done.skips})
        raise DataError(str(path), f"nothing in it can be prepared: {'; '.join(reasons[:3])}", "see `data inspect`")


@data.command()
def colours(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A set that compose wrote.")],
    tracks: Annotated[int, typer.Option(min=1, help="In how many tracks to look.")] = 6,
    soundfont: Annotated[Path | None, typer.Option(help="The one that the set was composed with.")] = None,
) -> None:
    """Show how each instrument's brightness follows its loudness, before and after what compose does about it."""
    from cluster.cli.data_view import show_lines
    from cluster.cli.progress import Monitor

    with Monitor(quiet=False) as monitor:
        monitor.stage("render again without the cures")
        from ensemble.data.compose.brightness import colour_table, written_out

        table = written_out(colour_table(folder, soundfont, tracks))
    show_lines(table)


@data.command()
def compose(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to fill.")],
    tracks: Annotated[int, typer.Option(min=1, help="How many pieces.")],
    seed: Annotated[int, typer.Option(min=0, help="Of every random decision.")] = 0,
    style: Annotated[str, typer.Option(help="house, or other: metres and modes that house never uses.")] = "house",
    rate: Annotated[int, typer.Option(help="Sample rate of the sound, in Hz.")] = 48_000,
    soundfont: Annotated[Path | None, typer.Option(help="SF2 or SF3; Debian's fluid-soundfont-gm if absent.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="How many pieces are made at once.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Compose and render a multitrack set with its true pitch, loudness and notes; what is finished is kept."""
    from cluster.cli.data_view import show_composition
    from cluster.cli.progress import Monitor

    with Monitor(quiet=as_json) as monitor:
        monitor.stage("load")
        from ensemble.data.compose import compose as compose_set

        monitor.stage("compose")
        report = compose_set(
            folder, tracks, seed=seed, style=style, sample_rate=rate, soundfont=soundfont, jobs=jobs,
            on_progress=lambda done, total: monitor.progress("compose", done, total),
        )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(asdict(report), indent=2, allow_nan=False, default=str))
    else:
        show_composition(report)

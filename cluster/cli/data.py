"""`ensemble data`: summarise a data set, prepare it for training, compose a new one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.data_view import (
    Pacer,
    preparation,
    show_composition,
    show_inspection,
    show_preparation,
    show_soundfont,
)
from cluster.cli.json_output import AsJson, print_result
from cluster.cli.placement_options import start_ray
from cluster.cli.progress import Monitor
from ensemble.errors import ConfigError, DataError, OutputError
from ensemble.threads import num_cores

data = typer.Typer(
    name="data", help="Summarise a data set, prepare it for training, or compose one.", no_args_is_help=True
)


@data.command()
def inspect(
    path: Annotated[Path, typer.Argument(help="Folder of a data set; it is only read.")],
    seconds: Annotated[
        float | None,
        typer.Option(min=1.0, help="Sounding seconds of each take in which pitch is measured (default: all)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Summarise a data set: what it holds, what would be skipped and why, and what looks wrong."""
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.data.inspect import inspect as inspect_set
        from ensemble.data.inspect_facts import document

        inspection = inspect_set(
            path,
            on_progress=monitor.progress,
            max_seconds_per_take=seconds,
        )
    found = document(inspection)
    print_result(as_json, found, lambda: show_inspection(found))
    if not inspection.is_usable:
        reasons = sorted({skip.reason for skip in inspection.skips})
        raise DataError(str(path), f"nothing in it can be used: {'; '.join(reasons[:3])}", "check the export")


@data.command()
def prepare(
    path: Annotated[Path, typer.Argument(help="Folder of a data set; it is only read.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="CACHE", help="Folder for the result (default: the user's cache)."),
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Number of Ray workers (default: one per core).")] = None,
    rate: Annotated[int, typer.Option(help="Sample rate of the training in Hz.")] = 48_000,
    instrument: Annotated[list[str] | None, typer.Option(help="Only this instrument; may be given again.")] = None,
    local: Annotated[bool, typer.Option("--local", help="Work in this process, without Ray.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compute what training needs (pitch, loudness, harmonics, noise); run it again to add what is new."""
    if local and jobs:
        raise ConfigError("--local", "works without Ray", "leave out --jobs")

    with Monitor(quiet=as_json, stage="load") as monitor:
        from cluster.training.prepare import prepare as prepare_takes
        from ensemble.train.prepare import only_writer, survey
        from ensemble.train.prepared import default_cache

        cache = out or default_cache()
        monitor.enter_context(only_writer(cache))
        work = survey(path, cache, rate, instrument or (), monitor.progress)
        actors = 0 if local else min(jobs or num_cores(), len(work.new))
        if actors:
            start_ray(monitor, num_cpus=actors)
        done = prepare_takes(work, jobs=actors, on_take=Pacer(monitor).tell)
    print_result(as_json, preparation(done), lambda: show_preparation(done))
    if not done.num_new + done.num_kept:
        reasons = sorted({skip.reason for skip in done.skips})
        raise DataError(str(path), f"nothing in it can be prepared: {'; '.join(reasons[:3])}", "see `data inspect`")


@data.command()
def colours(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A set that `data compose` wrote.")],
    tracks: Annotated[int, typer.Option(min=1, help="Number of tracks to measure.")] = 6,
    soundfont: Annotated[Path | None, typer.Option(help="The soundfont that the set was composed with.")] = None,
) -> None:
    """Show how each instrument's brightness depends on its loudness, with and without the corrections of compose."""
    with Monitor(quiet=False) as monitor:
        monitor.stage("render again without corrections")
        from ensemble.data.compose.brightness import colour_table, written_out

        table = written_out(colour_table(folder, soundfont, tracks))
    typer.echo(table)


@data.command()
def compose(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Output folder.")],
    tracks: Annotated[int, typer.Option(min=1, help="Number of pieces.")],
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    style: Annotated[
        str, typer.Option(help="house, other (metres and modes that house does not use), or songs (whole chords).")
    ] = "house",
    rate: Annotated[int, typer.Option(help="Sample rate in Hz.")] = 48_000,
    soundfont: Annotated[
        list[Path] | None,
        typer.Option(help="SF2 or SF3 file (default: Debian's fluid-soundfont-gm); several play by turns."),
    ] = None,
    hold_out: Annotated[
        Path | None, typer.Option(help="A soundfont that plays every fourth piece: these test, and no others.")
    ] = None,
    instrument: Annotated[
        list[str] | None,
        typer.Option(help="Who plays in every piece (default: six of nine); may be given again."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Number of pieces made at once.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Compose and render a multitrack set with its true pitch, loudness and notes; run it again to continue."""
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.data.compose.corpus import compose as compose_set

        monitor.stage("compose")
        report = compose_set(
            folder, tracks, seed=seed, style=style, sample_rate=rate, soundfonts=soundfont or (),
            held_out=hold_out, instruments=instrument or (), jobs=jobs, on_progress=monitor.progress,
        )  # fmt: skip
    print_result(as_json, asdict(report), lambda: show_composition(report))


@data.command()
def soundfont(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder with one folder of notes per instrument.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The SF2 file.")] = Path("notes.sf2"),
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a soundfont of recordings of single notes, such as violin/A4.wav: data compose --soundfont plays it."""
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.data.compose.recorded_notes import make_soundfont

        if out.exists() and not force:
            raise OutputError(str(out), "exists already", "name another file, or add --force")
        report = make_soundfont(folder, out, monitor.progress)
    found = {
        "path": str(report.path), "notes": report.notes,
        "skips": [{"path": str(skip.path), "reason": skip.reason} for skip in report.skips],
    }  # fmt: skip
    print_result(as_json, found, lambda: show_soundfont(found))

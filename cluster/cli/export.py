"""`ensemble export`: takes a finished render to another program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from cluster.cli.json_output import AsJson, print_json
from cluster.cli.progress import Monitor


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that render wrote.")],
    kind: Annotated[
        Literal["daw", "zip", "stems", "midi", "chart"],
        typer.Option("--as", help="A DAWproject; stems that add up; one MIDI file; a chart; or all in a zip."),
    ] = "zip",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="New file, for stems a folder (default: named after the song).")
    ] = None,
    take: Annotated[str, typer.Option(help="The take.")] = "take-00",
    from_bar_one: Annotated[bool, typer.Option("--from-bar-one", help="Cut everything where bar 1 begins.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take a finished render to a DAW: stems that add up to the mix, tempo, bars, chords and notes."""
    with Monitor(quiet=as_json) as monitor:
        monitor.stage("load")
        from ensemble.export.export import export as write

        monitor.stage("export")
        written = write(folder, kind, out, take=take, from_bar_one=from_bar_one)
    if as_json:
        print_json({"written": str(written)})
    else:
        typer.echo(str(written))

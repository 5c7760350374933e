"""`ensemble report`: writes the page of a finished render again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.json_output import AsJson, print_json
from cluster.cli.progress import Monitor


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that render wrote.")], as_json: AsJson = False
) -> None:
    """Write the report of a finished render again, or for the first time after --no-report."""
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.events import Events
        from ensemble.rendering.replay import report as write

        page = write(folder, events=Events(progress=monitor.progress))
    if as_json:
        print_json({"report": str(page)})
    else:
        typer.echo(str(page))

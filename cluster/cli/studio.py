"""`ensemble studio`: opens the project in a browser."""

from __future__ import annotations

import sys
import webbrowser
from importlib.util import find_spec
from typing import Annotated

import typer

from cluster.cli.placement_options import Address
from cluster.cli.progress import Monitor
from ensemble.errors import ConfigError, OutputError


def studio(
    address: Address = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 for any that is free.")] = 8700,
    data: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder of songs and renders (default: yours), or the URL of one.")
    ] = None,
    renderers: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Songs that are worked on at a time (default: one a core).")
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page.")] = True,
) -> None:
    """Open the studio: record or drop a song, correct what was heard, choose, play again, and take it away."""
    with Monitor(quiet=False, stage="load") as monitor:
        if find_spec("fastapi") is None:
            raise ConfigError("studio", "needs more packages", "install 'ray-ensemble[studio]'")
        from cluster.cli.placement_options import enter_ray, prepare_machine
        from cluster.serve.archive import archive_at, store_at, working_folder
        from cluster.serve.launch import checked_port, studio_running, watch
        from cluster.serve.storage import StudioStorage
        from ensemble.threads import num_cores

        try:
            folder, kept_at = working_folder(data)
        except OSError as error:
            raise OutputError(str(error.filename), str(error.strerror), "name a folder with --data") from error
        port = checked_port(folder, port)
        if kept_at is not None:
            monitor.stage("fetch the songs")
            # Here, where it may take its time and say what is wrong.
            archive = archive_at(StudioStorage(folder), store_at(kept_at))
            monitor.callback(archive.finish)
        prepare_machine(monitor, [])
        stdout = sys.stdout  # Ray's own words are kept off it
        enter_ray(monitor, address, monitor.stage, dashboard=False)
        monitor.stage("start the studio")
        at = monitor.enter_context(
            studio_running(folder, port, max_renderers=renderers or num_cores(), kept_at=kept_at)
        )
        typer.echo(at, file=stdout)
        if browser:
            webbrowser.open(at)
        watch(port)

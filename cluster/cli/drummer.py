"""`ensemble train drummer`. Reads arguments, calls, prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.json_output import AsJson, print_result


def train_drummer(
    midi: Annotated[list[Path], typer.Argument(help="MIDI files with drums on channel 10, as a person played them.")],
    as_json: AsJson = False,
) -> None:
    """Measure how far a drummer's strokes stray in time and force, for the `drummer` of a style."""
    from ensemble.train.drummer import measure_drummer

    found = measure_drummer(midi).model_dump()
    print_result(as_json, found, lambda: _show(found))


def _show(found: dict[str, float]) -> None:
    typer.echo("drummer:")
    for name, value in found.items():
        typer.echo(f"  {name}: {value}")

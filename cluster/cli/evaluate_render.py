"""`ensemble evaluate render`: reads the options, measures, prints the figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cluster.cli.json_output import AsJson, print_result
from cluster.cli.progress import Monitor, number


def evaluate_render(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[DIR|LEADER]...", help="Folders that `render` wrote, or recordings, which are rendered first."
        ),
    ] = None,
    band: Annotated[str, typer.Option(help="Band for a LEADER: rock, quartet or a YAML file.")] = "rock",
    data: Annotated[
        Path | None,
        typer.Option(help="A composed or Slakh set: its melodies lead, and its real parts are measured too."),
    ] = None,
    tracks: Annotated[int, typer.Option(min=1, help="Number of tracks of the set.")] = 6,
    seconds: Annotated[float, typer.Option(min=5.0, help="Seconds of each track.")] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Measure how well a band follows: onsets, drift, clashes, chord tones; and which of these figures are reliable."""
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.rendering.evaluate import evaluate_render as measure

        document = measure(
            sources or [], band=band, data=data, max_tracks=tracks, max_s=seconds,
            on_progress=lambda name, done, total: monitor.progress(f"following {name}", done, total),
        )  # fmt: skip
    print_result(as_json, document, lambda: _show(document))


def _show(document: dict[str, Any]) -> None:
    """Print a line per stem with the figures that pass the validity test, then the names of the others."""
    auc = document["auc"]
    is_tested = any(value is not None for value in auc.values())
    names = document["shown"] if is_tested else list(auc)
    for stem, figures in document["stems"].items():
        cells = [f"{name} {number(figures[name], '.3g')}" for name in names]
        if "key_clash_rate" in names and figures["true_key_clash_rate"] is not None:
            cells.append(f"(true stems {number(figures['true_key_clash_rate'], '.3g')})")
        typer.echo(f"{stem}: " + ", ".join([*cells, f"{figures['range_violations']} notes out of range"]))
    typer.echo(f"voice crossings: {document['voice_crossings']}")
    if not is_tested:
        typer.echo(
            "three leaders or more are needed to test whether these figures are reliable: add some, or --data SET"
        )
        return
    left_out = [f"{name} ({number(value, '.3g')})" for name, value in auc.items() if name not in names]
    told = ", ".join(f"{name} {number(auc[name], '.3g')}" for name in names)
    typer.echo(f"AUC, matched against shuffled: {told}")
    if left_out:
        typer.echo(f"not shown, since they do not tell matched from shuffled bands: {', '.join(left_out)}")

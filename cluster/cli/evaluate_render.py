"""`ensemble evaluate render`. Reads arguments, calls, prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cluster.cli.json_output import AsJson, print_json


def evaluate_render(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[DIR|LEADER]...", help="Renders; or recordings that the band follows first."),
    ] = None,
    band: Annotated[str, typer.Option(help="Who follows a LEADER: a shipped band or a YAML file.")] = "rock",
    data: Annotated[
        Path | None, typer.Option(help="A composed or Slakh set: its tunes lead, its true stems are compared.")
    ] = None,
    tracks: Annotated[int, typer.Option(min=1, help="Of the set: the first so many.")] = 6,
    seconds: Annotated[float, typer.Option(min=5.0, help="How much of each track is followed.")] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Measure how a band follows: onsets, drift, clashes, chord tones; and which of these can be believed."""
    from cluster.cli.progress import Monitor

    with Monitor(quiet=as_json) as monitor:
        monitor.stage("load")
        from ensemble.rendering.evaluate import evaluate_render as measure

        document = measure(
            sources or [], band=band, data=data, max_tracks=tracks, max_s=seconds,
            on_progress=lambda name, done, total: monitor.progress(f"following {name}", done, total),
        )  # fmt: skip
    if as_json:
        print_json(document)
    else:
        _show(document)


def _show(document: dict[str, Any]) -> None:
    """A line per stem with the figures that pass the validity test, and why the others are left out."""
    auc = document["auc"]
    is_tested = any(value is not None for value in auc.values())
    names = document["shown"] if is_tested else list(auc)
    for stem, figures in document["stems"].items():
        cells = [f"{name} {_number(figures[name])}" for name in names]
        if "key_clash_rate" in names and figures["true_key_clash_rate"] is not None:
            cells.append(f"(true stems {_number(figures['true_key_clash_rate'])})")
        typer.echo(f"{stem}: " + ", ".join([*cells, f"{figures['range_violations']} notes out of range"]))
    typer.echo(f"voice crossings: {document['voice_crossings']}")
    if not is_tested:
        typer.echo("whether these figures mean anything needs three leaders or more: add some, or --data SET")
        return
    left_out = [f"{name} ({_number(value)})" for name, value in auc.items() if name not in names]
    told = ", ".join(f"{name} {_number(auc[name])}" for name in names)
    typer.echo(f"AUC, matched against shuffled: {told}")
    if left_out:
        typer.echo(f"not shown, for they cannot tell this leader's band from another's: {', '.join(left_out)}")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"

"""`ensemble evaluate curves`: reads the options, measures, prints the table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from cluster.cli.json_output import AsJson, print_result
from cluster.cli.progress import OUT, Monitor, number

_COLUMNS = {
    "click_ratio": ("clicks", ".2f"), "burst_db": ("burst dB", ".1f"), "octave_slips": ("octave slips", ".3f"),
    "noise_share": ("noise share", ".3f"), "peak": ("peak", ".2f"),
    "onset_ms": ("onsets ms", ".1f"),
}  # fmt: skip


def evaluate_curves(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Recordings of singers or single instruments.")],
    voice: Annotated[
        list[str] | None,
        typer.Option(help="A voice (see `voices`) or a .safetensors file (default: all shipped ones)."),
    ] = None,
    max_s: Annotated[float, typer.Option(min=3, help="Seconds of each recording.")] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Play the pitch and loudness of recordings with voices: clicks, bursts, octave slips, noise, peaks, onsets."""
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.config import weights_dir, weights_in
        from ensemble.measure.real_curves import evaluate_curves as measure

        pitched = [name for name in weights_in(weights_dir("voice")) if name != "drums"]
        document = measure(folder, voice or pitched, max_s, monitor.progress)
    print_result(as_json, document, lambda: _show(document))


def _show(document: dict[str, Any]) -> None:
    table = Table("voice", "recordings", *(title for title, _ in _COLUMNS.values()), box=None, pad_edge=False)
    for name, figures in document["voices"].items():
        shown = (number(figures[figure], form) for figure, (_, form) in _COLUMNS.items())
        table.add_row(Path(name).stem, str(figures["recordings"]), *shown)
    OUT.print(table)
    for name, reason in document["passed_over"].items():
        OUT.print(f"passed over: {name}: {reason}", markup=False)

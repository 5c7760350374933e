"""`ensemble evaluate listening`: reads the options, measures, prints the table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from cluster.cli.json_output import AsJson, print_result
from cluster.cli.progress import OUT, Monitor, number


def evaluate_listening(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="Recordings, each with NAME.beats, .lab, .key, .f0.csv or .notes.csv beside it."
        ),
    ],
    listener: Annotated[
        str | None,
        typer.Option(
            help="A causal listener to ask about chords instead, for comparison: a shipped one's name, or a path."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the listener on recordings with references: chords, beats, bars, tempo, key and pitch."""
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.listen.causal_file import LISTENER
        from ensemble.listen.causal_network import CausalListener
        from ensemble.measure.listening import evaluate_listening as measure

        causal = CausalListener(LISTENER.load(listener)) if listener else None
        document = measure(folder, monitor.progress, causal)
    print_result(as_json, document, lambda: show_listening(document))


HEADINGS = {
    "chords_majmin": "maj/min", "chords_root": "root", "beats_f": "beats", "downbeats_f": "bars", "tempo_acc1": "tempo",
    "metre_accuracy": "metre", "key_weighted": "key", "f0_rpa": "f0", "onsets_f": "onsets",
}  # fmt: skip


def show_listening(document: dict[str, Any]) -> None:
    """Print a line per recording, then the means by kind and of all, their 95 % intervals and the baseline."""
    names = [name for name, count in document["counts"].items() if count]
    table = Table("recording", "kind", box=None, pad_edge=False)
    for name in names:
        table.add_column(HEADINGS[name], no_wrap=True)

    def row(title: str, kind: str, figures: dict[str, float | None]) -> None:
        table.add_row(title, kind, *(number(figures[name], ".2f") for name in names))

    for recording, figures in document["recordings"].items():
        row(recording, figures["kind"] or "", figures)
    table.add_section()
    for kind, figures in document["kinds"].items():
        row("mean", kind, figures)
    row("mean", "all", document)
    row("95 % from", "", {name: document["intervals"][name][0] for name in names})
    row("to", "", {name: document["intervals"][name][1] for name in names})
    row("baseline", "all", document["baseline"])
    if any(value is not None for value in document["causal"].values()):
        row("causal", "all", document["causal"])
    table.add_row("recordings", "", *(str(document["counts"][name]) for name in names))
    OUT.print(table)
    if document["calibration_error"] is not None:
        OUT.print(
            f"calibration error {document['calibration_error']:.2f}: how far confidences lie from how often they hold"
        )

"""`ensemble styles` lists the styles that a band can play in; `evaluate styles` measures what is played in them."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from cluster.cli.json_output import AsJson, print_result
from cluster.cli.progress import OUT, Monitor, number


def evaluate_styles(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[STYLE]...", help="Names or YAML files; all shipped ones if absent.")
    ] = None,
    pieces: Annotated[int, typer.Option(min=4, max=100, help="Composed tunes of each metre to play along with.")] = 12,
    as_json: AsJson = False,
) -> None:
    """Measure whether styles can be told from each other by where they strike, and are as their files say."""
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.measure.styles import evaluate_styles as measure

        document = measure(names or (), pieces, on_progress=monitor.progress)
    print_result(as_json, document, lambda: _show_measures(document))


def _show_measures(document: dict[str, Any]) -> None:
    """A line for each style and metre, then the pair that is hardest to tell apart."""
    table = Table(
        "style", "metre", "AUC", "swing", "syncopation", "as stated", "another take", box=None, pad_edge=False
    )
    for name, by_metre in document["styles"].items():
        for metre, row in by_metre.items():
            others = " ".join(f"{100 * share:.0f}" for share in row["other_take"].values())
            figures = (number(row["auc"], ".2f"), number(row["swing"], ".2f"), number(row["syncopation"], ".1f"))
            table.add_row(name, metre, *figures, "yes" if row["as_stated"] else "no", others)
    OUT.print(table)
    lowest, takes = number(document["auc_min"], ".2f"), number(document["auc_of_takes"], ".2f")
    counted = f"{document['pieces']} tunes of each metre"
    OUT.print(f"lowest AUC {lowest}, of two seeds of one style {takes}; {counted}", markup=False)
    lines = ", ".join(next(iter(next(iter(document["styles"].values())).values()))["other_take"])
    OUT.print(f"another take: percent of the onsets that only one of two seeds has, of {lines}", markup=False)

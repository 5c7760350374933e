"""The learning curve: a CSV for programs and a picture for people."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from ensemble.files.replace import write_output
from ensemble.train.pace import Row

_NOT_DRAWN = {"step", "minutes", "stage", "rate", "train", "held_out"}


def write_curve(folder: Path, rows: Sequence[Row]) -> None:
    """Write `curve.csv` and `curve.png`; later files replace earlier ones whole.

    Raises:
        OutputError: a file cannot be written.
    """
    table = io.StringIO()
    writer = csv.DictWriter(table, fieldnames=list(rows[-1]), restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: f"{value:.6g}" for name, value in row.items()} for row in rows)
    write_output(folder / "curve.csv", table.getvalue().encode())
    write_output(folder / "curve.png", _picture(rows))


def _picture(rows: Sequence[Row]) -> bytes:
    """The losses in one panel, everything else that was audited in one panel each."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [["held_out", "train"], *([name] for name in rows[-1] if name not in _NOT_DRAWN)]
    figure = Figure(figsize=(7.0, 2.0 + 2.0 * len(panels)), layout="constrained")
    FigureCanvasAgg(figure)
    minutes = [row["minutes"] for row in rows]
    for axes, names in zip(figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0], panels, strict=True):
        for name in names:
            axes.plot(minutes, [row[name] for row in rows], label=name.replace("_", " "))
        axes.legend()
        axes.grid(alpha=0.3)
    axes.set(xlabel="minutes of computing")
    picture = io.BytesIO()
    figure.savefig(picture, dpi=110, format="png", metadata={"Software": None})
    return picture.getvalue()

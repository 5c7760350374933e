"""The learning curve: a CSV for programs and a picture for people."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from ensemble.files.replace import write_output
from ensemble.train.pace import Row


def write_curve(folder: Path, rows: Sequence[Row]) -> None:
    """Write `curve.csv` and `curve.png`; later files replace earlier ones whole.

    Raises:
        OutputError: a file cannot be written.
    """
    if not rows:
        return
    table = io.StringIO()
    writer = csv.DictWriter(table, fieldnames=list(rows[-1]), restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: f"{value:.6g}" for name, value in row.items()} for row in rows)
    write_output(folder / "curve.csv", table.getvalue().encode())
    write_output(folder / "curve.png", _picture(rows))


def _picture(rows: Sequence[Row]) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 6.0), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True)
    minutes = [row["minutes"] for row in rows]
    above.plot(minutes, [row["held_out"] for row in rows], label="held out")
    above.plot(minutes, [row["train"] for row in rows], alpha=0.5, label="training")
    turn = next((row["minutes"] for row in rows if row["stage"] == 2), None)
    if turn is not None and turn > minutes[0]:
        above.axvline(turn, color="grey", linestyle=":", label="regression ends")
    above.set(ylabel="spectral distance", ylim=(0.0, None))
    above.legend()
    above.grid(alpha=0.3)
    below.plot(minutes, [row["loudness_error_db"] for row in rows], label="loudness error / dB")
    below.plot(minutes, [row["hnr_error_db"] for row in rows], label="harmonic-to-noise error / dB")
    below.set(xlabel="minutes of computing", ylim=(0.0, 12.0))
    below.legend()
    below.grid(alpha=0.3)
    picture = io.BytesIO()
    figure.savefig(picture, dpi=110, format="png", metadata={"Software": None})
    return picture.getvalue()

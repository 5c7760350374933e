"""`ensemble chart`: reads a chart in any form, and writes it in one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ensemble.errors import OutputError
from ensemble.files.replace import write_whole


def chart(
    file: Annotated[Path, typer.Argument(help="A chart, a ChordPro song, a song shared by iReal Pro, or MusicXML.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write it to this new file, not to the screen.")
    ] = None,
    form: Annotated[Literal["chart", "chordpro"], typer.Option(help="The form to write.")] = "chart",
    transpose: Annotated[int, typer.Option(min=-11, max=11, help="Semitones up, or down where negative.")] = 0,
) -> None:
    """Check a chart, write it in another form or another key."""
    from ensemble.chart.chordpro import write_chordpro
    from ensemble.chart.files import read_chart
    from ensemble.chart.text import write_chart
    from ensemble.chart.transposing import transposed

    song = transposed(read_chart(file), transpose)
    text = write_chart(song) if form == "chart" else write_chordpro(song)
    if out is None:
        typer.echo(text, nl=False)
        return
    if out.exists():
        raise OutputError(str(out), "exists already", "name another file")
    try:
        write_whole(out, text.encode())
    except OSError as error:
        raise OutputError(str(out), f"cannot be written ({error.strerror})", "name another file") from error
